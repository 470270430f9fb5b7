//! `migrate status`, `plan` and `up`: seeing before doing.

use serde_json::Value;
use testbed::{Finished, Init, Result, World};

use super::busy::{ledger_locked, wait_until_looking};
use super::faults::through_tcp_proxy;
use super::folder::{over, write};
use super::migrations::world_at_goose_version;
use super::{assert_code, assert_fails, execute, full_goose_ledger, goose_ledger, refinery_ledger, world};

fn migrate(init: Init, arguments: &[&str]) -> Init {
    arguments.iter().fold(init.arg("migrate"), |init, argument| init.arg(argument))
}

/// The answer of a command that was asked for JSON.
fn answer(finished: &Finished) -> Value {
    assert_code(finished, 0);
    assert_eq!(finished.stdout.len(), 1, "{}", finished.output());
    finished.last()
}

/// The versions in each state.
fn states(answer: &Value) -> Vec<(i64, String)> {
    let migrations = answer["migrations"].as_array().expect("a list");
    migrations
        .iter()
        .map(|one| {
            (one["version"].as_i64().expect("a version"), one["state"].as_str().expect("a state").to_owned())
        })
        .collect()
}

/// Whether nothing of ours is in the database, and the lock was not touched.
async fn assert_untouched(world: &World<'_>) -> Result<()> {
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut world.connect().await?).await?, 0);
    assert_eq!(world.account.lock_item().await?, None);
    assert!(!world.config_file().exists());
    Ok(())
}

#[tokio::test]
async fn status_and_plan_need_no_ledgers_and_touch_nothing() -> Result<()> {
    let world = world().await?;
    let status = answer(&migrate(world.init(), &["status", "--json"]).run().await?);
    assert_eq!((&status["schema_version"], &status["up_to_date"]), (&0.into(), &false.into()));
    assert!(states(&status).iter().all(|(_, state)| state == "pending"), "{status}");
    let plan = migrate(world.init(), &["plan"]).run().await?;
    assert_code(&plan, 0);
    let sql = plan.stdout.join("\n");
    for part in [
        "6 migrations would run",
        "-- V1__initial_schema (V1__initial_schema.sql): in one",
        "CREATE TABLE IF NOT EXISTS tokens",
    ] {
        assert!(sql.contains(part), "{part} is not in {sql}");
    }
    assert_untouched(&world).await
}

#[tokio::test]
async fn status_tells_each_state_and_both_ledgers() -> Result<()> {
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let mut database = world.connect().await?;
    let disorder = "DELETE FROM goose_db_version WHERE version_id IN (4, 6); \
        UPDATE refinery_schema_history SET checksum = '42' WHERE version = 2; \
        DELETE FROM refinery_schema_history WHERE version = 3; \
        INSERT INTO goose_db_version (version_id, is_applied) VALUES (9, true)";
    execute(&mut database, disorder).await?;
    let status = answer(&migrate(world.init(), &["status", "--json"]).run().await?);
    let expected = ["applied", "divergent", "applied", "missing", "applied", "missing", "unknown"];
    let expected: Vec<(i64, String)> =
        [1, 2, 3, 4, 5, 6, 9].into_iter().zip(expected.map(str::to_owned)).collect();
    assert_eq!(states(&status), expected);
    assert_eq!((&status["schema_version"], &status["up_to_date"]), (&9.into(), &false.into()));
    let third = &status["migrations"][2];
    assert_eq!((&third["name"], &third["refinery"]), (&"add_cache_hit_count".into(), &Value::Null));
    assert!(third["goose"]["applied_at"].as_str().is_some_and(|at| at.starts_with("20")), "{third}");
    assert_eq!(status["migrations"][1]["refinery"]["checksum"], "42");
    let plan =
        migrate(world.init().env("ALLOW_MISSING", "1").env("ACCEPT_DIVERGENT", "1"), &["plan", "--json"]);
    let plan = answer(&plan.run().await?);
    let ledger = serde_json::json!({ "adopt": [3], "forget": [4, 6], "accept": [2] });
    assert_eq!(plan["refinery_ledger"], ledger);
    let for_people = migrate(world.init(), &["status"]).run().await?;
    assert_code(&for_people, 0);
    let lines = &for_people.stdout;
    assert!(lines[0].starts_with("version  name"), "{lines:#?}");
    assert!(lines[2].contains("add_deactivation_columns") && lines[2].contains("divergent"), "{lines:#?}");
    assert!(lines.last().is_some_and(|line| line.contains("schema version 9, not up to date")), "{lines:#?}");
    Ok(())
}

