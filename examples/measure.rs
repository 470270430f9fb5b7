//! What a run with nothing to migrate costs: `cargo run --example measure`.
//!
//! Builds the release binary and runs it again and again on a migrated database, on
//! the parts of the testbed. GNU time reports peak memory and CPU time: being tiny
//! itself, it does not hide a small child's figures behind its own.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use testbed::{Finished, Init, Result, Testbed, World, release_binary};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const RUNS: u32 = 30;
/// From the start of the process to its first request: no more than this.
const MOST_START_UP: Duration = Duration::from_millis(15);
/// Peak memory of a run with nothing to migrate: no more than this.
const MOST_MEMORY_MB: f64 = 12.0;

/// What one run cost.
struct Cost {
    wall_ms: f64,
    cpu_ms: f64,
    peak_mb: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let program = release_binary()?;
    let size = u32::try_from(std::fs::metadata(&program)?.len())?;
    let testbed = Testbed::start()?;
    let world = World::new(&testbed, &program).await?;
    let metered = world.init().inside("/usr/bin/time", &["--quiet", "--format", "%U %S %M"]);

    println!("release binary                {:.2} MB", f64::from(size) / 1e6);
    println!("first run, with 6 migrations  {:.0} ms", cost(&metered.run().await?)?.wall_ms);
    for query in ["?sslmode=require", "?sslmode=disable"] {
        println!("a run with nothing to migrate, of {RUNS}, with {query}:");
        let most = many(&metered.clone().env("DATABASE_URL", world.database_url(query))).await?;
        if most > MOST_MEMORY_MB {
            return Err(format!("a run takes {most:.1} MB, at most {MOST_MEMORY_MB} are allowed").into());
        }
    }
    start_up(&world).await
}

/// How soon the first request to AWS comes. Other work on the machine makes it later, never
/// sooner: the goal is that of the quickest.
async fn start_up(world: &World<'_>) -> Result<()> {
    let mut found = Vec::new();
    for _ in 0..RUNS {
        let aws = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", aws.local_addr()?);
        let started = Instant::now();
        let running = world.init().env("AWS_ENDPOINT_URL", endpoint).start()?;
        aws.accept().await?.0.read_u8().await?;
        found.push(started.elapsed());
        drop(running);
    }
    found.sort_unstable();
    let (quickest, median) = (found.first(), found.get(found.len() / 2));
    let (quickest, median) = (*quickest.ok_or("no run")?, *median.ok_or("no run")?);
    println!("start to first AWS request    quickest {quickest:.1?}, median {median:.1?}");
    if quickest > MOST_START_UP {
        return Err(format!("the start takes {quickest:?}, at most {MOST_START_UP:?} are allowed").into());
    }
    Ok(())
}

/// Returns the most memory that any of them took, in MB.
async fn many(init: &Init) -> Result<f64> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(cost(&init.run().await?)?);
    }
    let cpu = runs.iter().map(|run| run.cpu_ms).sum::<f64>() / f64::from(RUNS);
    println!("  wall time, median and most  {}", median_and_most(&runs, |run| run.wall_ms, "ms"));
    println!("  peak memory                 {}", median_and_most(&runs, |run| run.peak_mb, "MB"));
    println!("  CPU time, mean              {cpu:.1} ms");
    println!("  steps of one more, in ms    {}", steps(&init.run().await?));
    Ok(runs.iter().map(|run| run.peak_mb).fold(0.0, f64::max))
}

fn cost(run: &Finished) -> Result<Cost> {
    let no_figures = || format!("no figures from GNU time (Debian: apt-get install time): {}", run.output());
    let figures: Vec<f64> = run.stderr.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
    match (run.code(), figures.as_slice()) {
        (Some(0), [user, system, kilobytes]) => Ok(Cost {
            wall_ms: run.duration.as_secs_f64() * 1e3,
            cpu_ms: (user + system) * 1e3,
            peak_mb: kilobytes / 1024.0,
        }),
        _ => Err(no_figures().into()),
    }
}

fn steps(run: &Finished) -> String {
    let step = |line: &serde_json::Value| {
        Some(format!("{} {}", line["step"].as_str()?, line["duration_ms"].as_u64()?))
    };
    run.json().iter().filter_map(step).collect::<Vec<_>>().join(", ")
}

fn median_and_most(runs: &[Cost], figure: impl Fn(&Cost) -> f64, unit: &str) -> String {
    let mut figures: Vec<f64> = runs.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    let (median, most) = (figures.get(figures.len() / 2), figures.last());
    format!("{:.1} and {:.1} {unit}", median.unwrap_or(&f64::NAN), most.unwrap_or(&f64::NAN))
}
