//! The checks of what the task brings along.

use std::os::unix::fs::MetadataExt;

use testbed::{Init, Result};

use super::super::world;
use super::{Checked, check, symptoms};

#[tokio::test]
async fn a_folder_that_is_not_there() -> Result<()> {
    let world = world().await?;
    let checked = check(world.init().env("CONFIG_PATH", "/no/such/folder/file.yaml")).await?;
    checked.assert_fails(&symptoms::NO_FOLDER, 73);
    Ok(())
}

/// Runs a check whose stdout is followed by what the helper around it prints.
async fn check_inside(init: Init) -> Result<Checked> {
    let run = init.run().await?;
    let report = run.stdout.iter().rfind(|line| line.starts_with('{')).ok_or_else(|| run.output())?;
    let report = serde_json::from_str(report)?;
    Ok(Checked { run, report })
}

#[tokio::test]
async fn a_volume_that_is_mounted_read_only() -> Result<()> {
    let world = world().await?;
    let Some(init) = world.init_in_own_mounts("mount -t tmpfs -o ro none \"$folder\"") else { return Ok(()) };
    let checked = check_inside(init.arg("check").arg("--json")).await?;
    checked.assert_fails(&symptoms::FOLDER_READ_ONLY, 73);
    Ok(())
}

#[tokio::test]
async fn a_volume_that_is_full() -> Result<()> {
    let world = world().await?;
    let Some(init) = world.init_in_own_mounts("mount -t tmpfs -o size=512k none \"$folder\"") else {
        return Ok(());
    };
    let checked = check_inside(init.arg("check").arg("--json")).await?;
    checked.assert_fails(&symptoms::FOLDER_FULL, 73);
    Ok(())
}

#[tokio::test]
async fn a_folder_of_another_user() -> Result<()> {
    let world = world().await?;
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        eprintln!("testbed: SKIPPED, only root may become another user");
        return Ok(());
    }
    // Root is stopped by no mode: it has to become somebody else first.
    let closed = "mount -t tmpfs -o mode=755 none \"$folder\"; set -- setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
    let Some(init) = world.init_in_own_mounts(closed) else { return Ok(()) };
    let checked = check_inside(init.arg("check").arg("--json")).await?;
    checked.assert_fails(&symptoms::FOLDER_DENIED, 73);
    let advice = &checked.line("config-folder")["advice"];
    assert!(advice.as_str().is_some_and(|advice| advice.contains("let user 65534 write it")), "{advice}");
    Ok(())
}
