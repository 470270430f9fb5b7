//! What a run with nothing to do takes: ours and the script's, on the same database.

use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::{Goose, Init, Result, Testbed, World};

use crate::debian::{Part, byte_code, sh};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet/script.sh");
/// Holds an `aws` that knows where the emulator is.
const AWS_CLI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/compare/aws-cli");
const WARM_RUNS: usize = 15;
const COLD_RUNS: usize = 3;
/// The goals: so many times faster, so many times less memory.
const FASTER: f64 = 30.0;
const LEANER: f64 = 10.0;

/// Lets the page cache forget files.
const FORGET: &str = "
import os, sys
for name in sys.argv[1:]:
    file = os.open(name, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)
";

/// Medians.
struct Taken {
    warm_ms: f64,
    cold_ms: f64,
    peak_mb: f64,
}

/// Prints the table.
pub async fn compare(program: &Path) -> Result<()> {
    let world = World::new(Testbed::shared(), program).await?;
    let goose = Goose::installed()?.ok_or("there is no Go to build goose with")?;
    let migrations = Goose::migrations(&world)?;
    let programs = format!("{AWS_CLI}:{}:/usr/bin:/bin", goose.folder().display());
    let script = metered(world.other(Path::new("/bin/sh")).arg(SCRIPT))
        .env("PATH", programs)
        .env("MIGRATIONS", &migrations)
        .env("POLL_INTERVAL", "5")
        .env("MAX_WAIT", "300");
    let mut files_of_script = Part::AwsCli.files()?;
    files_of_script.extend(Part::Python.files()?);
    files_of_script.extend(byte_code(&files_of_script)?);
    files_of_script.push(goose.folder().join("goose"));
    let first = world.init().run().await?;
    if first.code() != Some(0) {
        return Err(first.output().into());
    }

    println!("\n## A run with nothing to do\n\nThe script has {}", sh("/usr/bin/aws --version")?);
    println!(
        "| PostgreSQL's session | task | time | time, files not in memory | peak memory |\n|---|---|---|---|---|"
    );
    for (session, query) in [("plain", "?sslmode=disable"), ("TLS", "?sslmode=require")] {
        let url = world.database_url(query);
        let ours = metered(world.init().env("DATABASE_URL", &url));
        let ours = measure(&ours, &[program.to_owned()]).await?;
        let theirs = measure(&script.clone().env("DATABASE_URL", &url), &files_of_script).await?;
        row(session, "ours", &ours);
        row(session, "script", &theirs);
        println!(
            "| {session} | **ratio** | {:.0} | {:.0} | {:.0} |",
            theirs.warm_ms / ours.warm_ms,
            theirs.cold_ms / ours.cold_ms,
            theirs.peak_mb / ours.peak_mb
        );
    }
    println!(
        "\nGoals: {FASTER} times faster, {LEANER} times less memory. Peak memory is that of the largest process."
    );
    Ok(())
}

fn row(session: &str, task: &str, taken: &Taken) {
    let Taken { warm_ms, cold_ms, peak_mb } = taken;
    println!("| {session} | {task} | {warm_ms:.0} ms | {cold_ms:.0} ms | {peak_mb:.1} MB |");
}

fn metered(task: Init) -> Init {
    task.inside("/usr/bin/time", &["--quiet", "--format", "peak %M"])
}

async fn measure(metered: &Init, files: &[PathBuf]) -> Result<Taken> {
    let (mut warm, mut cold, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..COLD_RUNS {
        Command::new("python3").args(["-c", FORGET]).args(files).status()?;
        cold.push(run(metered).await?.0);
    }
    for _ in 0..WARM_RUNS {
        let (time, peak) = run(metered).await?;
        warm.push(time);
        peaks.push(peak);
    }
    Ok(Taken { warm_ms: median(warm), cold_ms: median(cold), peak_mb: median(peaks) })
}

/// Wall time in ms and peak memory in MB.
async fn run(metered: &Init) -> Result<(f64, f64)> {
    let run = metered.run().await?;
    let peak = run
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("peak "))
        .find_map(|peak| peak.parse::<f64>().ok());
    match (run.code(), peak) {
        (Some(0), Some(kilobytes)) => Ok((run.duration.as_secs_f64() * 1e3, kilobytes / 1024.0)),
        _ => Err(run.output().into()),
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
