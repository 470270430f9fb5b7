//! A crowd: a hundred tasks at the same moment on an empty database.

use std::fs;

use testbed::{PROVIDERS, Result};

use super::{assert_done, assert_migrated_once, config_file, world};

const TASKS: usize = 100;

#[tokio::test]
async fn a_hundred_at_once_share_the_work() -> Result<()> {
    let (world, _machine) = world().await?;
    let starting = (0..TASKS).map(|task| world.init().env("CONFIG_PATH", config_file(&world, task)).start());
    let mut applied = 0;
    for running in starting.collect::<Result<Vec<_>>>()? {
        let finished = running.finish().await?;
        assert_done(&finished);
        applied += finished.last()["migrations_applied"].as_u64().expect("a number");
    }
    assert_eq!(applied, 6, "each migration runs once");
    for task in 0..TASKS {
        assert_eq!(fs::read_to_string(config_file(&world, task))?, PROVIDERS);
    }
    let files = fs::read_dir(world.config_folder())?.count();
    assert_eq!(files, TASKS, "nothing is left beside the config files");
    assert_migrated_once(&mut world.connect().await?).await?;
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}
