//! The two ledgers: goose's, which the application reads and which is the truth, and
//! refinery's, which adds checksums.
//!
//! Promises that before any migration runs both agree about the versions that this run
//! knows: applied according to goose and unknown to refinery is adopted; in refinery and
//! gone from goose (somebody ran goose's `down`) is forgotten and so pending again;
//! versions that only another release knows are left alone. Reading changes nothing.
//!
//! goose's table is taken as any of its releases has made it; a new one is as goose 3.22
//! and later creates it: rows in ascending order of version, beginning with version 0. A
//! version is applied when its newest row says so.

use refinery::Migration;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Row};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::catalogue::{Catalogue, Entry};
use super::standing::{State, assess};

/// What both ledgers say.
#[derive(Debug, Clone, Default)]
pub struct Ledgers {
    /// Whether `goose_db_version` is there.
    pub has_goose: bool,
    /// Whether `refinery_schema_history` is there.
    pub has_refinery: bool,
    /// The newest row of each version in `goose_db_version`.
    pub goose: Vec<GooseRow>,
    /// The rows of `refinery_schema_history`.
    pub refinery: Vec<Migration>,
}

/// A row of goose's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GooseRow {
    /// The version; 0 is no migration but the ledger's first row.
    pub version: i64,
    /// Whether it is applied, or was taken back by a goose that marked it so.
    pub is_applied: bool,
    /// When, by the clock and in the time zone of the session that wrote it.
    pub at: Option<String>,
}

impl Ledgers {
    /// The version that the schema has: the highest applied one.
    pub fn schema_version(&self) -> i64 {
        self.goose.iter().filter(|row| row.is_applied).map(|row| row.version).max().unwrap_or(0)
    }

    /// goose's row, if it says that this version is applied.
    pub fn applied(&self, version: i64) -> Option<&GooseRow> {
        self.goose.iter().find(|row| row.version == version && row.is_applied)
    }

    /// refinery's row.
    pub fn recorded(&self, version: i64) -> Option<&Migration> {
        self.refinery.iter().find(|row| row.version() == version)
    }

    /// Every migration that is applied or recorded.
    pub fn versions(&self) -> impl Iterator<Item = i64> + '_ {
        let applied = self.goose.iter().filter(|row| row.is_applied && row.version != 0);
        applied.map(|row| row.version).chain(self.refinery.iter().map(Migration::version))
    }
}

/// Reads both ledgers; one that is not there has no rows. Statements of the simple
/// protocol only: a pooler may give each to another session.
///
/// # Errors
/// Those of the driver; a table of another shape.
pub async fn read(connection: &mut PgConnection) -> Result<Ledgers, sqlx::Error> {
    let (has_goose, has_refinery) = tables(connection).await?;
    let mut ledgers = Ledgers { has_goose, has_refinery, ..Ledgers::default() };
    if has_goose {
        let newest = "SELECT DISTINCT ON (version_id) version_id::int8, is_applied, \
            to_char(tstamp, 'YYYY-MM-DD\"T\"HH24:MI:SS') FROM goose_db_version ORDER BY version_id, id DESC";
        let rows = sqlx::raw_sql(newest).fetch_all(&mut *connection).await?;
        ledgers.goose = rows.iter().map(read_goose).collect::<Result<_, _>>()?;
    }
    if has_refinery {
        let all = "SELECT version::int8, name, applied_on, checksum FROM refinery_schema_history \
            ORDER BY version";
        let rows = sqlx::raw_sql(all).fetch_all(connection).await?;
        ledgers.refinery = rows.iter().map(read_refinery).collect::<Result<_, _>>()?;
    }
    Ok(ledgers)
}

fn read_goose(row: &PgRow) -> Result<GooseRow, sqlx::Error> {
    Ok(GooseRow { version: row.try_get(0)?, is_applied: row.try_get(1)?, at: row.try_get(2)? })
}

