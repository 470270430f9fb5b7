//! The next task's turn: from a holder's `lock released` to the next one's `lock
//! acquired`, as both lines come out of their pipes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testbed::{Init, Result, World};

use crate::figures::{quantile, told, verdict};
use crate::tasks::{finish, numbered, script_with_work, side_by_side, when, with_work};

const GOAL: Duration = Duration::from_millis(500);
/// Pairs of a holder and a waiter that are measured at once, each in a world of its own.
const PAIRS: usize = 20;
/// The script's programs need more of the processors.
const PAIRS_OF_SCRIPTS: usize = 8;
const ROUNDS: usize = 2;
const CHAIN: usize = 20;

/// Prints the table.
pub async fn measure(program: &Path) -> Result<()> {
    println!("\n## Hand-over after a release\n");
    println!(
        "| tasks | the lock is held for | waiting | hand-overs | p50 | p95 |\n|---|---|---|---|---|---|"
    );
    let short = pairs(program, PAIRS, 2, false).await?;
    row("ours", "2 s", "1", &short);
    let long = pairs(program, PAIRS, 12, false).await?;
    row("ours", "12 s", "1", &long);
    let mut chained = Vec::new();
    for _ in 0..3 {
        chained.extend(chain(program).await?);
    }
    row("ours", "0.2 s", "19, 18, … 1", &chained);
    row("script", "12 s", "1", &pairs(program, PAIRS_OF_SCRIPTS, 12, true).await?);
    println!("\nThe script says that it has released when the AWS CLI has ended: after the item has gone.");
    println!("\nGoal for ours: p50 of at most {}.\n", told(GOAL));
    for (what, found) in [("2 s", short), ("12 s", long), ("a chain", chained)] {
        println!("- {what}: {}", verdict(quantile(&found, 0.5), GOAL));
    }
    Ok(())
}

fn row(tasks: &str, held: &str, waiting: &str, found: &[Duration]) {
    let (p50, p95) = (told(quantile(found, 0.5)), told(quantile(found, 0.95)));
    println!("| {tasks} | {held} | {waiting} | {} | {p50} | {p95} |", found.len());
}

/// A holder and a waiter, many times. The waiter comes at any moment of the script's
/// poll interval before the release: pauses of fixed length would else always meet it alike.
async fn pairs(program: &Path, at_once: usize, held: u32, of_scripts: bool) -> Result<Vec<Duration>> {
    let mut found = Vec::new();
    for _ in 0..ROUNDS {
        let program = program.to_owned();
        let act = move |_| pair(program.clone(), held, of_scripts);
        found.extend(side_by_side(at_once, act).await?);
    }
    Ok(found)
}

async fn pair(program: PathBuf, held: u32, of_scripts: bool) -> Result<Duration> {
    let world = with_work(&program, held.into()).await?;
    let task = if of_scripts { script_with_work(&world, held.into())? } else { ours(&world) };
    let mut first = numbered(&world, &task, 0).start()?;
    first.wait_for("lock acquired").await?;
    let lateness = Duration::from_secs(5).min(Duration::from_secs(held.into()) / 2);
    tokio::time::sleep(lateness.mul_f64(fastrand::f64())).await;
    let mut second = numbered(&world, &task, 1).start()?;
    let (released, acquired) =
        tokio::try_join!(when(&mut first, "lock released"), when(&mut second, "lock acquired"))?;
    finish(first).await?;
    finish(second).await?;
    Ok(acquired.saturating_duration_since(released))
}

/// Many at once, which take turns.
async fn chain(program: &Path) -> Result<Vec<Duration>> {
    let world = with_work(program, 0.2).await?;
    let task = |number| numbered(&world, &ours(&world), number);
    let mut turns = side_by_side(CHAIN, |number| turn(task(number))).await?;
    turns.sort_unstable();
    let hand_over = |two: &[(Instant, Instant)]| match two {
        [(_, released), (acquired, _)] => acquired.saturating_duration_since(*released),
        _ => Duration::ZERO,
    };
    Ok(turns.windows(2).map(hand_over).collect())
}

/// When a task acquired the lock and when it released it.
async fn turn(task: Init) -> Result<(Instant, Instant)> {
    let mut task = task.start()?;
    let turn = (when(&mut task, "lock acquired").await?, when(&mut task, "lock released").await?);
    finish(task).await?;
    Ok(turn)
}

/// One that waits for the lock even if there were nothing to do.
fn ours(world: &World<'_>) -> Init {
    world.init().env("ALWAYS_LOCK", "true")
}
