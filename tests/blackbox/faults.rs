//! A network that fails: lost requests and answers, delays, errors and outages between
//! the program and DynamoDB, and a connection to PostgreSQL that is cut or frozen.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use testbed::{AwsProxy, Fault, Init, Result, Running, Signal, TcpProxy, World};

use super::busy::{Busy, busy_as, end_sessions, sessions, wait_until};
use super::{assert_code, assert_fails, execute, full_goose_ledger, goose_ledger, world};

/// In the body of a put that acquires.
const ACQUIRING: &str = "attribute_not_exists(lock_id)";
/// In the body of a put that renews.
const RENEWING: &str = "heartbeat < :heartbeat";

/// A program that reaches DynamoDB through a proxy.
async fn through_proxy(world: &World<'_>) -> Result<(AwsProxy, Init)> {
    let proxy = AwsProxy::start(&world.testbed.aws).await?;
    let init = world.init().env("AWS_ENDPOINT_URL_DYNAMODB", proxy.endpoint());
    Ok((proxy, init))
}

#[tokio::test]
async fn an_acquisition_whose_answer_is_lost_is_recognised() -> Result<()> {
    let slow = Fault::DelayAnswer(Duration::from_secs(4));
    for fault in [Fault::DropAnswer, Fault::Cut, slow] {
        let world = world().await?;
        let (proxy, init) = through_proxy(&world).await?;
        proxy.inject(fault.on("PutItem").containing(ACQUIRING).nth(1));
        // A sixth of this lease is what a single try gets.
        let run = init.env("LOCK_LEASE", "6s").env("MAX_WAIT", "0").run().await?;
        assert_code(&run, 0);
        assert!(run.output().contains("the lock is ours already"), "{fault:?}: {}", run.output());
        assert!(!run.output().contains("waiting for lock"), "it waited for itself: {}", run.output());
        assert_eq!(world.account.lock_item().await?, None);
    }
    Ok(())
}

