//! How fast a fleet is: `cargo run --example fleet`, with results in Markdown.
//!
//! Builds the release binary and runs it on the parts of the testbed, beside a script
//! that does the same with the AWS CLI and goose. Arguments choose parts of it:
//! `release` (the next task's turn after a release), `crash` (after a SIGKILL), `crowd`
//! (many tasks at once), `scripts` (many scripts at once; takes the most time). What was found is in `docs/benchmarks.md`.

#![forbid(unsafe_code)]

mod crash;
mod crowd;
mod figures;
mod release;
mod tasks;

use std::process::ExitCode;

use testbed::{Result, release_binary};

const PARTS: [&str; 4] = ["release", "crash", "crowd", "scripts"];

#[tokio::main]
async fn main() -> ExitCode {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.is_empty() {
        wanted = PARTS.map(str::to_owned).into();
    }
    if let Some(unknown) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        eprintln!("no part is called {unknown}; there are {}", PARTS.join(", "));
        return ExitCode::from(64);
    }
    match measure(&wanted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the benchmark failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(parts: &[String]) -> Result<()> {
    let program = release_binary()?;
    let cores = std::thread::available_parallelism()?;
    println!("{cores} processors; PostgreSQL, the AWS emulator and all tasks share them.");
    for part in parts {
        match part.as_str() {
            "release" => release::measure(&program).await?,
            "crash" => crash::measure(&program).await?,
            "crowd" => crowd::measure(&program).await?,
            _ => crowd::measure_scripts(&program).await?,
        }
    }
    Ok(())
}