fn read_refinery(row: &PgRow) -> Result<Migration, sqlx::Error> {
    let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let (applied_on, checksum): (String, String) = (row.try_get(2)?, row.try_get(3)?);
    Ok(Migration::applied(
        row.try_get(0)?,
        row.try_get(1)?,
        OffsetDateTime::parse(&applied_on, &Rfc3339).map_err(|error| decode(error.into()))?,
        checksum.parse().map_err(|error: std::num::ParseIntError| decode(error.into()))?,
    ))
}

/// Whether goose's and refinery's ledger exist.
async fn tables(connection: &mut PgConnection) -> Result<(bool, bool), sqlx::Error> {
    let found = "SELECT to_regclass('goose_db_version') IS NOT NULL, \
        to_regclass('refinery_schema_history') IS NOT NULL";
    let row = sqlx::raw_sql(found).fetch_one(connection).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Creates what is missing and brings both ledgers into step for what `catalogue` knows,
/// in one transaction; with `accept_divergent`, changed texts too. Returns what they say
/// then.
///
/// # Errors
/// The role may not create tables, a ledger has another shape, the connection broke.
pub async fn reconcile(
    connection: &mut PgConnection,
    catalogue: &Catalogue,
    accept_divergent: bool,
) -> Result<Ledgers, (&'static str, sqlx::Error)> {
    let step = |action| move |error: sqlx::Error| (action, error);
    let mut transaction = connection.begin().await.map_err(step("opening a transaction"))?;
    create_missing(&mut transaction).await.map_err(step("creating the ledger tables"))?;
    let ledgers = read(&mut transaction).await.map_err(step("reading the ledgers"))?;
    let standings = assess(catalogue, &ledgers);
    adopt(&mut transaction, &standings.to_adopt())
        .await
        .map_err(step("adopting versions that goose applied"))?;
    forget(&mut transaction, &standings.to_forget())
        .await
        .map_err(step("forgetting versions that goose took back"))?;
    if accept_divergent {
        let divergent = standings.entries(State::Divergent);
        accept(&mut transaction, &divergent).await.map_err(step("recording changed migrations"))?;
    }
    let reconciled = read(&mut transaction).await.map_err(step("reading the ledgers"))?;
    transaction.commit().await.map_err(step("reconciling the ledgers"))?;
    Ok(reconciled)
}

/// Tables are looked for first: `IF NOT EXISTS` alone asks for the right to create
/// even where nothing is created.
async fn create_missing(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let (goose, refinery) = tables(connection).await?;
    if !goose {
        let create = "CREATE TABLE goose_db_version ( \
            id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT NULL, \
            is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now())";
        sqlx::raw_sql(create).execute(&mut *connection).await?;
    }
    if !refinery {
        let create = "CREATE TABLE refinery_schema_history ( \
            version int8 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255))";
        sqlx::raw_sql(create).execute(&mut *connection).await?;
    }
    // A table without any row is an error to goose.
    let first = "INSERT INTO goose_db_version (version_id, is_applied) \
        SELECT 0, true WHERE NOT EXISTS (SELECT FROM goose_db_version)";
    sqlx::raw_sql(first).execute(&mut *connection).await.map(drop)
}

async fn adopt(connection: &mut PgConnection, adopted: &[&Entry]) -> Result<(), sqlx::Error> {
    if adopted.is_empty() {
        return Ok(());
    }
    let versions: Vec<i64> = adopted.iter().map(|entry| entry.version()).collect();
    let names: Vec<&str> = adopted.iter().map(|entry| entry.migration.name()).collect();
    let checksums: Vec<String> = adopted.iter().map(|entry| entry.migration.checksum().to_string()).collect();
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    sqlx::query(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
         SELECT version, name, $1, checksum FROM UNNEST($2::int8[], $3::text[], $4::text[]) \
         AS adopted(version, name, checksum) ON CONFLICT (version) DO NOTHING",
    )
    .bind(now)
    .bind(&versions)
    .bind(names)
    .bind(checksums)
    .persistent(false)
    .execute(connection)
    .await?;
    tracing::info!(step = "migrate", ?versions, "adopted what goose had applied: {versions:?}");
    Ok(())
}

async fn forget(connection: &mut PgConnection, forgotten: &[&Entry]) -> Result<(), sqlx::Error> {
    let versions: Vec<i64> = forgotten.iter().map(|entry| entry.version()).collect();
    if versions.is_empty() {
        return Ok(());
    }
    sqlx::query("DELETE FROM refinery_schema_history WHERE version = ANY($1)")
        .bind(&versions)
        .persistent(false)
        .execute(connection)
        .await?;
    tracing::warn!(
        step = "migrate",
        ?versions,
        "goose has taken versions back, so they are pending again: {versions:?}"
    );
    Ok(())
}

async fn accept(connection: &mut PgConnection, divergent: &[&Entry]) -> Result<(), sqlx::Error> {
    for entry in divergent {
        sqlx::query("UPDATE refinery_schema_history SET name = $2, checksum = $3 WHERE version = $1")
            .bind(entry.version())
            .bind(entry.migration.name())
            .bind(entry.migration.checksum().to_string())
            .persistent(false)
            .execute(&mut *connection)
            .await?;
        tracing::warn!(
            step = "migrate",
            version = entry.version(),
            "{entry} was applied with another text; its present one is recorded now, as asked for"
        );
    }
    Ok(())
}

/// Marks a transaction, so that it can be told from the next one: by a lock, which ends with
/// it. Taking one is no query, so the isolation level may still be set.
///
/// # Errors
/// Those of the statement.
pub async fn mark(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock = "LOCK TABLE refinery_schema_history IN ACCESS SHARE MODE";
    sqlx::raw_sql(lock).execute(connection).await.map(drop)
}

/// Whether the transaction is still the marked one.
///
/// # Errors
/// Those of the query.
pub async fn is_marked(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let found = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() \
        AND relation = 'refinery_schema_history'::regclass AND mode = 'AccessShareLock')";
    sqlx::raw_sql(found).fetch_one(connection).await?.try_get(0)
}

