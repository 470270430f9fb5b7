//! The lock alone: many claims to one lock in one process, on a DynamoDB in that process.

#![forbid(unsafe_code)]
// Test code: a panic is how a test fails.
#![allow(clippy::expect_used)]

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use llm_proxy_init::aws::Clients;
use llm_proxy_init::lock::{Acquired, Error, Lock};
use llm_proxy_init::settings::LockSettings;
use llm_proxy_init::stop::Stop;
use testbed::{InProcessDynamoDb, Result, create_lock_table};
use tokio::task::JoinSet;

const TABLE: &str = "llm-proxy-locks";
const CLAIMS: usize = 50;

async fn clients() -> Result<Clients> {
    let dynamodb = InProcessDynamoDb::start().await?;
    let clients = Clients::load(dynamodb.config()).await?;
    create_lock_table(&clients.dynamodb.client, TABLE, "lock_id").await?;
    Ok(clients)
}

fn claim(clients: &Clients, id: &str, max_wait: Duration) -> Lock {
    let settings = LockSettings {
        table: TABLE.into(),
        id: id.into(),
        ttl: Duration::from_secs(300),
        lease: Duration::from_secs(30),
        max_wait,
        always: false,
        poll_interval: Duration::from_millis(200),
    };
    Lock::new(clients, settings, "a claim".into())
}

/// Lets all claims try at once, without waiting; returns those that have the lock.
async fn race(clients: &Clients, id: &str) -> Result<Vec<Lock>> {
    let mut tries = JoinSet::new();
    for _ in 0..CLAIMS {
        let lock = claim(clients, id, Duration::ZERO);
        tries.spawn(async move {
            let acquired = lock.acquire(&Stop::default()).await;
            (lock, acquired)
        });
    }
    let mut winners = Vec::new();
    for (lock, acquired) in tries.join_all().await {
        match acquired {
            Ok(Acquired::Held { .. }) => winners.push(lock),
            Err(Error::GaveUp { .. }) => {}
            other => return Err(format!("neither won nor gave up: {other:?}").into()),
        }
    }
    Ok(winners)
}

#[tokio::test]
async fn of_fifty_claims_one_wins_each_race_for_a_free_lock() -> Result<()> {
    let clients = clients().await?;
    for _ in 0..20 {
        let winners = race(&clients, "init").await?;
        assert_eq!(winners.len(), 1);
        for winner in winners {
            winner.release().await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn of_fifty_claims_one_wins_each_race_for_a_dead_holders_lock() -> Result<()> {
    let clients = clients().await?;
    for round in 0..20 {
        let id = format!("init-{round}");
        put_long_past(&clients, &id).await?;
        assert_eq!(race(&clients, &id).await?.len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn every_claim_that_waits_gets_its_turn_and_never_two_at_once() -> Result<()> {
    let clients = clients().await?;
    let inside = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut turns = JoinSet::new();
    for _ in 0..10 {
        let (lock, inside) = (claim(&clients, "init", Duration::from_secs(100)), inside.clone());
        turns.spawn(async move {
            lock.acquire(&Stop::default()).await?;
            let already = inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::task::yield_now().await;
            inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            lock.release().await;
            Ok::<_, Error>(already)
        });
    }
    for already in turns.join_all().await {
        assert_eq!(already?, 0, "two at once");
    }
    Ok(())
}

/// An item of a holder that nobody has renewed since long before its `expires_at`.
async fn put_long_past(clients: &Clients, id: &str) -> Result<()> {
    let text = |value: &str| AttributeValue::S(value.into());
    let number = |value: &str| AttributeValue::N(value.into());
    let put = clients.dynamodb.client.put_item().table_name(TABLE);
    put.item("lock_id", text(id))
        .item("expires_at", number("1700000000"))
        .item("owner", text("somebody long dead"))
        .item("token", text("an old token"))
        .item("heartbeat", number("7"))
        .item("lease", number("30"))
        .item("acquired_at", text("2023-11-14T22:00:00Z"))
        .send()
        .await?;
    Ok(())
}
