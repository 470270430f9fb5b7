//! What a run with nothing to migrate costs: `cargo run --example measure`.
//!
//! Builds the release binary and runs it again and again on a migrated database, on
//! the parts of the testbed. GNU time reports peak memory and CPU time: being tiny
//! itself, it does not hide a small child's figures behind its own.

#![forbid(unsafe_code)]

use testbed::{Finished, Init, Result, Testbed, World, release_binary};

const RUNS: u32 = 30;

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
        many(&metered.clone().env("DATABASE_URL", world.database_url(query))).await?;
    }
    Ok(())
}

async fn many(init: &Init) -> Result<()> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(cost(&init.run().await?)?);
    }
    let cpu = runs.iter().map(|run| run.cpu_ms).sum::<f64>() / f64::from(RUNS);
    println!("  wall time, median and most  {}", median_and_most(&runs, |run| run.wall_ms, "ms"));
    println!("  peak memory                 {}", median_and_most(&runs, |run| run.peak_mb, "MB"));
    println!("  CPU time, mean              {cpu:.1} ms");
    println!("  steps of one more, in ms    {}", steps(&init.run().await?));
    Ok(())
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
