//! The fence: of all sessions, one migrates the database.
//!
//! Promises that two tasks' migrations never overlap, whatever happens to leases: the
//! session that migrates holds an advisory lock of our own until it ends. It is never
//! waited for inside the server: a session that is blocked there has a snapshot open,
//! for which `CREATE INDEX CONCURRENTLY` in the session before it waits in turn. The
//! application's own advisory lock is never touched.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;

use crate::pacing::{Backoff, TELL_EVERY, Telling};
use crate::wording::millis;

/// Our key among the advisory locks of a database.
const KEY: i64 = i64::from_be_bytes(*b"llm-init");
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Why the fence could not be raised.
#[derive(Debug)]
pub enum NotRaised {
    /// Another session kept it for too long.
    Held {
        /// Which.
        holder: String,
        /// How long we waited.
        waited: Duration,
    },
    /// The driver's error.
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for NotRaised {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

/// Takes the fence for this session, waiting for at most `patience`.
///
/// # Errors
/// See [`NotRaised`].
pub async fn raise(session: &mut PgConnection, patience: Duration) -> Result<(), NotRaised> {
    let started = Instant::now();
    let mut backoff = Backoff::new(LONGEST_PAUSE);
    let mut telling = Telling::every(TELL_EVERY);
    while !try_lock(session).await? {
        let holder = holder(session).await?;
        let waited = started.elapsed();
        if waited >= patience {
            return Err(NotRaised::Held { holder, waited });
        }
        if telling.is_due(waited) {
            let waited_ms = millis(waited);
            tracing::info!(
                step = "fence",
                holder,
                waited_ms,
                "waiting for another migrating session: {holder}"
            );
        }
        tokio::time::sleep(backoff.next(fastrand::f64())).await;
    }
    tracing::debug!(step = "fence", duration_ms = millis(started.elapsed()), "this session alone migrates");
    Ok(())
}

async fn try_lock(session: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(KEY).fetch_one(session).await
}

/// Whether the session still has the fence: what it runs may have given it away, with
/// `pg_advisory_unlock_all()` or `DISCARD ALL`.
///
/// # Errors
/// Those of the driver.
pub async fn is_up(session: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_locks \
         WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND granted \
         AND (classid::int8 << 32 | objid::int8) = $1 AND objsubid = 1)",
    );
    found.bind(KEY).persistent(false).fetch_one(session).await
}

/// The session that has the fence, in words. It may be gone by the time we look.
async fn holder(session: &mut PgConnection) -> Result<String, sqlx::Error> {
    let holder = sqlx::query_scalar(
        "SELECT format('%s, pid %s, since %s', application_name, pid, backend_start) \
         FROM pg_locks JOIN pg_stat_activity USING (pid) \
         WHERE locktype = 'advisory' AND granted AND datname = current_database() \
         AND (classid::int8 << 32 | objid::int8) = $1 AND objsubid = 1",
    );
    let holder: Option<String> = holder.bind(KEY).fetch_optional(session).await?;
    Ok(holder.unwrap_or_else(|| "a session that has just ended".into()))
}
