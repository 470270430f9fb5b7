//! A folder of migrations in place of the embedded ones.

use std::fs;
use std::path::{Path, PathBuf};

use testbed::{Finished, Init, Result, World};

use super::{assert_code, assert_fails, execute, goose_ledger, refinery_ledger, world};

/// Writes files into a folder of the world's.
pub fn write(world: &World<'_>, files: &[(&str, &str)]) -> Result<PathBuf> {
    let folder = world.config_folder().join("migrations");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir(&folder)?;
    for (name, content) in files {
        fs::write(folder.join(name), content)?;
    }
    Ok(folder)
}

/// The program over that folder.
pub fn over(world: &World<'_>, folder: &Path) -> Init {
    world.init().env("MIGRATIONS_DIR", folder)
}

/// Runs the program over these files.
async fn run(world: &World<'_>, files: &[(&str, &str)]) -> Result<Finished> {
    over(world, &write(world, files)?).run().await
}

const ONE: (&str, &str) = ("00001_one.sql", "-- +goose Up\nCREATE TABLE one (a int);\n");
const TWO: (&str, &str) =
    ("00002_two.sql", "-- +goose Up\nCREATE TABLE two (a int);\n-- +goose Down\nDROP TABLE two;\n");
const THREE: (&str, &str) = ("00003_three.sql", "-- +goose Up\nCREATE TABLE three (a int);\n");

#[tokio::test]
async fn gooses_files_are_run_in_both_ledgers() -> Result<()> {
    let world = world().await?;
    let done = run(&world, &[THREE, ONE, TWO]).await?;
    assert_code(&done, 0);
    assert_eq!((&done.last()["migrations_applied"], &done.last()["schema_version"]), (&3.into(), &3.into()));
    let mut database = world.connect().await?;
    assert_eq!(goose_ledger(&mut database).await?, [(0, true), (1, true), (2, true), (3, true)]);
    assert_eq!(refinery_ledger(&mut database).await?, [1, 2, 3]);
    execute(&mut database, "SELECT FROM one, two, three").await?;
    let again = run(&world, &[ONE, TWO, THREE]).await?;
    assert_code(&again, 0);
    assert_eq!(again.last()["migrations_applied"], 0);
    Ok(())
}

#[tokio::test]
async fn refinerys_files_are_run_too() -> Result<()> {
    let world = world().await?;
    let files = [
        ("V1__one.sql", "CREATE TABLE one (a int); INSERT INTO one VALUES (1);"),
        ("V2__index.sql", "-- no transaction\nCREATE INDEX CONCURRENTLY i ON one (a);\nVACUUM one;\n"),
    ];
    assert_code(&run(&world, &files).await?, 0);
    let mut database = world.connect().await?;
    assert_eq!(goose_ledger(&mut database).await?, [(0, true), (1, true), (2, true)]);
    execute(&mut database, "DROP INDEX i").await
}

#[tokio::test]
async fn a_gap_is_filled_only_when_asked_for() -> Result<()> {
    let world = world().await?;
    assert_code(&run(&world, &[ONE, THREE]).await?, 0);
    let gap = run(&world, &[ONE, TWO, THREE]).await?;
    assert_fails(&gap, 1, &["[2]", "although 3 was", "--allow-missing", "ALLOW_MISSING=true"]);
    let folder = write(&world, &[ONE, TWO, THREE])?;
    assert_code(&over(&world, &folder).arg("--allow-missing").run().await?, 0);
    let mut database = world.connect().await?;
    // In the order in which they were applied, as goose has it.
    assert_eq!(goose_ledger(&mut database).await?, [(0, true), (1, true), (3, true), (2, true)]);
    assert_eq!(refinery_ledger(&mut database).await?, [1, 2, 3]);
    let again = over(&world, &folder).run().await?;
    assert_code(&again, 0);
    assert_eq!(
        (&again.last()["migrations_applied"], &again.last()["schema_version"]),
        (&0.into(), &3.into())
    );
    Ok(())
}

#[tokio::test]
async fn a_changed_text_is_recorded_only_when_asked_for() -> Result<()> {
    let world = world().await?;
    assert_code(&run(&world, &[ONE]).await?, 0);
    let changed = (ONE.0, "-- +goose Up\nCREATE TABLE one (a int, b int);\n");
    assert_fails(&run(&world, &[changed]).await?, 1, &["V1__one", "--accept-divergent"]);
    let accepting = over(&world, &write(&world, &[changed])?).env("ACCEPT_DIVERGENT", "yes");
    let accepted = accepting.run().await?;
    assert_code(&accepted, 0);
    assert!(accepted.output().contains("V1__one was applied with another text"), "{}", accepted.output());
    assert_code(&run(&world, &[changed]).await?, 0);
    assert_fails(&run(&world, &[ONE]).await?, 1, &["V1__one"]);
    Ok(())
}

