//! What is in a database: the schema as `pg_dump` has it, owners and rights included, every
//! row, goose's ledger, and the invalid indexes, which `pg_dump` leaves out.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use testbed::{Result, World};

use super::execute;

/// One state of a database, comparable with another database's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    schema: String,
    rows: Vec<String>,
    /// Version and whether it is applied, in the order of the rows; none without the table.
    pub ledger: Option<Vec<(i64, bool)>>,
    /// The names of indexes that were not built to their end.
    pub invalid: Vec<String>,
}

/// The tables whose rows are compared. The ledgers are looked at by themselves: their times
/// differ, and refinery's is ours alone.
const TABLES: &str = "
    SELECT pg_class.oid::regclass::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'm') AND nspname !~ '^(pg_|information_schema)'
        AND relname NOT IN ('goose_db_version', 'refinery_schema_history')";
/// How far sequences have come.
const SEQUENCES: &str = "
    SELECT format('%s.%s: %s', schemaname, sequencename, last_value)
        FROM pg_sequences WHERE sequencename <> 'goose_db_version_id_seq'";

/// Every row of every table as a text, in order, and how far sequences have come.
async fn rows(database: &mut PgConnection) -> Result<Vec<String>> {
    let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut *database).await?;
    let all = tables.iter().fold(SEQUENCES.to_owned(), |all, table| {
        let name = table.replace('\'', "''");
        format!("{all} UNION ALL SELECT '{name}: ' || whole_row::text FROM {table} AS whole_row")
    });
    let all = AssertSqlSafe(format!("{all} ORDER BY 1"));
    Ok(sqlx::query_scalar(all).fetch_all(database).await?)
}

impl Snapshot {
    /// The present state of the world's database.
    pub async fn of(world: &World<'_>) -> Result<Self> {
        let arguments = ["--schema-only", "--exclude-table=refinery_schema_history"];
        let schema = world.testbed.postgres.dump(&world.database, &arguments).await?;
        let mut database = world.connect().await?;
        let rows = rows(&mut database).await?;
        let has_ledger = "SELECT to_regclass('public.goose_db_version') IS NOT NULL";
        let has_ledger: bool = sqlx::query_scalar(has_ledger).fetch_one(&mut database).await?;
        let all = "SELECT version_id, is_applied FROM public.goose_db_version ORDER BY id";
        let ledger =
            if has_ledger { Some(sqlx::query_as(all).fetch_all(&mut database).await?) } else { None };
        let invalid = "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid \
                       WHERE NOT indisvalid AND relkind = 'i' ORDER BY 1";
        let invalid = sqlx::query_scalar(invalid).fetch_all(&mut database).await?;
        Ok(Self { schema: schema.replace(&world.database, "the_owner"), rows, ledger, invalid })
    }

    /// The versions that goose's ledger has as applied, but for its first row.
    pub fn versions(&self) -> Vec<i64> {
        let rows = self.ledger.iter().flatten().filter(|(version, is_applied)| *is_applied && *version != 0);
        rows.map(|(version, _)| *version).collect()
    }

    /// Asserts that both are the same, showing where they first differ.
    #[track_caller]
    pub fn assert_same(&self, other: &Self, what: &str) {
        assert_eq!((&self.ledger, &self.invalid), (&other.ledger, &other.invalid), "{what}");
        assert_eq!(self.rows, other.rows, "{what}");
        let (one, another) = (lines(&self.schema), lines(&other.schema));
        if let Some(at) = one.iter().zip(&another).position(|(one, another)| one != another) {
            let around = |lines: &[&str]| lines[at.saturating_sub(3)..(at + 5).min(lines.len())].join("\n");
            panic!("{what}:\n{}\nagainst\n{}", around(&one), around(&another));
        }
    }
}

/// What says something. One more at the end, so that no list is the beginning of another.
fn lines(schema: &str) -> Vec<&str> {
    schema.lines().filter(|line| !line.is_empty() && *line != "--").chain(["the end"]).collect()
}

/// Empties a database: everything that its owner has made is gone.
pub async fn empty(world: &World<'_>, database: &mut PgConnection) -> Result<()> {
    execute(database, &format!("DROP OWNED BY {} CASCADE", world.database)).await
}

/// About the same by queries alone, for tests that look often: every column, index,
/// constraint, trigger, function, view and row, and both ledgers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(Vec<String>, Vec<String>);

const SCHEMA: &str = "
    SELECT format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default)
        FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT format('index %s %s', pg_get_indexdef(indexrelid), indisvalid) FROM pg_index
        JOIN pg_class ON oid = indexrelid WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT format('view %s %s', viewname, definition) FROM pg_views WHERE schemaname = 'public'
    UNION ALL SELECT format('goose %s %s %s', row_number() OVER (ORDER BY id), version_id, is_applied)
        FROM goose_db_version
    UNION ALL SELECT format('refinery %s %s %s', version, name, checksum) FROM refinery_schema_history
    ORDER BY 1";

impl Fingerprint {
    /// The present state of a database.
    pub async fn of(database: &mut PgConnection) -> Result<Self> {
        let schema = sqlx::query_scalar(SCHEMA).fetch_all(&mut *database).await?;
        Ok(Self(schema, rows(database).await?))
    }
}
