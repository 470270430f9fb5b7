//! A run that is caught at work: it holds the lock, and its migration waits inside the
//! database for as long as a test wants.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use testbed::{Init, Result, Running, World};

use super::{assert_code, execute};

/// A run that holds the lock and is migrating: its statement waits inside the database
/// for `blocker`, which has the table locked.
pub struct Busy {
    pub run: Running,
    pub blocker: PgConnection,
}

/// Brings a run to where it is busy migrating, with this lease.
pub async fn busy(world: &World<'_>, lease: &str) -> Result<Busy> {
    busy_as(world, world.init().env("LOCK_LEASE", lease)).await
}

/// The same with a program of one's own making.
pub async fn busy_as(world: &World<'_>, init: Init) -> Result<Busy> {
    let blocker = blocked(world).await?;
    let mut run = init.env("MIGRATION_LOCK_TIMEOUT", "100s").start()?;
    run.wait_for("applying V6").await?;
    wait_until(world, "wait_event_type = 'Lock'", 1).await?;
    Ok(Busy { run, blocker })
}

/// Brings the database to where the last migration is pending and waits for the session that
/// is returned.
pub async fn blocked(world: &World<'_>) -> Result<PgConnection> {
    assert_code(&world.init().run().await?, 0);
    let mut blocker = world.connect().await?;
    execute(&mut blocker, "DELETE FROM goose_db_version WHERE version_id = 6").await?;
    execute(&mut blocker, "BEGIN; LOCK TABLE audit_events").await?;
    Ok(blocker)
}

/// Migrates the database, and locks goose's ledger against reading until the session ends that
/// is returned.
pub async fn ledger_locked(world: &World<'_>) -> Result<PgConnection> {
    assert_code(&world.init().run().await?, 0);
    let mut blocker = world.connect().await?;
    execute(&mut blocker, "SET application_name = 'psql'; BEGIN; LOCK TABLE goose_db_version").await?;
    Ok(blocker)
}

/// Polls the server until so many of the program's sessions are in this state.
pub async fn wait_until(world: &World<'_>, state: &str, count: i64) -> Result<()> {
    wait_until_named(world, "llm-proxy-init/%", state, count).await
}

/// The same of a command that only looks: until it waits inside the database.
pub async fn wait_until_looking(world: &World<'_>) -> Result<()> {
    wait_until_named(world, "llm-proxy-init", "wait_event_type = 'Lock'", 1).await
}

async fn wait_until_named(world: &World<'_>, name: &str, state: &str, count: i64) -> Result<()> {
    let mut database = world.connect().await?;
    for _ in 0..3_000 {
        if sessions_named(&mut database, name, state).await? == count {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("there were never {count} sessions with {state}").into())
}

/// How many of the program's sessions on this database are in this state.
pub async fn sessions(database: &mut PgConnection, state: &str) -> Result<i64> {
    sessions_named(database, "llm-proxy-init/%", state).await
}

async fn sessions_named(database: &mut PgConnection, name: &str, state: &str) -> Result<i64> {
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name LIKE '{name}' AND {state}"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(database).await?)
}

/// Ends those of the program's sessions on this database that are in this state.
pub async fn end_sessions(database: &mut PgConnection, state: &str) -> Result<()> {
    let end = format!(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name LIKE 'llm-proxy-init/%' AND {state}"
    );
    execute(database, &end).await
}