/// Whether each statement of the transaction sees what others have committed by then. Asking
/// is no query either.
///
/// # Errors
/// Those of the statement.
pub async fn is_read_committed(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let level: String =
        sqlx::raw_sql("SHOW transaction_isolation").fetch_one(connection).await?.try_get(0)?;
    Ok(level == "read committed")
}

/// Locks goose's ledger: nobody else can apply a version until the transaction ends, as goose's
/// own insert of a row waits for this lock.
///
/// # Errors
/// Those of the statement.
pub async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock = "LOCK TABLE goose_db_version IN SHARE ROW EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(connection).await.map(drop)
}

/// Whether a version is applied, after which nobody else can apply it until the
/// transaction ends. A transaction that is not [`is_read_committed`] must have taken the
/// [`lock`] before its first query, or it does not see what was applied since.
///
/// # Errors
/// Those of the driver.
pub async fn close_for_others(connection: &mut PgConnection, version: i64) -> Result<bool, sqlx::Error> {
    lock(connection).await?;
    let newest = "SELECT is_applied FROM goose_db_version WHERE version_id = $1 ORDER BY id DESC LIMIT 1";
    let newest = sqlx::query_scalar(newest).bind(version).persistent(false);
    let newest: Option<bool> = newest.fetch_optional(connection).await?;
    Ok(newest.unwrap_or(false))
}

/// Gives goose's ledger a row for each version of `versions` that refinery's has and
/// goose's has not. Part of the transaction that records them.
///
/// # Errors
/// Those of the statement.
pub async fn mirror(connection: &mut PgConnection, versions: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO goose_db_version (version_id, is_applied) \
         SELECT version, true FROM refinery_schema_history AS ours WHERE version = ANY($1) AND NOT EXISTS \
         (SELECT FROM (SELECT is_applied FROM goose_db_version WHERE version_id = ours.version \
         ORDER BY id DESC LIMIT 1) AS newest WHERE is_applied) ORDER BY version",
    )
    .bind(versions)
    .persistent(false)
    .execute(connection)
    .await
    .map(drop)
}
