//! The lease: renewed while work goes on, taken over from the dead and the frozen, and
//! work that stops when it is lost.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use testbed::{Result, Signal, World};

use super::busy::{Busy, busy, sessions};
use super::{assert_code, assert_fails, execute, full_goose_ledger, goose_ledger, line_of, world};

async fn heartbeat(world: &World<'_>) -> Result<u64> {
    let item = world.account.lock_item().await?.ok_or("no lock item")?;
    Ok(item["heartbeat"].as_n().map_err(|_| "no number")?.parse()?)
}

async fn wait_for_heartbeat(world: &World<'_>, least: u64) -> Result<()> {
    for _ in 0..3_000 {
        if heartbeat(world).await? >= least {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("the heartbeat never came to {least}").into())
}

#[tokio::test]
async fn a_holder_at_work_is_never_overtaken() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "1s").await?;
    let mut waiter = world.init().env("LOCK_LEASE", "1s").start()?;
    waiter.wait_for("waiting for lock").await?;
    // Nine renewals are three leases.
    let begun = heartbeat(&world).await?;
    wait_for_heartbeat(&world, begun + 9).await?;
    execute(&mut blocker, "COMMIT").await?;
    let run = run.finish().await?;
    assert_code(&run, 0);
    let waiter = waiter.finish().await?;
    assert_code(&waiter, 0);
    assert!(!waiter.output().contains("took over"), "{}", waiter.output());
    assert_eq!(run.last()["migrations_applied"], 1);
    Ok(())
}

#[tokio::test]
async fn a_killed_holder_is_taken_over_after_its_lease() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "2s").await?;
    run.signal(Signal::Kill).await?;
    assert_eq!(run.finish().await?.code(), None);
    let mut next = world.init().start()?;
    next.wait_for("waiting for lock").await?;
    next.wait_for("took over a lock that had run out").await?;
    execute(&mut blocker, "COMMIT").await?;
    let next = next.finish().await?;
    assert_code(&next, 0);
    let waited = next.last()["lock_wait_ms"].as_u64().expect("a number");
    assert!(waited >= 2_000, "taken over after {waited} ms of a lease of 2 s");
    assert_eq!(next.last()["migrations_applied"], 1);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_frozen_holder_does_no_harm_and_says_so_when_it_wakes() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "2s").await?;
    run.signal(Signal::Freeze).await?;
    let mut next = world.init().env("MIGRATION_LOCK_TIMEOUT", "100s").start()?;
    next.wait_for("ended what was left of the dead holder's sessions").await?;
    next.wait_for("applying V6").await?;
    run.signal(Signal::Thaw).await?;
    let run = run.finish().await?;
    assert_fails(&run, 76, &["outage", "paused", "rolled back"]);
    assert_eq!(line_of(&run.json(), "release")["level"], "ERROR", "the lock is another's");
    execute(&mut blocker, "COMMIT").await?;
    let next = next.finish().await?;
    assert_code(&next, 0);
    assert_eq!(next.last()["migrations_applied"], 1);
    assert_eq!(goose_ledger(&mut blocker).await?, full_goose_ledger());
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_stolen_lock_ends_the_work_and_names_the_thief() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "1s").await?;
    let text = |value: &str| AttributeValue::S(value.into());
    let number = |value: &str| AttributeValue::N(value.into());
    world
        .account
        .put_lock_item(&[
            ("lock_id", text("init")),
            ("expires_at", number("4000000000")),
            ("owner", text("the thief")),
            ("token", text("another-token")),
            ("heartbeat", number("0")),
            ("lease", number("30")),
            ("acquired_at", text("2026-11-01T10:00:00Z")),
        ])
        .await?;
    let stolen = world.account.lock_item().await?;
    let run = run.finish().await?;
    assert_fails(&run, 76, &["stolen", "the thief since 2026-11-01T10:00:00Z", "rolled back"]);
    assert_eq!(world.account.lock_item().await?, stolen, "another's lock is left alone");
    assert_eq!(sessions(&mut blocker, "true").await?, 0, "no session is left");
    execute(&mut blocker, "COMMIT").await?;
    assert_eq!(goose_ledger(&mut blocker).await?.last(), Some(&(5, true)));
    Ok(())
}

#[tokio::test]
async fn a_lock_that_somebody_deleted_ends_the_work() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "1s").await?;
    world.account.delete_lock_item().await?;
    assert_fails(&run.finish().await?, 76, &["stolen", "deleted"]);
    execute(&mut blocker, "COMMIT").await?;
    assert_eq!(goose_ledger(&mut blocker).await?.last(), Some(&(5, true)));
    Ok(())
}
