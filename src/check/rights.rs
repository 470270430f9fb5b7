//! The role's rights: what a run would lack, and how it would end.
//!
//! Promises the code of a run for a right that the run needs now, and a warning for one
//! that nothing needs now. What is needed is read off the run's own statements
//! (`migrate::ledger`) and PostgreSQL's documentation of each.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

use super::Verdict;
use crate::exit::ExitCode;
use crate::migrate::look::Work;

/// A right.
struct Right {
    /// An expression for the name of what the role lacks it on, else null.
    lacked_on: &'static str,
    /// What the role is told to lack, before that name.
    lack: &'static str,
    /// What to do; an ellipsis stands for the name.
    advice: &'static str,
    /// Work before the first migration that needs it: a lack is told as the denial it is.
    before: &'static [Work],
    /// Whether applying migrations needs it: a lack makes one fail.
    to_migrate: bool,
}

/// The name of a ledger on which the role has none of some privileges.
macro_rules! ledger_without {
    ($ledger:literal, $privileges:literal) => {
        concat!(
            "(SELECT relname::text FROM pg_class WHERE oid = to_regclass('",
            $ledger,
            "') AND NOT has_table_privilege(oid, ",
            $privileges,
            "))"
        )
    };
}

const RIGHTS: [Right; 8] = [
    Right {
        lacked_on: "CASE WHEN NOT has_schema_privilege(current_schema(), 'CREATE') \
            THEN current_schema()::text END",
        lack: "may not create tables in schema",
        advice: "GRANT CREATE ON SCHEMA … to the role",
        before: &[Work::CreateLedger],
        to_migrate: true,
    },
    Right {
        lacked_on: "(SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class \
            WHERE oid IN (to_regclass('projects'), to_regclass('tokens'), to_regclass('audit_events')) \
            AND NOT pg_has_role(relowner, 'USAGE'))",
        lack: "does not own",
        advice: "ALTER TABLE ... OWNER TO the role for …, or make it a member of the owner's role",
        before: &[],
        to_migrate: true,
    },
    // Asked for even where the statement inserts no row.
    Right {
        lacked_on: ledger_without!("goose_db_version", "'INSERT'"),
        lack: "may not write",
        advice: "GRANT SELECT, INSERT, UPDATE ON … to the role",
        before: &[Work::Reconcile],
        to_migrate: true,
    },
    // LOCK TABLE ... IN SHARE ROW EXCLUSIVE MODE; MAINTAIN came with PostgreSQL 17.
    Right {
        lacked_on: ledger_without!(
            "goose_db_version",
            "CASE WHEN current_setting('server_version_num')::int4 < 170000 THEN 'UPDATE, DELETE, TRUNCATE' \
             ELSE 'UPDATE, DELETE, TRUNCATE, MAINTAIN' END"
        ),
        lack: "may not lock",
        advice: "GRANT UPDATE ON … to the role",
        before: &[],
        to_migrate: true,
    },
    // An identity column's sequence asks for no right, a serial column's does.
    Right {
        lacked_on: "(SELECT CASE WHEN attidentity = '' AND NOT has_sequence_privilege( \
            pg_get_serial_sequence(attrelid::regclass::text, 'id'), 'USAGE, UPDATE') \
            THEN pg_get_serial_sequence(attrelid::regclass::text, 'id') END FROM pg_attribute \
            WHERE attrelid = to_regclass('goose_db_version') AND attname = 'id')",
        lack: "may not use the sequence",
        advice: "GRANT USAGE ON SEQUENCE … to the role",
        before: &[Work::FirstRow],
        to_migrate: true,
    },
    Right {
        lacked_on: ledger_without!("refinery_schema_history", "'INSERT'"),
        lack: "may not write",
        advice: "GRANT SELECT, INSERT ON … to the role",
        before: &[Work::Adopt],
        to_migrate: true,
    },
    Right {
        lacked_on: ledger_without!("refinery_schema_history", "'DELETE'"),
        lack: "may not delete from",
        advice: "GRANT DELETE ON … to the role",
        before: &[Work::Forget],
        to_migrate: false,
    },
    Right {
        lacked_on: ledger_without!("refinery_schema_history", "'UPDATE'"),
        lack: "may not change",
        advice: "GRANT UPDATE ON … to the role",
        before: &[Work::Accept],
        to_migrate: false,
    },
];

impl Right {
    /// What a run with this work ends with when it lacks the right; `None` when it needs
    /// it not.
    fn needed_by(&self, work: &[Work]) -> Option<ExitCode> {
        if work.iter().any(|part| self.before.contains(part)) {
            return Some(ExitCode::NoPermission);
        }
        (self.to_migrate && work.contains(&Work::Migrate)).then_some(ExitCode::MigrationFailed)
    }
}

/// What the role lacks, and the code of a run that needs it now.
struct Lack {
    what: String,
    advice: String,
    code: Option<ExitCode>,
}

/// Whether the role may do what `work` needs.
///
/// # Errors
/// Those of the driver.
pub async fn rights(session: &mut PgConnection, work: &[Work]) -> Result<Verdict, sqlx::Error> {
    let lacked_on = RIGHTS.map(|right| right.lacked_on).join(", ");
    let query = AssertSqlSafe(format!("SELECT current_schema()::text, {lacked_on}"));
    let row: PgRow = sqlx::raw_sql(query).fetch_one(session).await?;
    let Some(schema) = row.try_get::<Option<String>, _>(0)? else {
        let (what, advice) = (
            "search_path names no schema that exists",
            "create the schema, or correct search_path in DATABASE_URL",
        );
        return Ok(Verdict::fail(ExitCode::Missing, what, advice));
    };
    let mut lacks = Vec::new();
    for (column, right) in (1..).zip(&RIGHTS) {
        let code = right.needed_by(work);
        let Some(name) = row.try_get::<Option<String>, _>(column)? else { continue };
        // The next release's migrations will need it, if nothing does now.
        if code.is_some() || right.to_migrate {
            let (what, advice) = (format!("{} {name}", right.lack), right.advice.replace('…', &name));
            lacks.push(Lack { what, advice, code });
        }
    }
    Ok(judge(&schema, lacks))
}

fn judge(schema: &str, lacks: Vec<Lack>) -> Verdict {
    if lacks.is_empty() {
        return Verdict::ok(format!("may create and alter tables in schema {schema}"));
    }
    let codes: Vec<ExitCode> = lacks.iter().filter_map(|lack| lack.code).collect();
    let (what, advice): (Vec<String>, Vec<String>) =
        lacks.into_iter().map(|lack| (lack.what, lack.advice)).unzip();
    let (what, advice) = (format!("the role {}", what.join(" and ")), advice.join("; "));
    // A run meets what comes before its migrations first.
    let first = codes.iter().find(|code| **code == ExitCode::NoPermission).or(codes.first());
    match first {
        Some(code) => Verdict::fail(*code, what, advice),
        None => Verdict::warn(format!("{what}; nothing needs it now"), advice),
    }
}
