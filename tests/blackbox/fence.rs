//! The fence in the database: one session migrates, and it is never the application's way.

use testbed::{Result, Signal};

use super::busy::{Busy, busy, wait_until};
use super::{assert_code, assert_fails, execute, world};

/// Our key among the advisory locks.
const KEY: i64 = i64::from_be_bytes(*b"llm-init");
/// The key of the application's own migrator.
const APPLICATIONS_KEY: i64 = 3_141_592_653;

#[tokio::test]
async fn a_session_that_migrates_already_is_waited_for() -> Result<()> {
    let world = world().await?;
    let mut other = world.connect().await?;
    execute(&mut other, &format!("SET application_name = 'the other one'; SELECT pg_advisory_lock({KEY})"))
        .await?;
    let mut run = world.init().start()?;
    let line = run.wait_for("waiting for another migrating session").await?;
    assert!(line.contains("the other one, pid "), "{line}");
    execute(&mut other, &format!("SELECT pg_advisory_unlock({KEY})")).await?;
    assert_code(&run.finish().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_session_that_never_ends_is_given_up_by_name() -> Result<()> {
    let world = world().await?;
    let mut other = world.connect().await?;
    execute(&mut other, &format!("SET application_name = 'the other one'; SELECT pg_advisory_lock({KEY})"))
        .await?;
    let run = world.init().env("MAX_WAIT", "1s").run().await?;
    assert_fails(&run, 75, &["the other one, pid ", "127.0.0.1"]);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn the_session_at_work_bears_the_token_and_has_the_fence() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "30s").await?;
    let item = world.account.lock_item().await?.expect("the lock is held");
    let token = item["token"].as_s().expect("a string");
    let fenced = "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) \
                  WHERE locktype = 'advisory' AND datname = current_database()";
    let fenced: Vec<String> = sqlx::query_scalar(fenced).fetch_all(&mut blocker).await?;
    assert_eq!(fenced, [format!("llm-proxy-init/{token}")]);
    execute(&mut blocker, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    Ok(())
}

#[tokio::test]
async fn the_applications_own_lock_is_free_while_we_migrate() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "30s").await?;
    let mut application = world.connect().await?;
    let locked = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(APPLICATIONS_KEY);
    assert!(locked.fetch_one(&mut application).await?, "the application would exit");
    execute(&mut blocker, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    Ok(())
}

#[tokio::test]
async fn the_session_of_a_killed_client_ends_by_itself() -> Result<()> {
    let world = world().await?;
    let Busy { run, blocker } = busy(&world, "30s").await?;
    run.signal(Signal::Kill).await?;
    run.finish().await?;
    wait_until(&world, "true", 0).await?;
    drop(blocker);
    Ok(())
}
