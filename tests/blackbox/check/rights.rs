//! The role's rights: what `check` says of a lack, and that a run ends with the same code.

use sqlx::postgres::PgConnection;
use testbed::{Result, World};

use super::super::{assert_code, execute, world};
use super::symptoms::{self, Symptom};
use super::{Checked, check};

/// The ledgers as goose has left them before it made identity columns, version 6 pending.
const OLD_LEDGER: &str = "DROP TABLE goose_db_version; CREATE TABLE goose_db_version (id serial PRIMARY KEY, \
    version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now()); \
    INSERT INTO goose_db_version (version_id, is_applied) SELECT version, true FROM generate_series(0, 5) AS version; \
    DELETE FROM refinery_schema_history WHERE version = 6; \
    GRANT SELECT, INSERT, UPDATE ON goose_db_version TO PUBLIC; GRANT ALL ON refinery_schema_history TO PUBLIC";

const WITHOUT_SIX: &str = "DELETE FROM goose_db_version WHERE version_id = 6; \
    DELETE FROM refinery_schema_history WHERE version = 6;";

/// A database with every migration, whose ledgers and schema are another role's.
async fn migrated() -> Result<(World<'static>, PgConnection)> {
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let mut database = world.connect().await?;
    execute(
        &mut database,
        "ALTER TABLE goose_db_version OWNER TO postgres; ALTER TABLE refinery_schema_history OWNER TO postgres; \
         ALTER SCHEMA public OWNER TO postgres; REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )
    .await?;
    Ok((world, database))
}

/// Checks, then runs, and expects the same code of both.
async fn check_and_run(world: &World<'_>, code: i32) -> Result<Checked> {
    let checked = check(world.init()).await?;
    let run = world.init().run().await?;
    assert_eq!((checked.run.code(), run.code()), (Some(code), Some(code)), "{}", run.output());
    Ok(checked)
}

#[tokio::test]
async fn a_lack_fails_with_the_code_of_a_run() -> Result<()> {
    let six = |grants: &str| format!("{WITHOUT_SIX} GRANT CREATE ON SCHEMA public TO PUBLIC; {grants}");
    let cases: [(&Symptom, i32, String); 9] = [
        (
            &symptoms::NO_CREATE,
            77,
            "DROP TABLE refinery_schema_history; GRANT ALL ON goose_db_version TO PUBLIC".into(),
        ),
        (
            &symptoms::NO_INSERT,
            77,
            "DELETE FROM refinery_schema_history WHERE version = 3; GRANT SELECT ON refinery_schema_history TO PUBLIC; \
             GRANT ALL ON goose_db_version TO PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC"
                .into(),
        ),
        (
            &symptoms::NO_INSERT,
            77,
            "DELETE FROM refinery_schema_history WHERE version = 3; GRANT ALL ON refinery_schema_history TO PUBLIC; \
             GRANT SELECT, UPDATE ON goose_db_version TO PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC"
                .into(),
        ),
        (
            &symptoms::NO_DELETE,
            77,
            "DELETE FROM goose_db_version WHERE version_id = 6; GRANT ALL ON goose_db_version TO PUBLIC; \
             GRANT CREATE ON SCHEMA public TO PUBLIC; GRANT SELECT, INSERT ON refinery_schema_history TO PUBLIC"
                .into(),
        ),
        (
            &symptoms::NO_LOCK,
            1,
            six("GRANT SELECT, INSERT ON goose_db_version, refinery_schema_history TO PUBLIC"),
        ),
        (
            &symptoms::NO_INSERT,
            1,
            six("GRANT ALL ON goose_db_version TO PUBLIC; GRANT SELECT ON refinery_schema_history TO PUBLIC"),
        ),
        (
            &symptoms::NO_SEQUENCE,
            1,
            format!("{OLD_LEDGER}; GRANT CREATE ON SCHEMA public TO PUBLIC"),
        ),
        (
            &symptoms::NOT_OWNER,
            1,
            six("GRANT ALL ON goose_db_version, refinery_schema_history TO PUBLIC; \
                 ALTER TABLE audit_events OWNER TO postgres"),
        ),
        (&symptoms::LEDGER_DENIED, 77, "GRANT SELECT ON refinery_schema_history TO PUBLIC".into()),
    ];
    for (symptom, code, change) in cases {
        let (world, mut database) = migrated().await?;
        execute(&mut database, &change).await?;
        check_and_run(&world, code).await?.assert_fails(symptom, code);
    }
    Ok(())
}

#[tokio::test]
async fn what_a_run_does_not_need_is_a_warning() -> Result<()> {
    for change in [
        // Nothing to do.
        "GRANT SELECT ON goose_db_version, refinery_schema_history TO PUBLIC",
        // Rows in refinery's ledger only, and tables of another owner.
        "DELETE FROM refinery_schema_history WHERE version = 3; ALTER TABLE tokens OWNER TO postgres; \
         GRANT SELECT, INSERT ON goose_db_version, refinery_schema_history TO PUBLIC",
    ] {
        let (world, mut database) = migrated().await?;
        execute(&mut database, change).await?;
        check_and_run(&world, 0).await?.assert_told(&symptoms::NOT_NEEDED);
    }
    Ok(())
}

#[tokio::test]
async fn the_rights_that_are_documented_suffice() -> Result<()> {
    let granted = format!(
        "{WITHOUT_SIX} GRANT SELECT, INSERT, UPDATE ON goose_db_version TO PUBLIC; \
         GRANT SELECT, INSERT ON refinery_schema_history TO PUBLIC"
    );
    let old = format!("{OLD_LEDGER}; GRANT USAGE ON SEQUENCE goose_db_version_id_seq TO PUBLIC");
    for change in [granted, old] {
        let (world, mut database) = migrated().await?;
        execute(&mut database, &change).await?;
        execute(&mut database, "GRANT CREATE ON SCHEMA public TO PUBLIC").await?;
        check_and_run(&world, 0).await?.assert_ok("postgres-rights", &["schema public"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_run_that_always_locks_needs_more() -> Result<()> {
    let (world, mut database) = migrated().await?;
    let change = "GRANT SELECT, UPDATE ON goose_db_version TO PUBLIC; \
        GRANT ALL ON refinery_schema_history TO PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC";
    execute(&mut database, change).await?;
    let always = || world.init().env("ALWAYS_LOCK", "true");
    check(always()).await?.assert_fails(&symptoms::NO_INSERT, 77);
    assert_code(&always().run().await?, 77);
    Ok(())
}