#[tokio::test]
async fn a_renewal_whose_answer_is_lost_is_recognised() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_proxy(&world).await?;
    proxy.inject(Fault::DropAnswer.on("PutItem").containing(RENEWING).first(3));
    let Busy { run, mut blocker } = busy_as(&world, init.env("LOCK_LEASE", "2s")).await?;
    // Each lost one is tried again, and the lease goes on for another two.
    proxy.wait_for("PutItem", 9).await?;
    execute(&mut blocker, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_release_whose_answer_is_lost_is_recognised() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_proxy(&world).await?;
    proxy.inject(Fault::DropAnswer.on("DeleteItem").nth(1));
    let run = init.run().await?;
    assert_code(&run, 0);
    assert!(run.output().contains("lock released: no item is left"), "{}", run.output());
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn what_passes_is_waited_out() -> Result<()> {
    for fault in [Fault::DropRequest, Fault::Status500, Fault::Throttle] {
        let world = world().await?;
        let (proxy, init) = through_proxy(&world).await?;
        // More than the SDK's own tries of one call.
        proxy.inject(fault.on("PutItem").first(5));
        proxy.inject(fault.on("DeleteItem").first(2));
        let run = init.run().await?;
        assert_code(&run, 0);
        assert!(proxy.seen().len() >= 9, "{:?}", proxy.seen());
        assert_eq!(world.account.lock_item().await?, None);
    }
    Ok(())
}

#[tokio::test]
async fn what_does_not_pass_is_given_up() -> Result<()> {
    for (fault, word) in [
        (Fault::DropRequest, "dynamodb:PutItem"),
        (Fault::Status500, "InternalServerError (500)"),
        (Fault::Throttle, "ThrottlingException (400)"),
    ] {
        let world = world().await?;
        let (proxy, init) = through_proxy(&world).await?;
        proxy.inject(fault.on_any());
        assert_fails(&init.env("MAX_WAIT", "1s").run().await?, 69, &[word]);
        assert!(!world.config_file().exists());
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_that_tells_nothing_is_no_reason_to_ask_for_ever() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_proxy(&world).await?;
    proxy.inject(Fault::RefuseUntold.on("PutItem"));
    assert_fails(&init.run().await?, 78, &["dynamodb:PutItem", "ReturnValuesOnConditionCheckFailure"]);
    Ok(())
}

#[tokio::test]
async fn an_acquisition_that_took_tries_for_longer_than_its_lease_is_renewed_at_once() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_proxy(&world).await?;
    proxy.inject(Fault::DropRequest.on("PutItem").containing(ACQUIRING).first(3));
    assert_code(&init.env("LOCK_LEASE", "1s").run().await?, 0);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_parameter_that_can_not_be_read_is_given_up() -> Result<()> {
    for (fault, word) in
        [(Fault::Throttle, "ThrottlingException (400)"), (Fault::DropRequest, "AWS_ENDPOINT_URL")]
    {
        let world = world().await?;
        let proxy = AwsProxy::start(&world.testbed.aws).await?;
        proxy.inject(fault.on("GetParameter"));
        let init = world.init().env("AWS_ENDPOINT_URL_SSM", proxy.endpoint()).env("MAX_WAIT", "10s");
        let run = init.run().await?;
        assert_fails(&run, 69, &["ssm:GetParameter", word]);
        assert!(run.output().contains("no config yet"), "{}", run.output());
        assert!(!world.config_file().exists());
        assert_eq!(world.account.lock_item().await?, None);
    }
    Ok(())
}

#[tokio::test]
async fn a_put_of_unknown_fate_is_taken_back() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_proxy(&world).await?;
    proxy.inject(Fault::DropAnswer.on("PutItem"));
    assert_fails(&init.env("MAX_WAIT", "1s").run().await?, 69, &["dynamodb:PutItem"]);
    assert_eq!(world.account.lock_item().await?, None, "its own item is left behind");
    Ok(())
}

#[tokio::test]
async fn an_outage_shorter_than_the_lease_is_survived() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_proxy(&world).await?;
    proxy.inject(Fault::DropRequest.on("PutItem").containing(RENEWING).first(6));
    let Busy { run, mut blocker } = busy_as(&world, init.env("LOCK_LEASE", "15s")).await?;
    let renewed = |seen: &testbed::Seen| seen.fault.is_none();
    proxy.wait_until(|seen| seen.iter().filter(|one| renewed(one)).count() >= 2).await?;
    execute(&mut blocker, "COMMIT").await?;
    let run = run.finish().await?;
    assert_code(&run, 0);
    assert!(run.output().contains("could not be renewed, trying again"), "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn an_outage_longer_than_the_lease_ends_the_work() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_proxy(&world).await?;
    let Busy { run, mut blocker } = busy_as(&world, init.env("LOCK_LEASE", "2s")).await?;
    proxy.inject(Fault::DropRequest.on_any());
    assert_fails(&run.finish().await?, 76, &["outage", "2 s", "rolled back"]);
    assert_eq!(sessions(&mut blocker, "true").await?, 0, "a session is left");
    execute(&mut blocker, "COMMIT").await?;
    assert_eq!(goose_ledger(&mut blocker).await?.last(), Some(&(5, true)));
    assert_code(&world.init().run().await?, 0);
    assert_eq!(goose_ledger(&mut blocker).await?, full_goose_ledger());
    Ok(())
}

/// A program that reaches PostgreSQL through a proxy.
pub async fn through_tcp_proxy(world: &World<'_>) -> Result<(TcpProxy, Init)> {
    let proxy = TcpProxy::start(world.testbed.postgres.port).await?;
    let url = world.database_url_through(proxy.port(), "");
    Ok((proxy, world.init().env("DATABASE_URL", url)))
}

#[tokio::test]
async fn an_idle_connection_that_was_cut_is_replaced() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_tcp_proxy(&world).await?;
    world.account.put_script_lock(3_600).await?;
    let mut run = init.start()?;
    run.wait_for("waiting for lock").await?;
    run.wait_for("connected to").await?;
    proxy.cut();
    world.account.delete_lock_item().await?;
    let run = run.finish().await?;
    assert_code(&run, 0);
    assert!(run.output().contains("connecting again"), "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn an_idle_connection_that_is_frozen_is_given_up() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_tcp_proxy(&world).await?;
    world.account.put_script_lock(3_600).await?;
    let mut run = init.env("DB_CONNECT_TIMEOUT", "1s").start()?;
    run.wait_for("connected to").await?;
    run.wait_for("waiting for lock").await?;
    proxy.freeze();
    world.account.delete_lock_item().await?;
    assert_fails(&run.finish().await?, 69, &["no answer", "DB_CONNECT_TIMEOUT"]);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_frozen_connection_does_not_keep_a_signal_from_ending_the_run() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_tcp_proxy(&world).await?;
    let Busy { run, mut blocker } = busy_as(&world, init).await?;
    proxy.freeze();
    run.signal(Signal::Terminate).await?;
    let run = run.finish().await?;
    assert_fails(&run, 143, &["SIGTERM"]);
    assert!(
        run.output().contains("could not make sure that the database session has ended"),
        "{}",
        run.output()
    );
    assert_eq!(world.account.lock_item().await?, None);
    proxy.cut();
    wait_until(&world, "true", 0).await?;
    execute(&mut blocker, "COMMIT").await?;
    assert_eq!(goose_ledger(&mut blocker).await?.last(), Some(&(5, true)));
    Ok(())
}

/// What must be left when the session was lost without a word: nothing.
async fn assert_vanished(
    world: &World<'_>,
    run: Running,
    mut blocker: PgConnection,
    detail: &str,
) -> Result<()> {
    assert_fails(&run.finish().await?, 69, &["has vanished while we were at work", detail]);
    assert_eq!(world.account.lock_item().await?, None);
    execute(&mut blocker, "COMMIT").await?;
    assert_eq!(goose_ledger(&mut blocker).await?.last(), Some(&(5, true)));
    Ok(())
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_tcp_proxy(&world).await?;
    let init = init.env("LOCK_LEASE", "2s").env("DB_CONNECT_TIMEOUT", "2s");
    let Busy { run, blocker } = busy_as(&world, init).await?;
    proxy.freeze();
    assert_vanished(&world, run, blocker, "no answer").await
}

#[tokio::test]
async fn a_session_that_ended_without_our_hearing_of_it_is_given_up() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_tcp_proxy(&world).await?;
    let init = init.env("LOCK_LEASE", "2s").env("DB_CONNECT_TIMEOUT", "2s");
    let Busy { run, blocker } = busy_as(&world, init).await?;
    proxy.freeze_present();
    end_sessions(&mut world.connect().await?, "true").await?;
    assert_vanished(&world, run, blocker, "it has no session with pid").await
}

#[tokio::test]
async fn work_that_takes_longer_than_any_patience_is_left_alone() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_tcp_proxy(&world).await?;
    let init = init.env("LOCK_LEASE", "1s").env("DB_CONNECT_TIMEOUT", "1s");
    let Busy { run, mut blocker } = busy_as(&world, init).await?;
    let begun = proxy.connections();
    while proxy.connections() < begun + 6 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    execute(&mut blocker, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    Ok(())
}