#[tokio::test]
async fn nothing_runs_when_a_pending_file_is_wrong() -> Result<()> {
    let world = world().await?;
    for (content, words) in [
        ("-- +goose Up\nSELECT 1\n", "semicolon"),
        ("-- +goose Up\n-- +goose ENVSUB ON\nSELECT '$HOME';\n", "environment"),
        ("-- +goose Up\nCREATE TABLE x (a int);\nCOMMIT;\n", "COMMIT in a migration"),
        ("-- +goose Up\nCOPY one FROM STDIN;\n", "COPY FROM STDIN"),
        ("-- +goose Up\nCOPY one TO STDOUT;\n", "COPY TO STDOUT"),
        ("-- +goose Up\nINSERT INTO one VALUES (1); COMMIT;\n", ".sql:2: COMMIT in a migration"),
        (
            "-- +goose NO TRANSACTION\n-- +goose Up\nTRUNCATE one; COPY one FROM STDIN;\n",
            ".sql:3: COPY FROM STDIN",
        ),
        (
            "-- +goose Up\n-- +goose StatementBegin\nTRUNCATE one;\nCOPY one FROM STDIN;\n-- +goose StatementEnd\n",
            ".sql:4: COPY FROM STDIN",
        ),
    ] {
        let wrong = run(&world, &[ONE, ("00002_wrong.sql", content)]).await?;
        assert_fails(&wrong, 65, &["00002_wrong.sql", words]);
    }
    let coded = run(&world, &[ONE, ("00002_wrong.go", "package migrations\n")]).await?;
    assert_fails(&coded, 65, &["00002_wrong.go", "Go"]);
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut world.connect().await?).await?, 0);
    assert!(!world.config_file().exists(), "a run that can't be finished wrote the config");
    Ok(())
}

#[tokio::test]
async fn what_stands_in_a_body_is_refused_to_nobody() -> Result<()> {
    let world = world().await?;
    let bodies = "-- +goose Up\n-- +goose StatementBegin\n\
        CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; ROLLBACK; END $$;\n\
        CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\n\
        DO $$ BEGIN PERFORM 'a; COMMIT; COPY t FROM STDIN;'; END $$; SELECT '; COMMIT;' /* ; ABORT; */;\n\
        -- +goose StatementEnd\n";
    assert_code(&run(&world, &[("00001_bodies.sql", bodies)]).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_applied_need_not_be_understood() -> Result<()> {
    let world = world().await?;
    let mut database = world.connect().await?;
    let by_goose = format!(
        "SET ROLE {}; CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, \
         is_applied boolean NOT NULL, tstamp timestamp DEFAULT now()); \
         INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true)",
        world.database
    );
    execute(&mut database, &by_goose).await?;
    let with_environment = ("00001_one.sql", "-- +goose Up\n-- +goose ENVSUB ON\nSELECT '$HOME';\n");
    assert_code(&run(&world, &[with_environment, TWO]).await?, 0);
    assert_eq!(refinery_ledger(&mut database).await?, [1, 2]);
    Ok(())
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_a_setting_to_correct() -> Result<()> {
    let world = world().await?;
    let run = over(&world, Path::new("/nowhere/migrations")).run().await?;
    assert_fails(&run, 64, &["/nowhere/migrations", "mounted"]);
    assert_fails(&over(&world, &write(&world, &[])?).run().await?, 65, &["holds no migration"]);
    Ok(())
}

#[tokio::test]
async fn a_failure_is_told_with_everything_that_helps() -> Result<()> {
    let world = world().await?;
    let wrong =
        "-- +goose Up\n-- first\nCREATE TABLE x (a int);\n\n-- then\nINSERT INTO x\n  SELECT b\n  FROM x;\n";
    let failed = run(&world, &[("00001_wrong.sql", wrong)]).await?;
    assert_fails(
        &failed,
        1,
        &["V1__wrong", "00001_wrong.sql", "line 7", "42703", "INSERT INTO x SELECT b FROM x;"],
    );
    let detailed = "-- +goose Up\nCREATE TABLE x (a int UNIQUE);\nINSERT INTO x\nVALUES (1), (1);\n";
    let failed = run(&world, &[("00001_wrong.sql", detailed)]).await?;
    assert_fails(&failed, 1, &["line 3", "23505", "detail: Key (a)=(1) already exists."]);
    let hinted = "-- +goose Up\nSELECT nosuch(1);\n";
    let failed = run(&world, &[("00001_wrong.sql", hinted)]).await?;
    assert_fails(&failed, 1, &["line 2", "42883", "hint: No function matches"]);
    let told =
        failed.json().into_iter().find(|line| line["sqlstate"] == "42883").expect("a line with fields");
    assert_eq!((&told["line"], &told["migration"]), (&2.into(), &"V1__wrong".into()));
    assert!(told["file"].as_str().is_some_and(|file| file.ends_with("/00001_wrong.sql")), "{told}");
    Ok(())
}

#[tokio::test]
async fn no_line_is_lost_behind_a_notice_of_the_servers() -> Result<()> {
    let world = world().await?;
    let notice = "-- +goose Up\nDROP TABLE IF EXISTS nosuch;\n";
    let done = run(&world, &[("00001_notice.sql", notice)]).await?;
    assert_code(&done, 0);
    assert!(done.output().contains("applied V1__notice"), "{}", done.output());
    Ok(())
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() -> Result<()> {
    let world = world().await?;
    let folder = write(&world, &[("00001_slow.sql", "-- +goose Up\nSELECT pg_sleep(100);\n")])?;
    let run = over(&world, &folder).env("MIGRATION_STATEMENT_TIMEOUT", "50ms").run().await?;
    assert_fails(&run, 1, &["V1__slow", "57014", "statement timeout"]);
    Ok(())
}

#[tokio::test]
async fn limits_that_a_migration_sets_end_with_it() -> Result<()> {
    let world = world().await?;
    let sets = ("00001_sets.sql", "-- +goose Up\nSET statement_timeout = 0;\nSET lock_timeout = 0;\n");
    let keeps = "-- +goose Up\nCREATE TABLE x AS SELECT current_setting('lock_timeout') AS lock;\n";
    assert_code(&run(&world, &[sets, ("00002_keeps.sql", keeps)]).await?, 0);
    let lock: String =
        sqlx::query_scalar("SELECT lock FROM x").fetch_one(&mut world.connect().await?).await?;
    assert_eq!(lock, "5s");
    Ok(())
}
