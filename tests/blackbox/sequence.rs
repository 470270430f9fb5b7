//! The whole job: once, again, and by many at once.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use sha2::{Digest, Sha256};
use testbed::{PROVIDERS, Result};

use super::{assert_code, full_goose_ledger, goose_ledger, line_of, refinery_ledger, world};

#[tokio::test]
async fn without_arguments_it_does_the_whole_job() -> Result<()> {
    let world = world().await?;
    let run = world.init().run().await?;
    assert_code(&run, 0);

    assert_eq!(fs::read_to_string(world.config_file())?, PROVIDERS);
    assert_eq!(fs::metadata(world.config_file())?.permissions().mode() & 0o7777, 0o644);
    let left: Vec<_> = fs::read_dir(world.config_folder())?.collect::<Result<_, _>>()?;
    assert_eq!(left.len(), 1, "something is left beside the config: {left:?}");

    let mut database = world.connect().await?;
    assert_eq!(goose_ledger(&mut database).await?, full_goose_ledger());
    assert_eq!(refinery_ledger(&mut database).await?, [1, 2, 3, 4, 5, 6]);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn each_step_is_a_json_line_and_the_last_has_the_totals() -> Result<()> {
    let world = world().await?;
    let run = world.init().run().await?;
    assert_code(&run, 0);
    let lines = run.json();
    for step in ["start", "connect", "lock", "config", "migrate", "release", "done"] {
        let line = line_of(&lines, step);
        assert!(
            line["timestamp"].is_string() && line["level"] == "INFO" && line["message"].is_string(),
            "{line}"
        );
        let owner = line["span"]["owner"].as_str().expect("an owner");
        assert!(owner.contains(" pid "), "{owner}");
    }
    for step in ["connect", "lock", "config", "migrate", "release"] {
        assert!(line_of(&lines, step)["duration_ms"].is_u64(), "{step}");
    }
    let done = run.last();
    let sha256: String = Sha256::digest(PROVIDERS).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(done["config_bytes"], PROVIDERS.len());
    assert_eq!(done["config_sha256"], sha256);
    assert_eq!(done["migrations_applied"], 6);
    assert_eq!(done["schema_version"], 6);
    assert!(done["lock_wait_ms"].is_u64() && done["total_ms"].is_u64(), "{done}");
    assert_eq!(run.stderr, "");
    Ok(())
}

#[tokio::test]
async fn a_second_run_changes_nothing() -> Result<()> {
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let before = fs::metadata(world.config_file())?;
    let run = world.init().run().await?;
    assert_code(&run, 0);
    assert_eq!(run.last()["migrations_applied"], 0);
    assert_eq!(run.last()["schema_version"], 6);
    let after = fs::metadata(world.config_file())?;
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    let mut database = world.connect().await?;
    assert_eq!(goose_ledger(&mut database).await?, full_goose_ledger());
    Ok(())
}

#[tokio::test]
async fn text_is_for_people_and_has_no_colour_in_a_pipe() -> Result<()> {
    let world = world().await?;
    let run = world.init().env("LOG_FORMAT", "text").run().await?;
    assert_code(&run, 0);
    assert!(run.output().contains("done: the proxy may start"), "{}", run.output());
    assert!(!run.output().contains('{') && !run.output().contains('\u{1b}'), "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn two_at_once_share_the_work() -> Result<()> {
    many_at_once(2).await
}

#[tokio::test]
async fn twenty_at_once_share_the_work() -> Result<()> {
    many_at_once(20).await
}

/// Every process succeeds and writes its own config file; each migration runs once.
async fn many_at_once(count: usize) -> Result<()> {
    let world = world().await?;
    let file = |index| world.config_folder().join(format!("providers-{index}.yaml"));
    let starting = (0..count)
        .map(|index| world.init().env("CONFIG_PATH", file(index)).env("POLL_INTERVAL", "500ms").start());
    let running = starting.collect::<Result<Vec<_>>>()?;
    let mut applied = 0;
    for process in running {
        let finished = process.finish().await?;
        assert_code(&finished, 0);
        applied += finished.last()["migrations_applied"].as_u64().expect("a number");
    }
    assert_eq!(applied, 6, "each migration runs once");
    for index in 0..count {
        assert_eq!(fs::read_to_string(file(index))?, PROVIDERS);
    }
    let mut database = world.connect().await?;
    assert_eq!(goose_ledger(&mut database).await?, full_goose_ledger());
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}
