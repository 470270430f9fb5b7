//! The keeper of a server: a shell that waits on a pipe from us. When we end, in
//! whatever way, the pipe closes, and the keeper stops the server and removes its
//! folder. So Ctrl-C, a panic, even SIGKILL leave nothing behind.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// The signal is sent until the server is gone: one that comes before the server has
/// set its handlers up is lost. `$1` is the signal that stops the server, `$2` its folder, the rest its command.
/// A file `keep` in the folder keeps the folder.
const SCRIPT: &str = r#"
signal=$1 folder=$2
shift 2
trap '' INT TERM HUP
"$@" >"$folder/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
while kill -s "$signal" "$server" 2>/dev/null; do sleep 0.1; done
[ -e "$folder/keep" ] || rm -rf "$folder"
"#;

/// How long a server may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running server. Dropping it stops the server and waits for that.
#[derive(Debug)]
pub struct Keeper {
    shell: Child,
    folder: PathBuf,
}

/// A user and a group, by number.
pub type Ids = (u32, u32);

impl Keeper {
    /// Starts `command` with its output in `folder`, as another user if asked to.
    pub fn start(command: &[&str], folder: &Path, signal: &str, ids: Option<Ids>) -> Result<Self> {
        // What an earlier start in the same folder wrote must not be taken for this one's.
        let _ = fs::remove_file(folder.join("log"));
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "keeper", signal]).arg(folder).args(command);
        // A group of its own, so that the terminal's Ctrl-C doesn't reach the server first.
        shell.process_group(0).stdin(Stdio::piped()).current_dir("/");
        if let Some((user, group)) = ids {
            shell.uid(user).gid(group);
        }
        Ok(Self { shell: shell.spawn()?, folder: folder.to_owned() })
    }

    /// Waits until `is_ready` says so, or that it never will be.
    pub fn wait_until(&self, mut is_ready: impl FnMut() -> Result<bool>) -> Result<()> {
        let started = Instant::now();
        while !is_ready()? {
            if started.elapsed() > PATIENCE {
                return Err(format!("no server after {PATIENCE:?}; its log: {}", self.log()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// What the server has written so far.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
