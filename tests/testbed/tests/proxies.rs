//! The proxies: each fault does what it says, where its rule says, and nothing else.

#![forbid(unsafe_code)]
// Test code: a panic is how a test fails.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use testbed::{AwsProxy, Fault, Result, Seen, TcpProxy, Testbed, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Never over before a test is.
const FOREVER: Duration = Duration::from_secs(3_600);
/// Far longer than what it is given for takes on an idle machine. A busy machine can
/// make a check by it miss a defect, but not fail without one.
const A_WHILE: Duration = Duration::from_millis(300);

async fn world() -> Result<World<'static>> {
    World::new(Testbed::shared(), Path::new("no program is started")).await
}

/// A world, a proxy before its account, and a client that goes through the proxy and
/// tries once.
async fn behind_aws_proxy() -> Result<(World<'static>, AwsProxy, Client)> {
    let world = world().await?;
    let proxy = AwsProxy::start(&world.testbed.aws).await?;
    let config = world.account.dynamodb.config().to_builder();
    let config = config.endpoint_url(proxy.endpoint()).retry_config(RetryConfig::disabled());
    Ok((world, proxy, Client::from_conf(config.build())))
}

type Put = Result<PutItemOutput, SdkError<PutItemError>>;

/// Puts a lock item with a note in it.
async fn put(client: &Client, note: &str) -> Put {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let put = client.put_item().table_name("llm-proxy-locks");
    put.item("lock_id", text("init")).item("note", text(note)).send().await
}

/// Injects the fault for one put; returns how that ended and whether it was written.
async fn put_with(fault: Fault) -> Result<(Put, bool)> {
    let (world, proxy, client) = behind_aws_proxy().await?;
    proxy.inject(fault.on("PutItem"));
    let outcome = put(&client, "one").await;
    let written = world.account.lock_item().await?.is_some();
    let seen = proxy.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((seen[0].operation.as_str(), seen[0].fault), ("PutItem", Some(fault)));
    assert_eq!(seen[0].answered, written);
    Ok((outcome, written))
}

/// The status and the error code of a failed put, as far as they have come.
fn failure(outcome: &Put) -> (Option<u16>, Option<&str>) {
    let error = outcome.as_ref().expect_err("a fault");
    (error.raw_response().map(|answer| answer.status().as_u16()), error.code())
}

/// Asserts that something does not happen as long as nothing else does.
async fn assert_pending(event: impl Future) {
    assert!(timeout(A_WHILE, event).await.is_err(), "happened although it must not");
}

