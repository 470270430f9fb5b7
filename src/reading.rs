//! Reading the ledgers from beside a run, within a bound.
//!
//! Promises that a command which only looks ends: PostgreSQL lets a reader wait for as
//! long as another session has the table locked, and a network may swallow the answer.
//! When it takes too long, a second session finds out which of the two it is.

use std::time::{Duration, Instant};

use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::database::Database;
use crate::error::Error;
use crate::migrate;

/// How long reading may take where nothing else bounds it.
pub const BUDGET: Duration = Duration::from_secs(20);
/// How much of it is kept for finding out why there is no answer.
const REASON_BUDGET: Duration = Duration::from_secs(3);
/// What is done, as errors tell it.
const ACTION: &str = "reading the ledgers";

/// Who has locked a ledger against reading, or is about to.
const HOLDER: &str = "SELECT format('%s, pid %s, has %s locked', application_name, pid, relation::regclass) \
    FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE mode = 'AccessExclusiveLock' \
    AND relation IN (to_regclass('goose_db_version'), to_regclass('refinery_schema_history')) \
    ORDER BY granted DESC, pid LIMIT 1";

/// Reads something in `session`, which is another one afterwards if that took too long
/// and the server still answers. `budget` is for everything together.
///
/// # Errors
/// Those of the statements; a ledger is locked by another session; the server is silent.
pub async fn read<T>(
    database: &Database,
    session: &mut PgConnection,
    budget: Duration,
    read: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> Result<T, Error> {
    let started = Instant::now();
    match tokio::time::timeout(budget.saturating_sub(REASON_BUDGET), read(session)).await {
        Ok(answer) => Ok(answer.map_err(|error| migrate::Error::of_ledger(ACTION, &error))?),
        Err(_) => Err(reason(database, session, started).await),
    }
}

/// Why there was no answer. A session that waits for one is of no further use.
async fn reason(database: &Database, session: &mut PgConnection, started: Instant) -> Error {
    let asking = async {
        *session = database.visit().await.ok()?;
        let row = sqlx::raw_sql(HOLDER).fetch_optional(session).await.ok()??;
        row.try_get::<String, _>(0).ok()
    };
    match tokio::time::timeout(REASON_BUDGET, asking).await {
        Ok(Some(detail)) => migrate::Error::LedgerBusy { action: ACTION, detail }.into(),
        Ok(None) | Err(_) => database.silence(started.elapsed()).into(),
    }
}
