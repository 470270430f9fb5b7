//! Installing: the running program, copied to where it can be run by hand.
//!
//! The init container has exited when anybody can enter the task. A copy on the volume
//! that it shares with the proxy's container can be run from there.
//!
//! Promises what the config file has too: whole or not at all, executable before it is
//! visible, left alone where it is the same already. And that a copy made beside a run
//! never makes the run fail: a convenience must not stop the service.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config;
use crate::config::file::{self, Written};

/// The copy's name in its folder.
const NAME: &str = "llm-proxy-init";
/// Everybody may run it: the proxy's container has another user.
const MODE: u32 = 0o755;

/// Copies this program into `folder`. Blocks on the disk.
///
/// # Errors
/// The program can't be read, or the copy can't be written.
pub fn install(folder: &Path) -> Result<(PathBuf, Written), config::Error> {
    let path = folder.join(NAME);
    let running = Path::new("/proc/self/exe");
    let program = fs::read(running).map_err(|source| config::Error::Write {
        action: "read the running program for",
        path: path.clone(),
        source,
    })?;
    let written = file::write(&path, &program, MODE)?;
    Ok((path, written))
}

/// Does `run`, and copies the program meanwhile where that is asked for. What goes wrong
/// with the copy is told in the log and nothing else.
pub async fn beside<T>(folder: Option<&Path>, run: impl Future<Output = T>) -> T {
    let copying = async {
        let Some(folder) = folder.map(Path::to_owned) else { return };
        match tokio::task::spawn_blocking(move || install(&folder)).await {
            Ok(Ok((path, Written::Changed))) => {
                tracing::info!(step = "install", "copied this program to {}", path.display());
            }
            Ok(Ok((path, Written::Unchanged))) => {
                tracing::info!(step = "install", "{} is this program already", path.display());
            }
            Ok(Err(error)) => tracing::warn!(step = "install", "going on without a copy: {error}"),
            Err(error) => tracing::warn!(step = "install", "going on without a copy: {error}"),
        }
    };
    tokio::join!(run, copying).0
}
