//! Programs in Go that come with a test, built when Go is there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, home};

/// Whether there is Go; if not, says on stderr what is left out. In CI (the variable `CI`)
/// nothing is.
pub(crate) fn is_there(what: &str) -> Result<bool> {
    let is_there = Command::new("go").arg("version").output().is_ok();
    if !is_there && std::env::var_os("CI").is_some_and(|ci| !ci.is_empty()) {
        return Err(format!("{what} without Go, and CI leaves nothing out: install Go").into());
    }
    if !is_there {
        eprintln!("testbed: SKIPPED, {what}: install Go to do so");
    }
    Ok(is_there)
}

/// The program that is built from the module in `source`; `None`, with a word on stderr,
/// where there is no Go.
///
/// # Errors
/// Go is there and can't build it.
pub fn go_program(source: &Path) -> Result<Option<PathBuf>> {
    if !is_there("nothing is compared with the application's YAML library")? {
        return Ok(None);
    }
    let _lock = home::lock_cache()?;
    let program = home::cache()?.join("go").join(source.file_name().unwrap_or_default());
    run(Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(source))?;
    Ok(Some(program))
}

/// Runs Go; its words are the error when it fails.
pub(crate) fn run(go: &mut Command) -> Result<()> {
    let done = go.output()?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into()) }
}
