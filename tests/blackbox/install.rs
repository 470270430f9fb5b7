//! The program copied to the shared volume, by hand and by a run.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use testbed::{Init, Result};

use super::{assert_code, program, world};

#[tokio::test]
async fn a_copy_runs_and_is_made_once() -> Result<()> {
    let world = world().await?;
    let folder = world.config_folder();
    let install = || Init::new(program()).arg("install").arg(&folder.to_string_lossy());
    assert_code(&install().run().await?, 0);
    let copy = folder.join("llm-proxy-init");
    let made = fs::metadata(&copy)?;
    assert_eq!(made.permissions().mode() & 0o777, 0o755);
    assert!(fs::read(&copy)? == fs::read(program())?, "the copy differs");
    let run = Init::new(&copy).arg("--version").run().await?;
    assert_code(&run, 0);
    let again = install().run().await?;
    assert_code(&again, 0);
    assert!(again.output().contains("is this program already"), "{}", again.output());
    assert_eq!(fs::metadata(&copy)?.modified()?, made.modified()?);
    // The copy installs itself too.
    let elsewhere = folder.join("elsewhere");
    fs::create_dir(&elsewhere)?;
    assert_code(&Init::new(&copy).arg("install").arg(&elsewhere.to_string_lossy()).run().await?, 0);
    assert_eq!(fs::read_dir(&elsewhere)?.count(), 1, "nothing is left beside it");
    Ok(())
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() -> Result<()> {
    let run = Init::new(program()).arg("install").arg("/no/such/folder").run().await?;
    assert_code(&run, 73);
    assert!(run.stderr.contains("/no/such/folder"), "{}", run.stderr);
    Ok(())
}

#[tokio::test]
async fn a_run_leaves_a_copy_where_it_is_told_to() -> Result<()> {
    let world = world().await?;
    assert_code(&world.init().env("INSTALL_DIR", world.config_folder()).run().await?, 0);
    assert!(world.config_folder().join("llm-proxy-init").exists());
    Ok(())
}

#[tokio::test]
async fn a_copy_that_fails_does_not_stop_the_service() -> Result<()> {
    let world = world().await?;
    let run = world.init().env("INSTALL_DIR", "/no/such/folder").run().await?;
    assert_code(&run, 0);
    let lines = run.json();
    let warned = lines.iter().find(|line| line["step"] == "install");
    assert!(warned.is_some_and(|line| line["level"] == "WARN"), "{}", run.output());
    Ok(())
}
