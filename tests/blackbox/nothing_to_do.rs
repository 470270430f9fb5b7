//! Nothing to do, no waiting: a migrated database sets its waiters free.

use std::fs;

use aws_sdk_dynamodb::types::AttributeValue;
use testbed::{AwsProxy, Fault, PROVIDERS, Result, World};

use super::busy::wait_until;
use super::{assert_code, assert_fails, execute, world};

/// A migrated database, and a lock that somebody else holds and never releases.
async fn migrated_and_locked(world: &World<'_>) -> Result<()> {
    assert_code(&world.init().run().await?, 0);
    fs::remove_file(world.config_file())?;
    world.account.put_script_lock(3_600).await
}

#[tokio::test]
async fn a_waiter_writes_its_config_and_leaves_without_the_lock() -> Result<()> {
    let world = world().await?;
    migrated_and_locked(&world).await?;
    let before = world.account.lock_item().await?;
    let run = world.init().run().await?;
    assert_code(&run, 0);
    assert!(run.output().contains("the lock is not needed"), "{}", run.output());
    assert_eq!(fs::read_to_string(world.config_file())?, PROVIDERS);
    assert_eq!(run.last()["migrations_applied"], 0);
    assert_eq!(run.last()["schema_version"], 6);
    assert_eq!(world.account.lock_item().await?, before, "another's lock is left alone");
    Ok(())
}

#[tokio::test]
async fn a_waiter_that_is_told_to_waits_all_the_same() -> Result<()> {
    let world = world().await?;
    migrated_and_locked(&world).await?;
    let run = world.init().arg("--always-lock").env("MAX_WAIT", "1s").run().await?;
    assert_fails(&run, 75, &["init.sh"]);
    assert!(!world.config_file().exists());
    Ok(())
}

#[tokio::test]
async fn ledgers_that_disagree_are_something_to_do() -> Result<()> {
    for disagreement in [
        "DELETE FROM goose_db_version WHERE version_id = 6",
        "DELETE FROM refinery_schema_history WHERE version = 6",
        "UPDATE refinery_schema_history SET checksum = '42' WHERE version = 3",
    ] {
        let world = world().await?;
        migrated_and_locked(&world).await?;
        execute(&mut world.connect().await?, disagreement).await?;
        assert_fails(&world.init().env("MAX_WAIT", "1s").run().await?, 75, &["init.sh"]);
    }
    Ok(())
}

#[tokio::test]
async fn waiters_are_set_free_when_the_holder_has_migrated() -> Result<()> {
    let world = world().await?;
    world.account.put_script_lock(3_600).await?;
    let mut waiter = world.init().start()?;
    waiter.wait_for("waiting for lock").await?;
    // Another lock, the same database: as good as the holder's own migrating.
    let other = world.init().env("LOCK_ID", "other").env("CONFIG_PATH", world.config_folder().join("other"));
    assert_code(&other.run().await?, 0);
    assert_code(&waiter.finish().await?, 0);
    let text = AttributeValue::S("init".into());
    assert_eq!(world.account.lock_item().await?.expect("the script's")["lock_id"], text);
    Ok(())
}

#[tokio::test]
async fn a_task_that_waits_for_its_config_keeps_nobody_else_waiting() -> Result<()> {
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let proxy = AwsProxy::start(&world.testbed.aws).await?;
    proxy.inject(Fault::Throttle.on("GetParameter"));
    let mut run = world.init().env("AWS_ENDPOINT_URL_SSM", proxy.endpoint()).start()?;
    run.wait_for("the lock is not needed").await?;
    let held = proxy.seen().len();
    proxy.wait_for("GetParameter", held + 1).await?;
    let others = world.init().arg("--always-lock").env("CONFIG_PATH", world.config_folder().join("other"));
    assert_code(&others.run().await?, 0);
    wait_until(&world, "true", 0).await?;
    proxy.clear();
    assert_code(&run.finish().await?, 0);
    Ok(())
}
