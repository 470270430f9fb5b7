//! A task's doom: the moment at which it is killed by SIGKILL, drawn by chance.

use std::time::Duration;

use fastrand::Rng;
use testbed::{Finished, Result, Running, Signal};
use tokio::sync::watch;

/// When a task is to die: some time after a line in its log, at the latest some time
/// after its start.
pub struct Doom {
    line: Option<&'static str>,
    after: Duration,
    latest: Duration,
}

impl Doom {
    /// Draws one. Most are for holders: of all tasks alive only one is.
    pub fn draw(chance: &mut Rng) -> Self {
        let line = match chance.u8(..10) {
            0 => Some("starting as"),
            1 => Some("connected to"),
            2 => Some("waiting for lock"),
            3..6 => Some("lock acquired"),
            6..9 => Some("applying V"),
            _ => None,
        };
        let after = Duration::from_millis(chance.u64(..400));
        Self { line, after, latest: Duration::from_millis(chance.u64(500..8_000)) }
    }

    /// Waits for the moment; false when the task has ended before.
    async fn comes(&self, task: &mut Running) -> bool {
        let told = async {
            while let Some(line) = task.next_line().await {
                if self.line.is_some_and(|awaited| line.contains(awaited)) {
                    tokio::time::sleep(self.after).await;
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(self.latest, told).await.unwrap_or(true)
    }
}

/// A task's life: to its doom, or, once there is a pardon, to its own end.
pub async fn live(mut task: Running, doom: Doom, mut pardon: watch::Receiver<bool>) -> Result<Finished> {
    let is_doomed = tokio::select! {
        _ = pardon.wait_for(|pardoned| *pardoned) => false,
        comes = doom.comes(&mut task) => comes,
    };
    if is_doomed {
        task.signal(Signal::Kill).await?;
    }
    task.finish().await
}

/// Whether a signal ended the task: one that was faster has an exit code.
pub fn was_killed(task: &Finished) -> bool {
    task.code().is_none()
}

/// Whether the task was killed while it held the lock.
pub fn was_killed_holding(task: &Finished) -> bool {
    let said = |words: &str| task.stdout.iter().any(|line| line.contains(words));
    was_killed(task) && said("lock acquired") && !said("lock released")
}
