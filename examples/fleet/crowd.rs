//! Many tasks at once: how long until all are done, on an empty database and on one
//! that has every migration; and how long it takes to start so many processes that do
//! nothing.

use std::path::Path;
use std::time::Duration;

use testbed::{AwsCli, Goose, Init, Result, Testbed, World};

use crate::figures::{Stretch, told, verdict};
use crate::tasks::{ended, migrated, numbered, script_with_goose};

const SIZES: [usize; 5] = [1, 10, 50, 100, 200];
/// The script's: its turns of four to six seconds add up.
const SIZES_OF_SCRIPTS: [usize; 3] = [1, 10, 50];
/// Runs of each number of ours, of which the median is told; the script's take too long.
const RUNS: usize = 5;

/// How many at once took how long.
#[derive(Clone, Copy, Default)]
struct Took {
    length: Duration,
    /// Which part of the processors' time was used.
    used: f64,
    /// Those that did not end well.
    failed: usize,
}

/// Prints the tables.
pub async fn measure(program: &Path) -> Result<()> {
    head("ours");
    let mut found = Vec::new();
    for count in SIZES {
        found.push(ours(program, count).await?);
    }
    println!("\nThe median of {RUNS} runs. Start-up alone is `--version`.");
    if let ([(_, one), ..], [.., (start_up, all)]) = (found.as_slice(), found.as_slice()) {
        let goal = *one * 3 + *start_up;
        let (found, most) = (told(*all), told(goal));
        println!(
            "Goal: 200 on a migrated database take at most 3 × one and the start-up of 200 = {most}: \
             {found}, {}.",
            verdict(*all, goal)
        );
    }
    Ok(())
}

/// Prints the script's table, for which it takes the real goose. One run each: a turn
/// costs it seconds.
pub async fn measure_scripts(program: &Path) -> Result<()> {
    let Some(goose) = Goose::installed()? else {
        println!("\nThe script is left out: it needs goose, and goose needs Go to be built.");
        return Ok(());
    };
    head("the script");
    for count in SIZES_OF_SCRIPTS {
        let world = World::new(Testbed::shared(), program).await?;
        let script = script_with_goose(&world, &goose)?;
        let version = AwsCli::installed()?.give_to(Init::new(Path::new("aws")), goose.folder());
        let start_up = all_at_once(vec![version.arg("--version"); count]).await?;
        let on_empty = all_at_once(crowd(&world, &script, count)).await?;
        let on_migrated = all_at_once(crowd(&world, &script, count)).await?;
        row("script", count, [start_up, on_empty, on_migrated]);
    }
    println!(
        "\nOne run each. Start-up alone is that of the AWS CLI. Hundreds are left out: the turns add up."
    );
    Ok(())
}

fn head(whose: &str) {
    println!("\n## Many at once: {whose}\n");
    println!("Time until all are done; in brackets the part of the processors' time that was used.\n");
    println!(
        "| tasks | at once | start-up alone | empty database | migrated database |\n|---|---|---|---|---|"
    );
}

/// Measures so many of ours; returns their start-up and the time on a migrated database.
async fn ours(program: &Path, count: usize) -> Result<(Duration, Duration)> {
    let (mut start_up, mut on_empty, mut on_migrated) = (Vec::new(), Vec::new(), Vec::new());
    let world = migrated(program).await?;
    for _ in 0..RUNS {
        let version = Init::new(program).arg("--version");
        start_up.push(all_at_once(vec![version; count]).await?);
        let empty = World::new(Testbed::shared(), program).await?;
        on_empty.push(all_at_once(crowd(&empty, &empty.init(), count)).await?);
        on_migrated.push(all_at_once(crowd(&world, &world.init(), count)).await?);
    }
    let [start_up, on_empty, on_migrated] = [start_up, on_empty, on_migrated].map(median);
    row("ours", count, [start_up, on_empty, on_migrated]);
    Ok((start_up.length, on_migrated.length))
}

fn crowd(world: &World<'_>, task: &Init, count: usize) -> Vec<Init> {
    (0..count).map(|number| numbered(world, task, number)).collect()
}

async fn all_at_once(tasks: Vec<Init>) -> Result<Took> {
    let stretch = Stretch::begin()?;
    let running = tasks.iter().map(Init::start).collect::<Result<Vec<_>>>()?;
    let mut failed = 0;
    for task in running {
        failed += usize::from(ended(task).await?.code() != Some(0));
    }
    let (length, used) = stretch.end()?;
    Ok(Took { length, used, failed })
}

fn median(mut runs: Vec<Took>) -> Took {
    runs.sort_by_key(|took| took.length);
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

fn row(tasks: &str, count: usize, found: [Took; 3]) {
    let cell = |Took { length, used, failed }: Took| {
        let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
        // The kernel counts in hundredths of a second.
        let used = if length < Duration::from_millis(200) {
            String::new()
        } else {
            format!(" ({:.0} %)", used * 100.0)
        };
        format!("{}{used}{failed}", told(length))
    };
    println!("| {tasks} | {count} | {} |", found.map(cell).join(" | "));
}
