//! A connection that is lost in the middle of a migration: what became of the migration
//! is read in the ledger, never guessed.

use testbed::{Init, Result};

use super::busy::{Busy, busy_as, end_sessions, wait_until};
use super::faults::through_tcp_proxy;
use super::folder::{over, write};
use super::{assert_code, assert_fails, execute, full_goose_ledger, goose_ledger, world};

/// Makes the commit of a row in goose's ledger wait for our advisory lock 42.
const WAIT_AT_COMMIT: &str = "
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON goose_db_version DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION wait()";

#[tokio::test]
async fn what_was_rolled_back_is_applied_over_a_new_connection() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_tcp_proxy(&world).await?;
    let Busy { mut run, mut blocker } = busy_as(&world, init).await?;
    proxy.cut();
    run.wait_for("attempt 1 of 6, trying again").await?;
    execute(&mut blocker, "COMMIT").await?;
    let run = run.finish().await?;
    assert_code(&run, 0);
    assert!(run.output().contains("it is not applied, says the ledger"), "{}", run.output());
    assert_eq!(run.last()["migrations_applied"], 1);
    assert_eq!(goose_ledger(&mut blocker).await?, full_goose_ledger());
    Ok(())
}

#[tokio::test]
async fn what_was_committed_is_not_applied_again() -> Result<()> {
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let (proxy, init) = through_tcp_proxy(&world).await?;
    let mut database = world.connect().await?;
    execute(&mut database, "DELETE FROM goose_db_version WHERE version_id = 6").await?;
    execute(&mut database, WAIT_AT_COMMIT).await?;
    execute(&mut database, "SELECT pg_advisory_lock(42)").await?;
    let run = patient(init).start()?;
    wait_until(&world, "wait_event = 'advisory' AND query = 'COMMIT'", 1).await?;
    // The answer to the commit does not get through.
    proxy.freeze();
    execute(&mut database, "SELECT pg_advisory_unlock(42)").await?;
    wait_until(&world, "state = 'idle' AND query = 'COMMIT'", 1).await?;
    proxy.cut();
    proxy.thaw();
    let run = run.finish().await?;
    assert_code(&run, 0);
    assert!(run.output().contains("is applied all the same, says the ledger"), "{}", run.output());
    assert!(!run.output().contains("trying again"), "{}", run.output());
    assert_eq!(run.last()["migrations_applied"], 1);
    assert_eq!(goose_ledger(&mut database).await?, full_goose_ledger());
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_asked_about_is_called_unknown() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_tcp_proxy(&world).await?;
    let Busy { run, mut blocker } = busy_as(&world, init.env("DB_CONNECT_TIMEOUT", "1s")).await?;
    proxy.freeze();
    proxy.cut();
    let run = run.finish().await?;
    assert_fails(
        &run,
        69,
        &["V6__fix_outcome_constraint", "connection", "not known", "start the task again"],
    );
    assert_eq!(world.account.lock_item().await?, None);
    wait_until(&world, "true", 0).await?;
    execute(&mut blocker, "COMMIT").await?;
    assert_eq!(goose_ledger(&mut blocker).await?.last(), Some(&(5, true)));
    Ok(())
}

#[tokio::test]
async fn a_session_that_is_ended_each_time_is_given_up() -> Result<()> {
    let world = world().await?;
    let Busy { mut run, blocker: _blocker } = busy_as(&world, world.init()).await?;
    let mut administrator = world.connect().await?;
    for _ in 0..3 {
        wait_until(&world, "wait_event_type = 'Lock'", 1).await?;
        end_sessions(&mut administrator, "wait_event_type = 'Lock'").await?;
        run.wait_for("the connection was lost while").await?;
    }
    let run = run.finish().await?;
    assert_fails(&run, 69, &["57P01", "it is not applied, says the ledger"]);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_statement_that_reaches_no_other_server_has_lost_no_connection() -> Result<()> {
    for sqlstate in ["08001", "08006", "57P03"] {
        let world = world().await?;
        let raise = format!(
            "-- +goose Up\nSELECT 1;\nDO $$ BEGIN RAISE 'no route' USING ERRCODE = '{sqlstate}'; END $$;\n"
        );
        let folder = write(&world, &[("00001_peer.sql", &raise)])?;
        let run = over(&world, &folder).run().await?;
        assert_fails(&run, 1, &["V1__peer", "rolled back", "no route", sqlstate, "line 3", "DO $$"]);
        assert!(!run.output().contains("connection was lost"), "{}", run.output());
    }
    Ok(())
}

/// Long enough for a test to act.
fn patient(init: Init) -> Init {
    init.env("MIGRATION_LOCK_TIMEOUT", "100s")
}
