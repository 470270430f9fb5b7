//! The program from outside: its exit code, the config file, both ledgers, the lock
//! item and its log lines, against a real PostgreSQL server and a real AWS API.

#![forbid(unsafe_code)]
// Test code: a panic is how a test fails.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod busy;
mod check;
mod cli;
mod commands;
mod config;
mod connection;
mod faults;
mod fence;
mod folder;
mod goose;
mod install;
mod lease;
mod ledgers;
mod lock;
mod lost;
mod migrations;
mod no_transaction;
mod nothing_to_do;
mod permissions;
mod pooler;
mod secrets;
mod sequence;
mod signals;
mod status;
mod unlock;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use testbed::{Finished, Result, Testbed, World};

/// The program under test: this build's, or the one that `PROGRAM_UNDER_TEST` names, such as
/// a script that runs one for another processor or one in an image.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let named = std::env::var_os("PROGRAM_UNDER_TEST");
        named.map_or_else(|| env!("CARGO_BIN_EXE_llm-proxy-init").into(), PathBuf::from)
    })
}

/// A database, an account and a folder of one's own.
async fn world() -> Result<World<'static>> {
    World::new(Testbed::shared(), program()).await
}

/// Asserts the exit code, showing the whole log when it is another.
#[track_caller]
fn assert_code(finished: &Finished, code: i32) {
    assert_eq!(finished.code(), Some(code), "{}", finished.output());
}

/// Asserts that the run failed with `code` and that its last line, the error, has
/// every one of `words` in it.
#[track_caller]
fn assert_fails(finished: &Finished, code: i32, words: &[&str]) {
    assert_code(finished, code);
    let last = finished.last();
    assert_eq!(last["level"], "ERROR", "{last}");
    assert_eq!(last["exit_code"], code, "{last}");
    let message = last["message"].as_str().expect("a message");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
    assert!(!message.contains('\n'), "more than one line: {message:?}");
}

/// The rows of goose's ledger as (version, applied), in the order of their ids.
async fn goose_ledger(database: &mut PgConnection) -> Result<Vec<(i64, bool)>> {
    let rows = sqlx::query_as("SELECT version_id, is_applied FROM goose_db_version ORDER BY id");
    Ok(rows.fetch_all(database).await?)
}

/// The versions in refinery's ledger, ascending.
async fn refinery_ledger(database: &mut PgConnection) -> Result<Vec<i64>> {
    let rows = sqlx::query_scalar("SELECT version::int8 FROM refinery_schema_history ORDER BY version");
    Ok(rows.fetch_all(database).await?)
}

/// Executes statements.
async fn execute(database: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(database).await?;
    Ok(())
}

/// What goose's ledger must hold after a full run: row 0 first, then each version.
fn full_goose_ledger() -> Vec<(i64, bool)> {
    (0..=6).map(|version| (version, true)).collect()
}

/// The line of a step, the last if there are several.
#[track_caller]
fn line_of<'a>(lines: &'a [Value], step: &str) -> &'a Value {
    let found = lines.iter().rfind(|line| line["step"] == step);
    found.unwrap_or_else(|| panic!("no line of step {step} in {lines:#?}"))
}
