//! What stands between us and the server: whether each of our connections has a server
//! session to itself.
//!
//! Promises an answer that rests on what the server itself says, whatever the pooler's
//! name and settings: two connections that are open at the same time and meet the same
//! server session, or one connection that meets two, share sessions. It sends plain
//! statements, since a pooler may not know prepared ones, and leaves nothing behind.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

/// How server sessions are given to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// One each, as PostgreSQL itself does, and a pooler in session mode.
    OwnEach,
    /// Shared, as by PgBouncer in transaction or statement mode: session settings and
    /// advisory locks don't stay with the connection.
    Shared,
}

/// Rounds: a pooler that takes its sessions in turn needs a few to show itself.
const ROUNDS: usize = 4;

/// Finds out how two connections that are open at once get their server sessions.
/// Neither may be in a transaction.
///
/// # Errors
/// Those of the driver.
pub async fn sessions(one: &mut PgConnection, other: &mut PgConnection) -> Result<Sessions, sqlx::Error> {
    let (first, second) = (pid(one).await?, pid(other).await?);
    for _ in 0..ROUNDS {
        // Twice on one of them: sessions handed out in turn would else meet the same
        // connections each time.
        let seen = [pid(one).await?, pid(one).await?];
        if first == second || seen != [first; 2] || pid(other).await? != second {
            return Ok(Sessions::Shared);
        }
    }
    Ok(Sessions::OwnEach)
}

/// The server's process that serves this connection, now.
///
/// # Errors
/// Those of the driver.
pub async fn pid(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    let row: PgRow = sqlx::raw_sql(AssertSqlSafe("SELECT pg_backend_pid()")).fetch_one(connection).await?;
    row.try_get(0)
}