#[tokio::test]
async fn up_migrates_under_the_lock_and_does_nothing_else() -> Result<()> {
    let (world, mut database) = world_at_goose_version(2).await?;
    let up = migrate(world.init(), &["up", "--to", "4"]).run().await?;
    assert_code(&up, 0);
    assert_eq!((&up.last()["migrations_applied"], &up.last()["schema_version"]), (&2.into(), &4.into()));
    for line in ["lock acquired", "lock released"] {
        assert!(up.output().contains(line), "{}", up.output());
    }
    assert!(!world.config_file().exists());
    assert_eq!(refinery_ledger(&mut database).await?, [1, 2, 3, 4]);
    let plan = migrate(world.init(), &["plan", "--to", "5", "--json"]).run().await?;
    assert_eq!(answer(&plan)["migrations"][0]["version"], 5);
    let lower = migrate(world.init(), &["up", "--to", "1"]).run().await?;
    assert_code(&lower, 0);
    assert_eq!(
        (&lower.last()["migrations_applied"], &lower.last()["schema_version"]),
        (&0.into(), &4.into())
    );
    assert_code(&migrate(world.init(), &["up"]).run().await?, 0);
    assert_eq!(goose_ledger(&mut database).await?, full_goose_ledger());
    Ok(())
}

#[tokio::test]
async fn up_waits_for_the_lock_as_a_task_does() -> Result<()> {
    let world = world().await?;
    world.account.put_script_lock(3_600).await?;
    let up = migrate(world.init().env("MAX_WAIT", "0"), &["up"]).run().await?;
    assert_fails(&up, 75, &["lock"]);
    let mut run = migrate(world.init(), &["up"]).start()?;
    run.wait_for("waiting for lock").await?;
    run.signal(testbed::Signal::Terminate).await?;
    assert_code(&run.finish().await?, 143);
    Ok(())
}

#[tokio::test]
async fn a_plan_that_a_run_would_refuse_is_refused() -> Result<()> {
    let world = world().await?;
    let folder = write(
        &world,
        &[("00001_a.sql", "-- +goose Up\nSELECT 1;\n"), ("00002_b.sql", "-- +goose Up\nCOMMIT;\n")],
    )?;
    let refused = migrate(over(&world, &folder), &["plan"]).run().await?;
    assert_code(&refused, 65);
    assert!(refused.stderr.contains("00002_b.sql:2"), "{}", refused.output());
    assert_code(&migrate(over(&world, &folder), &["status"]).run().await?, 0);
    assert_untouched(&world).await
}

#[tokio::test]
async fn a_ledger_that_is_locked_is_told() -> Result<()> {
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let mut blocker = world.connect().await?;
    execute(&mut blocker, "BEGIN; LOCK TABLE refinery_schema_history").await?;
    let (status, plan) = (migrate(world.init(), &["status"]), migrate(world.init(), &["plan"]));
    let (status, plan) = tokio::join!(status.run(), plan.run());
    for run in [status?, plan?] {
        assert_code(&run, 1);
        for words in ["reading the ledgers", "has refinery_schema_history locked", "pg_locks"] {
            assert!(run.stderr.contains(words), "{words:?} is not in {}", run.stderr);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_falls_silent_is_told() -> Result<()> {
    let world = world().await?;
    let _blocker = ledger_locked(&world).await?;
    let (proxy, through) = through_tcp_proxy(&world).await?;
    let run = migrate(through, &["status"]).start()?;
    wait_until_looking(&world).await?;
    proxy.freeze();
    let run = run.finish().await?;
    assert_code(&run, 69);
    assert!(run.stderr.contains(" does not answer, waited for "), "{}", run.stderr);
    Ok(())
}

#[tokio::test]
async fn flags_count_after_the_command_and_there_is_no_down() -> Result<()> {
    let world = world().await?;
    let url = world.database_url("");
    let status =
        migrate(world.init().without("DATABASE_URL"), &["status", "--database-url", &url]).run().await?;
    assert_code(&status, 0);
    let down = migrate(world.init(), &["down"]).run().await?;
    assert_code(&down, 64);
    let help = migrate(world.init(), &["--help"]).run().await?;
    assert!(help.output().contains("no `down`"), "{}", help.output());
    Ok(())
}
