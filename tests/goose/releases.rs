//! Another release of the binary and back again on a live database: six migrations, seven,
//! six. The newer release is stood in for by a folder with the same six files and one more:
//! texts, and so checksums, are those that it would bring.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use testbed::{Goose, Init, Result, World};

use super::{assert_code, execute, run_goose, url, world};

const SEVENTH: &str =
    "ALTER TABLE tokens ADD COLUMN note text;\nCREATE INDEX idx_tokens_note ON tokens (note);\n";

/// The program as a task runs it.
fn older(world: &World<'_>) -> Init {
    let port = world.testbed.postgres.port;
    world.init().env("DATABASE_URL", url(world, port)).env("ALWAYS_LOCK", "true")
}

/// The same with the newer release's migrations.
fn newer(world: &World<'_>) -> Result<Init> {
    let folder = world.config_folder().join("newer");
    if !folder.exists() {
        fs::create_dir(&folder)?;
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"))? {
            let file = file?;
            fs::copy(file.path(), folder.join(file.file_name()))?;
        }
        fs::write(folder.join("V7__add_token_note.sql"), SEVENTH)?;
    }
    Ok(older(world).env("MIGRATIONS_DIR", folder))
}

/// The newer application's files, beside those of the older one.
fn newer_application(older: &Path) -> Result<PathBuf> {
    let folder = older.with_file_name("newer-application");
    fs::create_dir(&folder)?;
    for file in fs::read_dir(older)? {
        let file = file?;
        fs::copy(file.path(), folder.join(file.file_name()))?;
    }
    fs::write(folder.join("00007_add_token_note.sql"), format!("-- +goose Up\n{SEVENTH}"))?;
    Ok(folder)
}

/// Runs it, and expects so many migrations and both ledgers at this version.
async fn assert_runs(world: &World<'_>, init: Init, applied: i64, version: i64) -> Result<()> {
    let run = init.run().await?;
    assert_code(&run, 0);
    assert_eq!(run.last()["migrations_applied"], applied, "{}", run.output());
    assert_eq!(run.last()["schema_version"], version, "{}", run.output());
    let mut database = world.connect().await?;
    let goose = "SELECT array_agg(version_id ORDER BY id) FROM goose_db_version WHERE is_applied";
    let goose: Vec<i64> = sqlx::query_scalar(goose).fetch_one(&mut database).await?;
    assert_eq!(goose, (0..=version).collect::<Vec<_>>());
    let refinery = "SELECT array_agg(version ORDER BY version) FROM refinery_schema_history";
    let refinery: Vec<i64> = sqlx::query_scalar(refinery).fetch_one(&mut database).await?;
    assert_eq!(refinery, (1..=version).collect::<Vec<_>>());
    Ok(())
}

/// Both applications find nothing to do.
async fn assert_applications_start(world: &World<'_>, older: &Path, newer: Option<&Path>) -> Result<()> {
    let Some(goose) = Goose::installed()? else { return Ok(()) };
    for folder in std::iter::once(older).chain(newer) {
        let said = run_goose(&goose, world, folder, &["up"]).await?;
        assert!(said.contains("no migrations to run"), "{said}");
    }
    Ok(())
}

/// What the application does all the time: a token is made, counted up, listed. Returns how
/// often.
async fn use_tables(world: &World<'_>, end: &AtomicBool) -> Result<i32> {
    let mut database = world.connect().await?;
    let mut rounds = 0;
    while !end.load(Ordering::Relaxed) {
        rounds += 1;
        execute(&mut database, &format!("INSERT INTO tokens (token, project_id) VALUES ('{rounds}', 'p')"))
            .await?;
        execute(&mut database, "UPDATE tokens SET request_count = request_count + 1").await?;
        let count = "SELECT count(*)::int FROM tokens JOIN projects ON projects.id = project_id";
        let count: i32 = sqlx::query_scalar(count).fetch_one(&mut database).await?;
        assert_eq!(count, rounds);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    Ok(rounds)
}

async fn upgrade_and_downgrade(world: &World<'_>, application: &Path) -> Result<()> {
    let newer_application = newer_application(application)?;
    assert_runs(world, newer(world)?, 1, 7).await?;
    assert_applications_start(world, application, Some(&newer_application)).await?;
    assert_runs(world, older(world), 0, 7).await?;
    assert_applications_start(world, application, Some(&newer_application)).await?;
    assert_runs(world, newer(world)?, 0, 7).await
}

#[tokio::test]
async fn six_seven_six_on_a_live_database() -> Result<()> {
    let world = world().await?;
    let application = Goose::migrations(&world)?;
    assert_runs(&world, older(&world), 6, 6).await?;
    assert_applications_start(&world, &application, None).await?;
    let project = "INSERT INTO projects (id, name, api_key) VALUES ('p', 'p', 'k')";
    execute(&mut world.connect().await?, project).await?;
    let end = AtomicBool::new(false);
    let (used, done) = tokio::join!(use_tables(&world, &end), async {
        let done = upgrade_and_downgrade(&world, &application).await;
        end.store(true, Ordering::Relaxed);
        done
    });
    done?;
    assert!(used? > 0, "the tables were not used meanwhile");
    let told = older(&world).arg("migrate").arg("status").arg("--json").run().await?;
    let states: Vec<Value> = told.last()["migrations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["state"].clone())
        .collect();
    assert_eq!(states, ["applied", "applied", "applied", "applied", "applied", "applied", "unknown"]);
    Ok(())
}
