//! A crowd: a hundred tasks at the same moment on an empty database, and two hundred
//! that share what Parameter Store allows an account.

use std::fs;

use testbed::{AwsProxy, Fault, PROVIDERS, Result};

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

/// `GetParameter` calls a second that an account and region have by default.
const QUOTA: u32 = 40;

#[tokio::test]
async fn two_hundred_at_once_wait_their_turn_for_the_parameter() -> Result<()> {
    let (world, _machine) = world().await?;
    assert_done(&world.init().run().await?);
    let proxy = AwsProxy::start(&world.testbed.aws).await?;
    proxy.inject(Fault::Throttle.on("GetParameter").above(QUOTA));
    let init = world.init().env("AWS_ENDPOINT_URL_SSM", proxy.endpoint());
    let starting = (0..200).map(|task| init.clone().env("CONFIG_PATH", config_file(&world, task)).start());
    for running in starting.collect::<Result<Vec<_>>>()? {
        assert_done(&running.finish().await?);
    }
    let throttled = proxy.seen().iter().filter(|seen| seen.fault.is_some()).count();
    eprintln!("{throttled} calls were throttled");
    assert!(throttled > 0, "the fleet never met the quota");
    Ok(())
}
