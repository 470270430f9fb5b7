//! Where the testbed keeps what it installs (under the target directory, shared by
//! all runs) and what belongs to one run (a temporary folder, removed with it).

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::Result;

/// The folder of the whole project.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Cargo's target directory.
pub fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    // Cargo marks the directory by this file; every program it builds is below it.
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    Ok(std::path::absolute(target.unwrap_or_else(|| Path::new("target")))?)
}

/// The folder for installed parts: `testbed` in cargo's target directory.
pub fn cache() -> Result<PathBuf> {
    let cache = target()?.join("testbed");
    fs::create_dir_all(&cache)?;
    Ok(cache)
}

/// Holds off other processes that install into the same cache, until dropped.
pub fn lock_cache() -> Result<File> {
    let lock = File::create(cache()?.join("lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// A new, empty folder for one run.
pub fn temporary(name: &str) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("llm-proxy-init-{name}-{}", Uuid::new_v4().simple()));
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// A loopback port that nobody listens on, from below the range out of which the
/// system gives ports to outgoing connections: none of those can take it meanwhile.
pub fn free_port() -> Result<u16> {
    const FIRST: u128 = 20_000;
    const COUNT: u128 = 12_000;
    for _ in 0..100 {
        let port = u16::try_from(FIRST + Uuid::new_v4().as_u128() % COUNT)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no free port among a hundred".into())
}
