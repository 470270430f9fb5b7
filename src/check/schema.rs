//! The schema: whether a run could migrate it, and whether the application would start
//! on it now.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

use super::Verdict;
use crate::exit::ExitCode;
use crate::migrate::look::{GooseUp, Looked};

/// Rights of this role: the schema that tables would be created in and whether it may,
/// then tables that it can't alter, and ledgers that it can't write.
const RIGHTS: &str = "SELECT current_schema()::text, \
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), \
    (SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class \
     WHERE oid IN (to_regclass('projects'), to_regclass('tokens'), to_regclass('audit_events')) \
     AND NOT pg_has_role(relowner, 'USAGE')), \
    (SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class \
     WHERE oid IN (to_regclass('goose_db_version'), to_regclass('refinery_schema_history')) \
     AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')))";

/// Who holds the lock that the application takes before it migrates.
const APPLICATIONS_LOCK: &str = "SELECT format('%s, pid %s', application_name, pid) \
    FROM pg_locks JOIN pg_stat_activity USING (pid) \
    WHERE locktype = 'advisory' AND granted AND datname = current_database() \
    AND (classid::int8 << 32 | objid::int8) = 3141592653 AND objsubid = 1";

/// What migrating would be allowed to.
pub async fn rights(session: &mut PgConnection, has_work: bool) -> Result<Verdict, sqlx::Error> {
    let row: PgRow = sqlx::raw_sql(AssertSqlSafe(RIGHTS)).fetch_one(session).await?;
    let schema: Option<String> = row.try_get(0)?;
    let (may_create, foreign): (bool, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
    let closed: Option<String> = row.try_get(3)?;
    let Some(schema) = schema else {
        let what = "search_path names no schema that exists";
        return Ok(Verdict::fail(
            ExitCode::Missing,
            what,
            "create the schema, or correct search_path in DATABASE_URL",
        ));
    };
    let mut lacking = Vec::new();
    if !may_create {
        lacking.push((
            format!("may not create tables in schema {schema}"),
            format!("GRANT CREATE ON SCHEMA {schema} to the role"),
        ));
    }
    if let Some(tables) = foreign {
        lacking.push((
            format!("does not own {tables}"),
            format!(
                "ALTER TABLE ... OWNER TO the role for {tables}, or make it a member of the owner's role"
            ),
        ));
    }
    if let Some(tables) = closed {
        lacking.push((
            format!("may not write {tables}"),
            format!("GRANT SELECT, INSERT, DELETE ON {tables} to the role"),
        ));
    }
    if lacking.is_empty() {
        return Ok(Verdict::ok(format!("may create and alter tables in schema {schema}")));
    }
    let (what, advice): (Vec<String>, Vec<String>) = lacking.into_iter().unzip();
    let (what, advice) = (format!("the role {}", what.join(" and ")), advice.join("; "));
    Ok(if has_work {
        Verdict::fail(ExitCode::NoPermission, what, advice)
    } else {
        Verdict::warn(format!("{what}; nothing is pending now"), advice)
    })
}

/// Whether a run could follow the ledgers.
pub fn ledgers(looked: &Looked) -> Verdict {
    if let Some(obstacle) = &looked.obstacle {
        return Verdict::error(ExitCode::from(obstacle), &obstacle.to_string());
    }
    let newer = match looked.unknown.as_slice() {
        [] => String::new(),
        versions => format!("; versions {versions:?} are a newer release's"),
    };
    Verdict::ok(match looked.pending.as_slice() {
        [] => format!("version {}, nothing is pending{newer}", looked.version),
        pending => format!("version {}, pending: {}{newer}", looked.version, pending.join(", ")),
    })
}

/// Whether the application's `goose.Up` would succeed now.
pub async fn application(session: &mut PgConnection, looked: &Looked) -> Result<Verdict, sqlx::Error> {
    let holder = sqlx::raw_sql(AssertSqlSafe(APPLICATIONS_LOCK)).fetch_optional(session).await?;
    let holder: Option<String> = holder.map(|row| row.try_get(0)).transpose()?;
    let told = looked.goose.to_string();
    Ok(match (&looked.goose, holder) {
        (GooseUp::WouldFail(_), _) => Verdict::fail(
            ExitCode::MigrationFailed,
            told,
            "give goose_db_version a row (version_id, true) for each version whose changes the schema has, \
             in ascending order",
        ),
        (_, Some(holder)) => Verdict::warn(
            format!("{told}, but a session holds the application's migration lock: {holder}"),
            "an application that starts while it is held for over a second exits: end that session if it is stuck",
        ),
        (GooseUp::WouldApply(_), None) => {
            Verdict::warn(told, "let the init container run first: it migrates before the application starts")
        }
        (GooseUp::NothingToDo, None) => Verdict::ok(told),
    })
}
