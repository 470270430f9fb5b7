//! The release binary, for measurements.

use std::path::PathBuf;
use std::process::Command;

use crate::{Result, home};

/// Builds the release binary and finds it.
///
/// # Errors
/// Cargo's words are on stderr.
pub fn release_binary() -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--package", "llm-proxy-init", "--bin", "llm-proxy-init"]);
    if !cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status()?.success() {
        return Err("cargo build failed".into());
    }
    Ok(home::target()?.join("release/llm-proxy-init"))
}
