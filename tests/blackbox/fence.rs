//! The fence in the database: one session migrates, and it is never the application's way.

use testbed::{Result, Signal};

use super::busy::{Busy, busy, wait_until};
use super::folder::{over, write};
use super::{assert_code, assert_fails, execute, goose_ledger, world};

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

/// How many advisory locks of ours the session has that runs it.
const LOOK: &str = "-- +goose Up\nCREATE TABLE seen AS SELECT count(*) AS locks FROM pg_locks \
                    WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid();\n";

#[tokio::test]
async fn a_fence_that_a_migration_drops_is_raised_again() -> Result<()> {
    for drops in [
        "-- +goose Up\nSELECT pg_advisory_unlock_all();\n",
        "-- +goose NO TRANSACTION\n-- +goose Up\nDISCARD ALL;\n",
    ] {
        let world = world().await?;
        let folder = write(&world, &[("00001_drops.sql", drops), ("00002_look.sql", LOOK)])?;
        let run = over(&world, &folder).run().await?;
        assert_code(&run, 0);
        assert!(run.output().contains("does not have the fence any more"), "{}", run.output());
        let mut database = world.connect().await?;
        let seen: i64 = sqlx::query_scalar("SELECT locks FROM seen").fetch_one(&mut database).await?;
        assert_eq!(seen, 1, "{drops}");
        assert_eq!(goose_ledger(&mut database).await?, [(0, true), (1, true), (2, true)]);
    }
    Ok(())
}

#[tokio::test]
async fn a_fence_that_a_migration_drops_before_it_is_held_up_is_raised_again() -> Result<()> {
    let world = world().await?;
    let folder = write(&world, &[("00001_one.sql", "-- +goose Up\nCREATE TABLE one (a int);\n")])?;
    assert_code(&over(&world, &folder).run().await?, 0);
    let mut blocker = world.connect().await?;
    execute(&mut blocker, "BEGIN; LOCK TABLE one").await?;
    let drops = "SELECT pg_advisory_unlock_all();\nALTER TABLE one ADD b int;\n";
    let look = format!("{LOOK}{drops}");
    let folder = write(
        &world,
        &[("00001_one.sql", "-- +goose Up\nCREATE TABLE one (a int);\n"), ("00002_two.sql", &look)],
    )?;
    let mut run = over(&world, &folder).env("MIGRATION_LOCK_TIMEOUT", "50ms").start()?;
    run.wait_for("attempt 1 of 6, trying again").await?;
    execute(&mut blocker, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    let seen: i64 = sqlx::query_scalar("SELECT locks FROM seen").fetch_one(&mut blocker).await?;
    assert_eq!(seen, 1);
    Ok(())
}
