//! The release binary, for measurements.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{Result, home};

/// Builds the release binary for this machine, static as in the image, and finds it;
/// `RELEASE_BINARY` names one that is built already.
///
/// # Errors
/// Cargo's words are on stderr.
pub fn release_binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("RELEASE_BINARY") {
        return Ok(named.into());
    }
    let mut script = Command::new(home::repository().join("scripts/static-binary"));
    let built = script.env("CARGO_TARGET_DIR", home::target()?).stderr(Stdio::inherit()).output()?;
    if !built.status.success() {
        return Err("scripts/static-binary failed".into());
    }
    Ok(String::from_utf8(built.stdout)?.trim_end().into())
}
