//! The next task's turn after a crash: from a holder's SIGKILL to the waiter's `lock
//! acquired`, with the default lease.
//!
//! A waiter counts the lease from the holder's last sign of life that it saw. So a
//! holder that dies right after a renewal is the worst case, and is measured apart.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testbed::{Result, Signal};

use crate::figures::{quantile, told, verdict};
use crate::tasks::{numbered, side_by_side, when, with_work};

/// The default lease, and what taking over may take beyond it.
const GOAL: Duration = Duration::from_secs(30 + 2);
/// Crashes of each kind, all at once, each in a world of its own.
const CRASHES: usize = 10;
/// The holder must not finish before it is killed.
const WORK: f64 = 200.0;

/// Prints the table.
pub async fn measure(program: &Path) -> Result<()> {
    println!("\n## Hand-over after a crash\n");
    println!("| the holder dies | crashes | quickest | p50 | slowest |\n|---|---|---|---|---|");
    let program = program.to_owned();
    // Both kinds side by side: nearly all of the time is waiting.
    let crashes = side_by_side(2 * CRASHES, move |number| crash(program.clone(), number < CRASHES)).await?;
    let (after_renewal, any): (Vec<_>, Vec<_>) = crashes.into_iter().partition(|(worst, _)| *worst);
    let mut most = Duration::ZERO;
    for (when, found) in [("right after a renewal", after_renewal), ("at any moment", any)] {
        let found: Vec<Duration> = found.into_iter().map(|(_, hand_over)| hand_over).collect();
        let [quickest, p50, slowest] = [0.0, 0.5, 1.0].map(|part| quantile(&found, part));
        println!("| {when} | {} | {} | {} | {} |", found.len(), told(quickest), told(p50), told(slowest));
        most = most.max(slowest);
    }
    println!("\nGoal: at most {} (lease and 2 s): {}.", told(GOAL), verdict(most, GOAL));
    Ok(())
}

/// Lets a holder die and another take over.
async fn crash(program: PathBuf, right_after_renewal: bool) -> Result<(bool, Duration)> {
    let world = with_work(&program, WORK).await?;
    let task = world.init().env("ALWAYS_LOCK", "true").env("LOG_LEVEL", "debug");
    let mut holder = numbered(&world, &task, 0).start()?;
    holder.wait_for("lock acquired").await?;
    let mut waiter = numbered(&world, &task, 1).start()?;
    waiter.wait_for("waiting for lock").await?;
    holder.wait_for("lock renewed").await?;
    if !right_after_renewal {
        // Renewals are a third of the lease apart.
        tokio::time::sleep(Duration::from_secs(10).mul_f64(fastrand::f64())).await;
    }
    let killed = Instant::now();
    holder.signal(Signal::Kill).await?;
    let acquired = when(&mut waiter, "lock acquired").await?;
    Ok((right_after_renewal, acquired - killed))
}
