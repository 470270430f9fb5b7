//! The program beside the real goose: on folders of all kinds, in turns on one database,
//! killed at every statement, and as another release of itself. What counts is what is in
//! the database afterwards.

#![forbid(unsafe_code)]
// Test code: a panic is how a test fails.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod alternating;
mod folders;
mod kills;
mod releases;
mod snapshot;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use testbed::{Finished, Goose, Init, Result, Testbed, World};

/// A database, an account and a folder of one's own.
async fn world() -> Result<World<'static>> {
    let world = World::new(Testbed::shared(), Path::new(env!("CARGO_BIN_EXE_llm-proxy-init"))).await?;
    world.testbed.postgres.trust(&world.database).await?;
    Ok(world)
}

/// `migrate up` over a folder.
fn migrate_up(world: &World<'_>, folder: &Path) -> Init {
    let init = world.init().env("DATABASE_URL", url(world, world.testbed.postgres.port));
    init.env("MIGRATIONS_DIR", folder).arg("migrate").arg("up")
}

/// A file or folder beside this one.
fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goose").join(name)
}

/// The database's URL by way of a port, without TLS: that is not what is looked at here, and
/// it would take most of the time.
fn url(world: &World<'_>, port: u16) -> String {
    world.database_url_through(port, "?sslmode=disable")
}

/// goose's command on the world's database.
async fn run_goose(goose: &Goose, world: &World<'_>, folder: &Path, command: &[&str]) -> Result<String> {
    goose.run(folder, &url(world, world.testbed.postgres.port), command).await
}

/// Asserts the exit code, showing the whole log when it is another.
#[track_caller]
fn assert_code(finished: &Finished, code: i32) {
    assert_eq!(finished.code(), Some(code), "{}", finished.output());
}

/// Executes statements.
async fn execute(database: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(database).await?;
    Ok(())
}

/// Polls the server until so many of the program's sessions are in this state.
async fn wait_for_session(world: &World<'_>, state: &str, count: i64) -> Result<()> {
    let mut database = world.connect().await?;
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name LIKE 'llm-proxy-init/%' AND {state}"
    );
    for _ in 0..3_000 {
        let found: i64 = sqlx::query_scalar(AssertSqlSafe(query.as_str())).fetch_one(&mut database).await?;
        if found == count {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("there were never {count} sessions with {state}").into())
}
