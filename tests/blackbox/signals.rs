//! Stopping: SIGTERM and SIGINT, while waiting and while migrating.

use testbed::{Result, Running, Signal, World};

use super::busy::{sessions, wait_until};
use super::migrations::world_at_goose_version;
use super::{assert_fails, execute, goose_ledger, line_of, world};

/// Starts a run that waits for a lock which somebody else keeps.
async fn waiting(world: &World<'_>) -> Result<Running> {
    world.account.put_script_lock(3_600).await?;
    let mut run = world.init().start()?;
    run.wait_for("waiting for lock").await?;
    Ok(run)
}

#[tokio::test]
async fn sigterm_while_waiting_ends_at_once_and_touches_nothing() -> Result<()> {
    let world = world().await?;
    let run = waiting(&world).await?;
    let before = world.account.lock_item().await?;
    run.signal(Signal::Terminate).await?;
    assert_fails(&run.finish().await?, 143, &["SIGTERM"]);
    assert_eq!(world.account.lock_item().await?, before);
    assert!(!world.config_file().exists());
    Ok(())
}

#[tokio::test]
async fn sigint_while_waiting_ends_with_its_own_code() -> Result<()> {
    let world = world().await?;
    let run = waiting(&world).await?;
    run.signal(Signal::Interrupt).await?;
    assert_fails(&run.finish().await?, 130, &["SIGINT"]);
    Ok(())
}

#[tokio::test]
async fn sigterm_while_migrating_rolls_back_and_releases() -> Result<()> {
    stopped_while_migrating(Signal::Terminate, 143).await
}

#[tokio::test]
async fn sigint_while_migrating_rolls_back_and_releases() -> Result<()> {
    stopped_while_migrating(Signal::Interrupt, 130).await
}

/// Version 4 has added its column and waits inside its transaction for a lock on the
/// table that another session has.
async fn stopped_while_migrating(signal: Signal, code: i32) -> Result<()> {
    let (world, mut database) = world_at_goose_version(3).await?;
    let mut blocker = world.connect().await?;
    execute(&mut blocker, "BEGIN; LOCK TABLE tokens IN ACCESS SHARE MODE").await?;

    let mut run = world.init().env("MIGRATION_LOCK_TIMEOUT", "100s").start()?;
    run.wait_for("applying V4").await?;
    wait_until(&world, "wait_event_type = 'Lock'", 1).await?;
    run.signal(signal).await?;
    let run = run.finish().await?;

    assert_fails(&run, code, &["SIG"]);
    assert_eq!(sessions(&mut database, "true").await?, 0, "the session is gone before the program is");
    assert_eq!(line_of(&run.json(), "release")["message"], "lock released");
    assert_eq!(world.account.lock_item().await?, None);
    let expected: Vec<(i64, bool)> = (0..=3).map(|version| (version, true)).collect();
    assert_eq!(goose_ledger(&mut database).await?, expected);
    execute(&mut blocker, "COMMIT").await?;
    let run = world.init().run().await?;
    assert_eq!(run.last()["migrations_applied"], 3, "the next run continues: {}", run.output());
    Ok(())
}
