//! The main job for real, to look at: `cargo run --example demo`.
//!
//! A throw-away PostgreSQL server and an AWS emulator on loopback, and several init
//! containers that start at the same moment, each a process of its own, as in ECS.

#![forbid(unsafe_code)]

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use serde_json::Value;
use sqlx::postgres::PgConnection;
use testbed::{Result, Running, TaskMetadata, Testbed, World};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const TASKS: usize = 5;
const COLOURS: &[&str] = &["\u{1b}[36m", "\u{1b}[33m", "\u{1b}[35m", "\u{1b}[32m", "\u{1b}[34m"];

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = tokio::select! {
        // Dropping the rest ends the tasks and the servers.
        _ = tokio::signal::ctrl_c() => {
            println!("\n{}", dim("interrupted; everything is being stopped"));
            return ExitCode::from(130);
        }
        outcome = demo() => outcome,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> Result<()> {
    heading("llm-proxy-init: what happens when five tasks start at once");
    let program = step("the binary is built", build)?;
    let testbed = step("PostgreSQL and an AWS emulator are up", Testbed::start)?;
    let world = World::new(&testbed, &program).await?;
    println!("  {} lock table llm-proxy-locks and parameter /llm-proxy/api-providers are there", tick());
    println!(
        "  {}",
        dim(&format!("PostgreSQL 127.0.0.1:{}, AWS {}", testbed.postgres.port, testbed.aws.endpoint))
    );

    heading("live");
    let finished = run_tasks(&world).await?;
    let failed = finished.iter().filter(|code| **code != Some(0)).count();
    println!("\n  {} of {TASKS} tasks exited with 0", TASKS - failed);

    heading("what they left: the config file, one in each task's volume");
    show_config(&world)?;
    let mut database = world.connect().await?;
    heading("both ledgers: what the application's goose reads, and ours with checksums");
    show_ledgers(&mut database).await?;
    heading("the tables");
    show_tables(&mut database).await?;
    let lock = world.account.lock_item().await?;
    println!("\n  lock item: {}", if lock.is_none() { "none, released" } else { "STILL THERE" });
    if failed == 0 { Ok(()) } else { Err(format!("{failed} tasks failed").into()) }
}

/// Builds the binary beside this example, with the same features, and finds it.
fn build() -> Result<PathBuf> {
    let example = std::env::current_exe()?;
    let profile = example.parent().and_then(Path::parent).ok_or("not run by cargo")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--bin", "llm-proxy-init", "--example", "demo"]);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    if built.success() { Ok(profile.join("llm-proxy-init")) } else { Err("cargo build failed".into()) }
}

fn step<T>(what: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let outcome = act()?;
    println!("  {} {what} {}", tick(), dim(&format!("({:.1} s)", started.elapsed().as_secs_f64())));
    Ok(outcome)
}

/// Starts every task, shows their lines as they come, and returns their exit codes.
async fn run_tasks(world: &World<'_>) -> Result<Vec<Option<i32>>> {
    let metadata = TaskMetadata::start().await?;
    let (sender, mut events) = unbounded_channel();
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 1..=TASKS {
        let init = world.init().env("ECS_CONTAINER_METADATA_URI_V4", metadata.uri(&format!("task-{task}")));
        let init = init.env("CONFIG_PATH", config_file(world, task)?);
        tasks.spawn(follow(task, init.start()?, sender.clone()));
    }
    drop(sender);
    while let Some((task, line)) = events.recv().await {
        if let Some(told) = tell(&line) {
            let at = dim(&format!("{:6.3} s", started.elapsed().as_secs_f64()));
            println!(
                "  {at}  {}  {told}",
                colour(COLOURS.get(task - 1).unwrap_or(&""), &format!("task-{task}"))
            );
        }
    }
    tasks.join_all().await.into_iter().collect()
}

/// Each task has a volume of its own.
fn config_file(world: &World<'_>, task: usize) -> Result<PathBuf> {
    let volume = world.config_folder().join(format!("task-{task}"));
    std::fs::create_dir_all(&volume)?;
    Ok(volume.join("api_providers.yaml"))
}

async fn follow(
    task: usize,
    mut running: Running,
    events: UnboundedSender<(usize, Value)>,
) -> Result<Option<i32>> {
    while let Some(line) = running.next_line().await {
        events.send((task, serde_json::from_str(&line)?))?;
    }
    Ok(running.finish().await?.code())
}

/// A log line as a spectator wants it.
fn tell(line: &Value) -> Option<String> {
    let message = line["message"].as_str()?;
    let duration = line["duration_ms"].as_u64().map(|ms| dim(&format!(" {ms} ms"))).unwrap_or_default();
    let told = match line["step"].as_str()? {
        "start" => "starts".to_owned(),
        "lock" if message == "lock acquired" => bold("● holds the lock"),
        "lock" if message.ends_with("not needed") => "↷ needs no lock any more".to_owned(),
        "lock" => {
            let holder = line["holder"].as_str()?.rsplit('/').next()?.split(' ').next()?.to_owned();
            dim(&format!("◌ waits, {holder} holds the lock"))
        }
        "config" => format!("✎ {}", message.rsplit('/').next()?),
        "migrate" if message.starts_with("applied") => format!("▲ {message}"),
        "release" => bold("○ releases the lock"),
        "done" => {
            let (applied, version) = (&line["migrations_applied"], &line["schema_version"]);
            let (waited, total) = (&line["lock_wait_ms"], &line["total_ms"]);
            format!(
                "{} done: {applied} migrations applied, schema {version}, waited {waited} of {total} ms",
                tick()
            )
        }
        _ if line["level"] == "ERROR" => format!("✘ {message}"),
        _ => return None,
    };
    Some(format!("{told}{duration}"))
}

fn show_config(world: &World<'_>) -> Result<()> {
    let text = std::fs::read_to_string(config_file(world, 1)?)?;
    for line in text.lines() {
        println!("  {} {line}", dim("│"));
    }
    Ok(())
}

async fn show_ledgers(database: &mut PgConnection) -> Result<()> {
    let rows: Vec<(i64, bool, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT version_id, is_applied, name, checksum FROM goose_db_version \
         LEFT JOIN refinery_schema_history ON version = version_id ORDER BY id",
    )
    .fetch_all(database)
    .await?;
    println!("  {}", dim("goose_db_version      refinery_schema_history"));
    for (version, is_applied, name, checksum) in rows {
        let mark = if is_applied { tick() } else { "✘".to_owned() };
        let ours = name.map(|name| format!("{name:36} {}", dim(&checksum.unwrap_or_default())));
        println!("  {version:>7} {mark}             {}", ours.unwrap_or_else(|| dim("(goose's first row)")));
    }
    Ok(())
}

async fn show_tables(database: &mut PgConnection) -> Result<()> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, string_agg(column_name::text, ', ' ORDER BY ordinal_position) \
         FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name ORDER BY table_name",
    )
    .fetch_all(database)
    .await?;
    for (table, columns) in rows {
        println!("  {}  {}", bold(&format!("{table:24}")), dim(&columns));
    }
    Ok(())
}

fn heading(text: &str) {
    println!("\n{}", bold(text));
}

fn tick() -> String {
    colour("\u{1b}[32m", "✔")
}

fn bold(text: &str) -> String {
    colour("\u{1b}[1m", text)
}

fn dim(text: &str) -> String {
    colour("\u{1b}[2m", text)
}

fn colour(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() { format!("{code}{text}\u{1b}[0m") } else { text.to_owned() }
}
