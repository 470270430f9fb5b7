//! `status`: the lock with nobody, a live holder, a dead one and init.sh's; schema and
//! config as they stand.

use serde_json::Value;
use testbed::{Finished, Goose, Init, Result, Signal, World};

use super::busy::{Busy, busy, ledger_locked, wait_until_looking};
use super::faults::through_tcp_proxy;
use super::{assert_code, execute, world};

/// Runs `status --json` with more arguments.
async fn status(world: &World<'_>, arguments: &[&str]) -> Result<Value> {
    let init = world.init().arg("status").arg("--json");
    let run = arguments.iter().fold(init, |init, argument| init.arg(argument)).run().await?;
    assert_code(&run, 0);
    assert_eq!(run.stdout.len(), 1, "{}", run.output());
    Ok(run.last())
}

#[tokio::test]
async fn before_and_after_the_first_run() -> Result<()> {
    let world = world().await?;
    let before = status(&world, &[]).await?;
    assert_eq!(before["lock"]["state"], "free");
    assert_eq!(before["schema"]["version"], 0);
    assert_eq!(before["schema"]["pending"].as_array().map(Vec::len), Some(6));
    assert_eq!(before["schema"]["application"], "would migrate");
    assert_eq!(before["config"]["differs"], true);
    assert!(before["config"]["file_error"].as_str().is_some_and(|error| error.contains("No such file")));
    assert_code(&world.init().run().await?, 0);
    let after = status(&world, &[]).await?;
    assert_eq!(after["schema"]["version"], 6);
    assert_eq!(after["schema"]["pending"], Value::Array(Vec::new()));
    assert_eq!(after["schema"]["application"], "up to date");
    assert_eq!(after["config"]["differs"], false);
    assert_eq!(after["config"]["file_sha256"], after["config"]["parameter_sha256"]);
    Ok(())
}

#[tokio::test]
async fn for_people_it_is_one_screen() -> Result<()> {
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let run = world.init().arg("status").run().await?;
    assert_code(&run, 0);
    for line in [
        "lock    \"init\" in table llm-proxy-locks is free",
        "schema  version 6, nothing is pending",
        "        application: goose.Up finds nothing to do",
    ] {
        assert!(run.stdout.iter().any(|found| found == line), "{line:?} is not in {:#?}", run.stdout);
    }
    assert!(run.stdout.last().is_some_and(|line| line.ends_with(": does not differ")), "{:#?}", run.stdout);
    assert!(run.stdout.len() < 24, "more than one screen");
    Ok(())
}

