//! Poolers: whether a session of ours is one session of the server's.
//!
//! Promises to find out whether something in between (PgBouncer in transaction mode) gives
//! each transaction to whichever server session is free. There, settings land in other
//! clients' sessions, and the fence is raised in one session and missing in the next. Two
//! connections of ours that are open at once show it: both are then seen in the same
//! server session, or one of them in two.

use sqlx::Row;
use sqlx::postgres::PgConnection;

/// A pooler gives out the session first that was last returned, so one round is enough on
/// a quiet one; on a busy one sessions change by themselves.
const ROUNDS: usize = 3;

/// Whether server sessions are shared between `session` and `other`.
///
/// # Errors
/// Those of the driver.
pub async fn shares_sessions(
    session: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    let first = process_id(session).await?;
    for _ in 0..ROUNDS {
        if process_id(other).await? == first || process_id(session).await? != first {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The process of the server that answers. Asked by the simple protocol, which needs no
/// prepared statement.
async fn process_id(session: &mut PgConnection) -> Result<i32, sqlx::Error> {
    sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(session).await?.try_get(0)
}
