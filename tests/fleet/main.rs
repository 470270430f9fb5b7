//! Fleets of tasks, as a deployment starts them: a hundred at once, a fleet out of
//! which tasks are killed all the time, and a fleet in which tasks of the old script
//! still run. Each task is a real process, on a real PostgreSQL and an AWS emulator.

#![forbid(unsafe_code)]
// Test code: a panic is how a test fails.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod crowd;
mod doom;
mod gates;
mod kills;
mod mixed;

use std::path::{Path, PathBuf};

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use testbed::{Finished, Result, Testbed, World};
use tokio::sync::{Mutex, MutexGuard};

/// A world, and the machine: fleets run one after the other, since a fleet that gets no
/// processor time loses its leases, as it should.
async fn world() -> Result<(World<'static>, MutexGuard<'static, ()>)> {
    static MACHINE: Mutex<()> = Mutex::const_new(());
    let machine = MACHINE.lock().await;
    let program = Path::new(env!("CARGO_BIN_EXE_llm-proxy-init"));
    Ok((World::new(Testbed::shared(), program).await?, machine))
}

/// The config file of a task: each has one of its own, as each has its own volume.
fn config_file(world: &World<'_>, task: usize) -> PathBuf {
    world.config_folder().join(format!("providers-{task}.yaml"))
}

/// Asserts that the task has done its job, showing the whole log when it has not.
#[track_caller]
fn assert_done(finished: &Finished) {
    assert_eq!(finished.code(), Some(0), "{}", finished.output());
}

/// Asserts that each migration stands once in both ledgers.
async fn assert_migrated_once(database: &mut PgConnection) -> Result<()> {
    let goose = "SELECT version_id, is_applied FROM goose_db_version ORDER BY id";
    let goose: Vec<(i64, bool)> = sqlx::query_as(goose).fetch_all(&mut *database).await?;
    assert_eq!(goose, (0..=6).map(|version| (version, true)).collect::<Vec<_>>());
    let refinery = "SELECT version::int8 FROM refinery_schema_history ORDER BY version";
    let refinery: Vec<i64> = sqlx::query_scalar(refinery).fetch_all(database).await?;
    assert_eq!(refinery, [1, 2, 3, 4, 5, 6]);
    Ok(())
}

/// Executes statements.
async fn execute(database: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(database).await?;
    Ok(())
}
