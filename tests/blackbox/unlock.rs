//! `unlock`: against a live holder, a dead one and init.sh's; never what was not shown.

use aws_sdk_dynamodb::types::AttributeValue;
use testbed::{AwsProxy, Fault, Init, Result, Signal, World};

use super::busy::{Busy, busy, sessions};
use super::{assert_code, execute, world};

async fn token(world: &World<'_>) -> Result<String> {
    let item = world.account.lock_item().await?.ok_or("no lock item")?;
    Ok(item["token"].as_s().cloned().map_err(|_| "no token")?)
}

fn unlock(world: &World<'_>, arguments: &[&str]) -> Init {
    arguments.iter().fold(world.init().arg("unlock"), |init, argument| init.arg(argument))
}

#[tokio::test]
async fn a_lock_that_is_free_is_left_so() -> Result<()> {
    let world = world().await?;
    let run = unlock(&world, &[]).run().await?;
    assert_code(&run, 0);
    assert!(run.output().contains("is free"), "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn without_a_terminal_it_takes_token_and_yes() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "30s").await?;
    let token = token(&world).await?;
    let by_token = format!("--token={token}");
    for arguments in
        [&[][..], &["--yes"], &[&by_token], &["--token=another", "--yes"], &["--expires-at=7", "--yes"]]
    {
        let refused = unlock(&world, arguments).run().await?;
        assert_code(&refused, 64);
        assert!(refused.output().contains(&token), "the holder is shown: {}", refused.output());
        assert!(world.account.lock_item().await?.is_some(), "{arguments:?}");
    }
    execute(&mut blocker, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_live_holder_ends_and_leaves_nothing() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "1s").await?;
    let done = unlock(&world, &["--token", &token(&world).await?, "--yes"]).run().await?;
    assert_code(&done, 0);
    assert!(done.output().contains("ended its database session"), "{}", done.output());
    let run = run.finish().await?;
    assert!(
        matches!(run.code(), Some(69 | 76)),
        "it is told by its lock or by its session: {}",
        run.output()
    );
    assert_eq!(sessions(&mut blocker, "true").await?, 0);
    assert_eq!(world.account.lock_item().await?, None);
    execute(&mut blocker, "COMMIT").await?;
    Ok(())
}

#[tokio::test]
async fn a_dead_holder_goes_with_its_sessions() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "30s").await?;
    // Its statement goes on in the server: the freeze keeps the connection open.
    run.signal(Signal::Freeze).await?;
    let done = unlock(&world, &["--token", &token(&world).await?, "--yes"]).run().await?;
    assert_code(&done, 0);
    assert!(done.output().contains("ended its database session"), "{}", done.output());
    assert_eq!(sessions(&mut blocker, "true").await?, 0);
    assert_eq!(world.account.lock_item().await?, None);
    run.signal(Signal::Kill).await?;
    execute(&mut blocker, "COMMIT").await?;
    Ok(())
}

#[tokio::test]
async fn the_scripts_lock_is_named_by_its_end() -> Result<()> {
    let world = world().await?;
    world.account.put_script_lock(3_600).await?;
    let item = world.account.lock_item().await?.ok_or("no item")?;
    let end = item["expires_at"].as_n().map_err(|_| "no number")?.clone();
    let refused = unlock(&world, &[]).run().await?;
    assert_code(&refused, 64);
    assert!(refused.output().contains(&format!("unlock --expires-at {end} --yes")), "{}", refused.output());
    assert_code(&unlock(&world, &["--token", "", "--yes"]).run().await?, 64);
    assert_eq!(world.account.lock_item().await?, Some(item));
    assert_code(&unlock(&world, &["--expires-at", &end, "--yes"]).run().await?, 0);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn what_was_not_shown_stays() -> Result<()> {
    let world = world().await?;
    world.account.put_script_lock(3_600).await?;
    let end = world.account.lock_item().await?.ok_or("no item")?["expires_at"].as_n().cloned().unwrap();
    let proxy = AwsProxy::start(&world.testbed.aws).await?;
    proxy.inject(Fault::DropRequest.on("DeleteItem").nth(1));
    let unlocking = unlock(&world, &["--expires-at", &end, "--yes"])
        .env("AWS_ENDPOINT_URL_DYNAMODB", proxy.endpoint())
        .start()?;
    // The first try is lost; before the next one another task has come.
    proxy.wait_for("DeleteItem", 1).await?;
    let text = |value: &str| AttributeValue::S(value.into());
    let number = |value: &str| AttributeValue::N(value.into());
    let other = [
        ("lock_id", text("init")),
        ("expires_at", number("4000000000")),
        ("owner", text("the next task")),
        ("token", text("another-token")),
        ("heartbeat", number("0")),
        ("lease", number("30")),
        ("acquired_at", text("2026-11-01T10:00:00Z")),
    ];
    world.account.put_lock_item(&other).await?;
    let refused = unlocking.finish().await?;
    assert_code(&refused, 64);
    assert!(refused.output().contains("the next task"), "{}", refused.output());
    assert_eq!(token(&world).await?, "another-token");
    Ok(())
}

/// Runs it on a terminal on which somebody types.
fn on_terminal(unlock: Init, typed: &str) -> Init {
    let shell = format!("printf '{typed}\\n' | script -qec \"$*\" /dev/null");
    unlock.inside("/bin/sh", &["-c", &shell, "sh"])
}

#[tokio::test]
async fn on_a_terminal_it_asks() -> Result<()> {
    let world = world().await?;
    world.account.put_script_lock(3_600).await?;
    let refused = on_terminal(unlock(&world, &[]), "y").run().await?;
    assert_code(&refused, 64);
    assert!(refused.output().contains("Remove this lock?"), "{}", refused.output());
    assert!(world.account.lock_item().await?.is_some());
    let done = on_terminal(unlock(&world, &[]), "yes").run().await?;
    assert_code(&done, 0);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}
