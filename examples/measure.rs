//! What a run with nothing to migrate costs: `cargo run --example measure`.
//!
//! Builds the release binary and runs it again and again on a migrated database, on
//! the parts of the testbed. Python reports each process's peak memory and CPU time.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::Command;

use testbed::{Result, Testbed, World};

const RUNS: usize = 30;

/// Runs its arguments and reports wall time, CPU time and peak memory on stderr.
const METER: &str = "
import resource, subprocess, sys, time
start = time.monotonic()
code = subprocess.call(sys.argv[1:])
wall = time.monotonic() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall * 1000, (used.ru_utime + used.ru_stime) * 1000, used.ru_maxrss, file=sys.stderr)
sys.exit(code)
";

#[tokio::main]
async fn main() -> Result<()> {
    let program = build()?;
    let size = std::fs::metadata(&program)?.len();
    let testbed = Testbed::start()?;
    let world = World::new(&testbed, &program).await?;
    let init = world.init().inside("python3", &["-c", METER]);
    let first = init.run().await?;
    let first: Vec<f64> = numbers(&first.stderr)?;

    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let run = init.run().await?;
        if run.code() != Some(0) {
            return Err(run.output().into());
        }
        runs.push(numbers(&run.stderr)?);
    }
    println!("release binary           {:.2} MB", f64::from(u32::try_from(size)?) / 1e6);
    println!("first run, 6 migrations  {:.0} ms", first.first().ok_or("no figures")?);
    println!("nothing to migrate, {RUNS} runs, median and most:");
    for (column, (name, unit, scale)) in
        [("wall time", "ms", 1.0), ("CPU time", "ms", 1.0), ("peak memory", "MB", 1.0 / 1024.0)]
            .iter()
            .enumerate()
    {
        let mut figures: Vec<f64> =
            runs.iter().filter_map(|run| run.get(column)).map(|v| v * scale).collect();
        figures.sort_by(f64::total_cmp);
        let (median, most) = (figures.get(figures.len() / 2), figures.last());
        println!("  {name:22} {:.1} {unit}, {:.1} {unit}", median.unwrap_or(&0.0), most.unwrap_or(&0.0));
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--package", "llm-proxy-init", "--bin", "llm-proxy-init"]);
    if !cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status()?.success() {
        return Err("cargo build failed".into());
    }
    let example = std::env::current_exe()?;
    let target = example.ancestors().nth(3).ok_or("not run by cargo")?;
    Ok(target.join("release/llm-proxy-init"))
}

fn numbers(report: &str) -> Result<Vec<f64>> {
    Ok(report.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}