#[tokio::test]
async fn a_request_without_a_fault_passes() -> Result<()> {
    let (world, proxy, client) = behind_aws_proxy().await?;
    put(&client, "one").await?;
    let get = client.get_item().table_name("llm-proxy-locks");
    let got = get.key("lock_id", AttributeValue::S("init".into())).send().await?;
    assert!(got.item.is_some());
    assert_eq!(got.item, world.account.lock_item().await?);
    let seen = proxy.seen();
    let passed = |seen: &Seen| seen.fault.is_none() && seen.answered;
    assert!(seen.iter().all(passed), "{seen:?}");
    assert_eq!(seen.iter().map(|seen| seen.operation.as_str()).collect::<Vec<_>>(), ["PutItem", "GetItem"]);
    assert!(seen[0].body.contains(r#""note":{"S":"one"}"#), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_dropped_request_is_an_error_and_does_nothing() -> Result<()> {
    let (outcome, written) = put_with(Fault::DropRequest).await?;
    assert_eq!(failure(&outcome), (None, None));
    assert!(!written);
    Ok(())
}

#[tokio::test]
async fn a_dropped_answer_is_an_error_and_leaves_the_item() -> Result<()> {
    let (outcome, written) = put_with(Fault::DropAnswer).await?;
    assert_eq!(failure(&outcome), (None, None));
    assert!(written);
    Ok(())
}

#[tokio::test]
async fn an_answer_cut_off_is_an_error_and_leaves_the_item() -> Result<()> {
    let (outcome, written) = put_with(Fault::Cut).await?;
    assert_eq!(failure(&outcome), (Some(200), None));
    assert!(written);
    Ok(())
}

#[tokio::test]
async fn status_500_is_dynamodbs_and_does_nothing() -> Result<()> {
    let (outcome, written) = put_with(Fault::Status500).await?;
    assert_eq!(failure(&outcome), (Some(500), Some("InternalServerError")));
    assert!(!written);
    Ok(())
}

#[tokio::test]
async fn throttling_is_dynamodbs_and_does_nothing() -> Result<()> {
    let (outcome, written) = put_with(Fault::Throttle).await?;
    assert_eq!(failure(&outcome), (Some(400), Some("ThrottlingException")));
    assert!(!written);
    Ok(())
}

#[tokio::test]
async fn delays_end() -> Result<()> {
    for fault in [Fault::DelayRequest(A_WHILE), Fault::DelayAnswer(A_WHILE)] {
        let started = Instant::now();
        let (outcome, written) = put_with(fault).await?;
        assert!(started.elapsed() >= A_WHILE, "{fault:?}");
        assert!(outcome.is_ok() && written, "{outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_delayed_request_has_not_been_served() -> Result<()> {
    let (world, proxy, client) = behind_aws_proxy().await?;
    proxy.inject(Fault::DelayRequest(FOREVER).on("PutItem"));
    let mut put = pin!(put(&client, "one"));
    tokio::select! {
        outcome = &mut put => panic!("{outcome:?}"),
        arrived = proxy.wait_for("PutItem", 1) => arrived?,
    }
    assert_pending(put).await;
    assert_eq!(world.account.lock_item().await?, None);
    assert!(!proxy.seen()[0].answered);
    Ok(())
}

#[tokio::test]
async fn a_delayed_answer_follows_a_request_that_has_been_served() -> Result<()> {
    let (world, proxy, client) = behind_aws_proxy().await?;
    proxy.inject(Fault::DelayAnswer(FOREVER).on("PutItem"));
    let mut put = pin!(put(&client, "one"));
    tokio::select! {
        outcome = &mut put => panic!("{outcome:?}"),
        answered = proxy.wait_until(|seen| seen.iter().any(|seen| seen.answered)) => answered?,
    }
    assert_pending(put).await;
    assert!(world.account.lock_item().await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_delayed_request_is_served_even_if_the_client_has_gone() -> Result<()> {
    let (world, proxy, client) = behind_aws_proxy().await?;
    proxy.inject(Fault::DelayRequest(A_WHILE).on("PutItem"));
    tokio::select! {
        outcome = put(&client, "one") => panic!("{outcome:?}"),
        arrived = proxy.wait_for("PutItem", 1) => arrived?,
    }
    proxy.wait_until(|seen| seen[0].answered).await?;
    assert!(world.account.lock_item().await?.is_some());
    Ok(())
}

/// Puts an item for each note; returns for each whether that went well.
async fn put_all<const N: usize>(client: &Client, notes: [&str; N]) -> [bool; N] {
    let mut outcomes = [false; N];
    for (outcome, note) in outcomes.iter_mut().zip(notes) {
        *outcome = put(client, note).await.is_ok();
    }
    outcomes
}

#[tokio::test]
async fn a_rule_hits_only_what_it_names() -> Result<()> {
    let (world, proxy, client) = behind_aws_proxy().await?;
    let lock = || client.delete_item().table_name("llm-proxy-locks");
    let lock = || lock().key("lock_id", AttributeValue::S("init".into()));
    proxy.inject(Fault::Throttle.on("PutItem").containing("one").not_containing("no one"));
    assert_eq!(put_all(&client, ["one", "no one", "two", "one"]).await, [false, true, true, false]);
    lock().send().await?;
    proxy.inject(Fault::DropRequest.on("DeleteItem"));
    assert_eq!(put_all(&client, ["two"]).await, [true]);
    assert!(lock().send().await.is_err());
    assert!(world.account.lock_item().await?.is_some());
    proxy.clear();
    lock().send().await?;
    assert_eq!(put_all(&client, ["one"]).await, [true]);
    proxy.inject(Fault::Throttle.on_any());
    assert!(lock().send().await.is_err());
    assert_eq!(put_all(&client, ["two"]).await, [false]);
    Ok(())
}

#[tokio::test]
async fn a_rule_counts_its_own_requests_from_its_injection() -> Result<()> {
    let (_world, proxy, client) = behind_aws_proxy().await?;
    let all = ["a", "b", "b", "b"];
    assert_eq!(put_all(&client, all).await, [true, true, true, true]);
    proxy.inject(Fault::Throttle.on("PutItem").containing(r#""b""#).nth(2));
    assert_eq!(put_all(&client, all).await, [true, true, false, true]);
    proxy.inject(Fault::Throttle.on("PutItem").first(2));
    assert_eq!(put_all(&client, all).await, [false, false, true, true]);
    proxy.inject(Fault::Throttle.on("PutItem").from_nth(3));
    assert_eq!(put_all(&client, all).await, [true, true, false, false]);
    Ok(())
}

#[tokio::test]
async fn of_several_rules_the_oldest_decides_and_all_count() -> Result<()> {
    let (_world, proxy, client) = behind_aws_proxy().await?;
    proxy.inject(Fault::Status500.on("PutItem").first(1));
    proxy.inject(Fault::Throttle.on("PutItem").first(2));
    assert_eq!(put_all(&client, ["a", "b", "c"]).await, [false, false, true]);
    let faults: Vec<_> = proxy.seen().iter().map(|seen| seen.fault).collect();
    assert_eq!(faults, [Some(Fault::Status500), Some(Fault::Throttle), None]);
    Ok(())
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() -> Result<()> {
    let proxy = AwsProxy::start(&Testbed::shared().aws).await?;
    proxy.inject(Fault::DropRequest.on_any().nth(3));
    let mut client = TcpStream::connect(proxy.endpoint().trim_start_matches("http://")).await?;
    for _ in 0..3 {
        let target = "X-Amz-Target: DynamoDB_20120810.ListTables";
        let request = format!("POST / HTTP/1.1\r\nHost: aws\r\n{target}\r\nContent-Length: 2\r\n\r\n{{}}");
        client.write_all(request.as_bytes()).await?;
    }
    let mut answers = String::new();
    client.read_to_string(&mut answers).await?;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
    assert!(!answers.contains("Connection: close"), "{answers}");
    assert_eq!(proxy.seen().len(), 3);
    Ok(())
}

/// A world, a proxy before its database, and a connection through it.
async fn behind_tcp_proxy() -> Result<(World<'static>, TcpProxy, PgConnection)> {
    let world = world().await?;
    let proxy = TcpProxy::start(world.testbed.postgres.port).await?;
    let connection = connect(&world, &proxy).await?;
    Ok((world, proxy, connection))
}

async fn connect(world: &World<'_>, proxy: &TcpProxy) -> sqlx::Result<PgConnection> {
    PgConnection::connect(&world.database_url_through(proxy.port(), "")).await
}

#[tokio::test]
async fn bytes_pass_unchanged() -> Result<()> {
    let (_world, _proxy, mut connection) = behind_tcp_proxy().await?;
    // More than any buffer in between holds.
    let sent: String = ('a'..='z').cycle().take(1 << 20).collect();
    let received: String =
        sqlx::query_scalar("SELECT $1::text").bind(&sent).fetch_one(&mut connection).await?;
    assert!(received == sent);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_frozen_proxy_holds_requests_back_until_thaw() -> Result<()> {
    let (world, proxy, mut connection) = behind_tcp_proxy().await?;
    let mut direct = world.connect().await?;
    let mut has_run = async || -> Result<bool> {
        let query = sqlx::query_scalar("SELECT to_regnamespace('mark') IS NOT NULL");
        Ok(query.fetch_one(&mut direct).await?)
    };
    proxy.freeze();
    let mut query = pin!(connection.execute("CREATE SCHEMA mark"));
    assert_pending(&mut query).await;
    assert!(!has_run().await?);
    proxy.thaw();
    query.await?;
    assert!(has_run().await?);
    Ok(())
}

#[tokio::test]
async fn a_frozen_proxy_holds_answers_back_until_thaw() -> Result<()> {
    let (world, proxy, mut connection) = behind_tcp_proxy().await?;
    let mut blocker = world.connect().await?;
    blocker.execute("CREATE TABLE t (); GRANT SELECT ON t TO PUBLIC").await?;
    blocker.execute("BEGIN; LOCK TABLE t").await?;
    let mut query = pin!(connection.execute("SELECT FROM t"));
    tokio::select! {
        outcome = &mut query => panic!("{outcome:?}"),
        waits = until_blocked(&world) => waits?,
    }
    // The server has the query; only the answer is still to come.
    proxy.freeze();
    blocker.execute("COMMIT").await?;
    assert_pending(&mut query).await;
    proxy.thaw();
    query.await?;
    Ok(())
}

/// Waits until a session of the world's waits for a lock.
async fn until_blocked(world: &World<'_>) -> Result<()> {
    let mut database = world.connect().await?;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waiting).bind(&world.database).fetch_one(&mut database).await? == 0 {}
    Ok(())
}

#[tokio::test]
async fn a_new_connection_to_a_frozen_proxy_is_silent_until_thaw() -> Result<()> {
    let (world, proxy, _connection) = behind_tcp_proxy().await?;
    proxy.freeze();
    let mut connecting = pin!(connect(&world, &proxy));
    assert_pending(&mut connecting).await;
    proxy.thaw();
    connecting.await?.execute("SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn a_new_connection_to_a_frozen_proxy_does_not_reach_the_server() -> Result<()> {
    let server = TcpListener::bind("127.0.0.1:0").await?;
    let proxy = TcpProxy::start(server.local_addr()?.port()).await?;
    proxy.freeze();
    let _client = TcpStream::connect(("127.0.0.1", proxy.port())).await?;
    assert_pending(server.accept()).await;
    proxy.thaw();
    server.accept().await?;
    Ok(())
}

#[tokio::test]
async fn a_cut_ends_present_connections_and_no_later_ones() -> Result<()> {
    let (world, proxy, mut idle) = behind_tcp_proxy().await?;
    let mut busy = connect(&world, &proxy).await?;
    let mut query = pin!(busy.execute("SELECT pg_sleep(3600)"));
    assert_pending(&mut query).await;
    proxy.cut();
    assert!(query.await.is_err());
    assert!(idle.execute("SELECT 1").await.is_err());
    connect(&world, &proxy).await?.execute("SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn a_cut_ends_frozen_connections_and_no_freeze() -> Result<()> {
    let (world, proxy, mut connection) = behind_tcp_proxy().await?;
    proxy.freeze();
    let mut query = pin!(connection.execute("SELECT 1"));
    assert_pending(&mut query).await;
    proxy.cut();
    assert!(query.await.is_err());
    assert_pending(connect(&world, &proxy)).await;
    Ok(())
}