#[tokio::test]
async fn a_live_holder_is_seen_to_live() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "2s").await?;
    let lock = status(&world, &[]).await?["lock"].take();
    assert_eq!(lock["life"], "seems alive", "{lock}");
    assert_eq!(lock["kind"], "llm-proxy-init");
    assert!(lock["estimated_silent_s"].as_u64() <= Some(2), "{lock}");
    assert_eq!(lock["watched_s"], Value::Null);
    let lock = status(&world, &["--watch"]).await?["lock"].take();
    assert_eq!(lock["life"], "alive", "{lock}");
    assert!(lock["watched_s"].as_f64() < Some(2.0), "{lock}");
    execute(&mut blocker, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_dead_holder_is_seen_to_be_dead() -> Result<()> {
    let world = world().await?;
    let Busy { run, mut blocker } = busy(&world, "2s").await?;
    run.signal(Signal::Kill).await?;
    assert_eq!(run.finish().await?.code(), None);
    let lock = status(&world, &["--watch"]).await?["lock"].take();
    assert_eq!((&lock["life"], &lock["state"]), (&"dead".into(), &"run out".into()), "{lock}");
    assert!(lock["watched_s"].as_f64() >= Some(2.0), "{lock}");
    let lock = status(&world, &[]).await?["lock"].take();
    assert_eq!(lock["life"], "seems dead", "a look alone is an estimate: {lock}");
    execute(&mut blocker, "COMMIT").await?;
    Ok(())
}

#[tokio::test]
async fn the_scripts_lock_ends_by_the_clock() -> Result<()> {
    let world = world().await?;
    world.account.put_script_lock(3_600).await?;
    let lock = status(&world, &["--watch"]).await?["lock"].take();
    assert_eq!((&lock["kind"], &lock["life"]), (&"init.sh".into(), &"unknown".into()), "{lock}");
    assert_eq!(lock["state"], "held");
    world.account.put_script_lock(-2).await?;
    let lock = status(&world, &[]).await?["lock"].take();
    assert_eq!((&lock["life"], &lock["state"]), (&"dead".into(), &"run out".into()), "{lock}");
    Ok(())
}

#[tokio::test]
async fn a_part_that_cannot_be_had_hides_no_other() -> Result<()> {
    let world = world().await?;
    let run = world.init().arg("status").env("LOCK_TABLE", "no-such-locks").run().await?;
    assert_code(&run, 78);
    assert!(run.output().contains("dynamodb:GetItem on table no-such-locks"), "{}", run.output());
    assert!(run.output().contains("schema  version 0, pending: V1__initial_schema"), "{}", run.output());
    let unreachable =
        world.init().arg("status").arg("--json").env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d");
    let run = without_patience(unreachable).await?;
    assert_code(&run, 69);
    assert_eq!(run.last()["lock"]["state"], "free");
    assert!(run.last()["schema"]["error"].as_str().is_some_and(|error| error.contains("127.0.0.1:1")));
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_is_locked_is_not_waited_for_without_end() -> Result<()> {
    let world = world().await?;
    let _blocker = ledger_locked(&world).await?;
    let run = world.init().arg("status").arg("--json").run().await?;
    assert_code(&run, 1);
    assert_eq!(run.last()["lock"]["state"], "free");
    assert_eq!(run.last()["config"]["differs"], false);
    let error = run.last()["schema"]["error"].take();
    let error = error.as_str().expect("an error");
    for words in ["reading the ledgers", "psql, pid ", "has goose_db_version locked", "pg_locks"] {
        assert!(error.contains(words), "{words:?} is not in {error:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_falls_silent_hides_no_other_part() -> Result<()> {
    let world = world().await?;
    let _blocker = ledger_locked(&world).await?;
    let (proxy, through) = through_tcp_proxy(&world).await?;
    let run = through.arg("status").start()?;
    wait_until_looking(&world).await?;
    proxy.freeze();
    let run = run.finish().await?;
    assert_code(&run, 69);
    for words in
        ["schema  unknown: ", " does not answer, waited for ", "lock    \"init\" in table", "does not differ"]
    {
        assert!(run.output().contains(words), "{words:?} is not in {}", run.output());
    }
    Ok(())
}

async fn without_patience(init: Init) -> Result<Finished> {
    init.env("DB_CONNECT_TIMEOUT", "1s").run().await
}

#[tokio::test]
async fn goose_does_what_was_foretold() -> Result<()> {
    let Some(goose) = Goose::installed()? else { return Ok(()) };
    for (change, foretold) in [
        ("SELECT 1", "up to date"),
        ("DELETE FROM goose_db_version WHERE version_id = 6", "would migrate"),
        ("INSERT INTO goose_db_version (version_id, is_applied) VALUES (7, true)", "up to date"),
        ("INSERT INTO goose_db_version (version_id, is_applied) VALUES (6, false)", "up to date"),
        ("DELETE FROM goose_db_version WHERE version_id = 5", "would fail"),
        ("DELETE FROM goose_db_version WHERE version_id > 3", "would fail"),
        ("DELETE FROM goose_db_version", "would fail"),
        ("UPDATE goose_db_version SET is_applied = false", "would fail"),
        ("DROP TABLE goose_db_version", "would fail"),
        ("DROP TABLE goose_db_version, tokens, projects, audit_events", "would migrate"),
    ] {
        let world = world().await?;
        assert_code(&world.init().run().await?, 0);
        execute(&mut world.connect().await?, change).await?;
        let told = status(&world, &[]).await?["schema"]["application"].take();
        assert_eq!(told, foretold, "{change}");
        let up =
            goose.run(&Goose::migrations(&world)?, &world.database_url("?sslmode=disable"), &["up"]).await;
        assert_eq!(up.is_err(), foretold == "would fail", "{change}: {up:?}");
        let is_idle = up.is_ok_and(|said| said.contains("no migrations to run"));
        assert_eq!(is_idle, foretold == "up to date", "{change}");
    }
    Ok(())
}
