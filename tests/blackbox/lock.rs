//! The lock: waiting, giving up, and living together with init.sh.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use testbed::{LockItem, Result, TaskMetadata, World};
use time::format_description::well_known::Rfc3339;

use super::busy::{Busy, blocked, busy};
use super::{assert_code, assert_fails, execute, line_of, world};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// Puts an item as another task of this binary would have it, fresh or long past.
async fn put_other_holder(world: &World<'_>, expires_at: i64) -> Result<()> {
    world
        .account
        .put_lock_item(&[
            ("lock_id", text("init")),
            ("expires_at", AttributeValue::N(expires_at.to_string())),
            ("owner", text("arn:aws:ecs:eu-west-1:1:task/proxy/other")),
            ("token", text("11111111-2222-4333-8444-555555555555")),
            ("heartbeat", AttributeValue::N("3".into())),
            ("lease", AttributeValue::N("30".into())),
            ("acquired_at", text("2026-11-01T10:00:00Z")),
        ])
        .await
}

/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:1";
const FAR_FUTURE: i64 = 4_000_000_000;

/// Does something while the program holds the lock and is busy migrating.
async fn with_busy_holder<T>(world: &World<'_>, then: impl AsyncFnOnce(LockItem) -> Result<T>) -> Result<T> {
    let Busy { run, mut blocker } = busy(world, "30s").await?;
    let item = world.account.lock_item().await?.expect("the lock is held");
    let outcome = then(item).await?;
    execute(&mut blocker, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(outcome)
}

#[tokio::test]
async fn the_item_is_that_of_the_contract() -> Result<()> {
    let world = world().await?;
    let before = epoch_seconds();
    let item = with_busy_holder(&world, async |item| Ok(item)).await?;
    let string = |name: &str| item[name].as_s().cloned().unwrap_or_default();
    let number = |name: &str| item[name].as_n().unwrap().parse::<i64>().unwrap();
    assert_eq!(string("lock_id"), "init");
    assert!((before + 300..=epoch_seconds() + 300).contains(&number("expires_at")), "{item:?}");
    assert!(string("owner").contains(" pid "), "{item:?}");
    assert_eq!(string("token").len(), 36, "{item:?}");
    assert_eq!(number("heartbeat"), 0);
    assert_eq!(number("lease"), 30);
    assert!(string("acquired_at").ends_with('Z'), "{item:?}");
    assert_eq!(item.len(), 7, "{item:?}");
    Ok(())
}

#[tokio::test]
async fn the_owner_is_the_task_of_the_ecs_metadata_endpoint() -> Result<()> {
    let world = world().await?;
    let metadata = TaskMetadata::start().await?;
    put_other_holder(&world, FAR_FUTURE).await?;
    let run = world.init().env("ECS_CONTAINER_METADATA_URI_V4", metadata.uri("0123abcd"));
    let run = run.env("MAX_WAIT", "0").run().await?;
    assert_eq!(run.last()["span"]["owner"], TaskMetadata::arn("0123abcd"));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_costs_a_warning() -> Result<()> {
    let world = world().await?;
    let closed = format!("http://{NOBODY}");
    let run = world.init().env("ECS_CONTAINER_METADATA_URI_V4", closed).run().await?;
    assert_code(&run, 0);
    assert!(
        run.json().iter().any(|line| line["level"] == "WARN" && line["step"] == "start"),
        "{}",
        run.output()
    );
    Ok(())
}

#[tokio::test]
async fn a_lock_that_is_held_is_waited_for() -> Result<()> {
    let world = world().await?;
    put_other_holder(&world, FAR_FUTURE).await?;
    let mut run = world.init().env("POLL_INTERVAL", "300ms").start()?;
    let line = run.wait_for("waiting for lock").await?;
    assert!(line.contains("arn:aws:ecs:eu-west-1:1:task/proxy/other since 2026-11-01T10:00:00Z"), "{line}");
    assert!(line.contains("silent for 0 s; waited 0 s of at most 300 s"), "{line}");
    world.account.delete_lock_item().await?;
    let run = run.finish().await?;
    assert_code(&run, 0);
    assert!(run.last()["lock_wait_ms"].as_u64() > Some(0), "{}", run.last());
    Ok(())
}

#[tokio::test]
async fn the_time_in_the_item_is_that_of_acquiring_not_of_the_first_try() -> Result<()> {
    let world = world().await?;
    let mut blocker = blocked(&world).await?;
    put_other_holder(&world, FAR_FUTURE).await?;
    let mut run = world.init().start()?;
    run.wait_for("waiting for lock").await?;
    let begun = epoch_seconds();
    while epoch_seconds() == begun {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.account.delete_lock_item().await?;
    run.wait_for("lock acquired").await?;
    let item = world.account.lock_item().await?.expect("the lock is held");
    let acquired_at = item["acquired_at"].as_s().map_err(|_| "no string")?;
    let acquired_at = time::OffsetDateTime::parse(acquired_at, &Rfc3339)?.unix_timestamp();
    assert!(acquired_at > begun, "{acquired_at} {begun}");
    execute(&mut blocker, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    Ok(())
}

#[tokio::test]
async fn waiting_is_told_again_every_ten_seconds() -> Result<()> {
    let world = world().await?;
    put_other_holder(&world, FAR_FUTURE).await?;
    let mut run = world.init().start()?;
    run.wait_for("waiting for lock").await?;
    let again: Value = serde_json::from_str(&run.wait_for("waiting for lock").await?)?;
    assert!(again["waited_ms"].as_u64() >= Some(10_000), "{again}");
    assert!(again["silent_ms"].as_u64() >= Some(9_000), "{again}");
    Ok(())
}

#[tokio::test]
async fn a_lock_that_is_never_released_is_given_up_naming_the_holder() -> Result<()> {
    let world = world().await?;
    put_other_holder(&world, FAR_FUTURE).await?;
    let before = world.account.lock_item().await?;
    let run = world.init().env("MAX_WAIT", "1s").run().await?;
    assert_fails(
        &run,
        75,
        &["arn:aws:ecs:eu-west-1:1:task/proxy/other", "\"init\"", "llm-proxy-locks", "after 1 s"],
    );
    assert_eq!(world.account.lock_item().await?, before, "another's lock is not touched");
    assert!(!world.config_file().exists());
    Ok(())
}

#[tokio::test]
async fn a_lock_that_nobody_renewed_for_its_whole_ttl_is_taken_over() -> Result<()> {
    let world = world().await?;
    put_other_holder(&world, epoch_seconds() - 61).await?;
    let run = world.init().env("MAX_WAIT", "0").run().await?;
    assert_code(&run, 0);
    let lines = run.json();
    assert!(lines.iter().any(|line| line["message"].as_str().is_some_and(|m| m.contains("took over"))));
    Ok(())
}

#[tokio::test]
async fn the_scripts_lock_is_waited_for_until_it_expires() -> Result<()> {
    let world = world().await?;
    world.account.put_script_lock(2).await?;
    let expires_at =
        world.account.lock_item().await?.expect("just put")["expires_at"].as_n().unwrap().parse::<i64>()?;
    let mut run = world.init().start()?;
    run.wait_for("held by an init.sh task until").await?;
    run.wait_for("lock acquired").await?;
    assert!(epoch_seconds() > expires_at, "acquired before the script's lock expired");
    assert_code(&run.finish().await?, 0);
    Ok(())
}

#[tokio::test]
async fn the_scripts_expired_lock_is_taken_at_once() -> Result<()> {
    let world = world().await?;
    world.account.put_script_lock(-1).await?;
    let run = world.init().env("MAX_WAIT", "0").run().await?;
    assert_code(&run, 0);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn our_lock_keeps_the_script_out() -> Result<()> {
    let world = world().await?;
    let refused = with_busy_holder(&world, async |item| {
        let now = AttributeValue::N(epoch_seconds().to_string());
        let later = AttributeValue::N((epoch_seconds() + 300).to_string());
        let put = world.account.dynamodb.put_item().table_name("llm-proxy-locks");
        let put = put.item("lock_id", text("init")).item("expires_at", later);
        let put = put.condition_expression("attribute_not_exists(lock_id) OR expires_at < :now");
        let sent = put.expression_attribute_values(":now", now).send().await;
        assert_eq!(world.account.lock_item().await?, Some(item));
        Ok(sent.err().and_then(|error| {
            error.into_service_error().is_conditional_check_failed_exception().then_some(())
        }))
    });
    assert_eq!(refused.await?, Some(()));
    Ok(())
}

#[tokio::test]
async fn a_lock_that_became_anothers_is_left_alone() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "30s").await?;
    put_other_holder(&world, FAR_FUTURE).await?;
    let anothers = world.account.lock_item().await?;
    execute(&mut blocker, "COMMIT").await?;
    let run = run.finish().await?;
    assert_eq!(world.account.lock_item().await?, anothers);
    assert_eq!(line_of(&run.json(), "release")["level"], "ERROR");
    Ok(())
}

#[tokio::test]
async fn an_item_that_is_no_lock_is_refused() -> Result<()> {
    let world = world().await?;
    world.account.put_lock_item(&[("lock_id", text("init"))]).await?;
    assert_fails(&world.init().run().await?, 78, &["\"init\"", "expires_at", "delete it"]);
    Ok(())
}

fn epoch_seconds() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_secs().cast_signed()
}
