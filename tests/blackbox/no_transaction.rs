//! Migrations that run without a transaction, and what a failure leaves of them.

use sqlx::postgres::PgConnection;
use testbed::{Result, World};

use super::busy::wait_until;
use super::folder::{over, write};
use super::{assert_code, assert_fails, execute, goose_ledger, refinery_ledger, world};

const TABLE: (&str, &str) = ("00001_table.sql", "-- +goose Up\nCREATE TABLE t (a int);\n");

fn concurrently(head: &str) -> String {
    format!("-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE IF NOT EXISTS early ();\n{head} t (a);\n")
}

/// A database with the table in it, and `rows`.
async fn world_with_rows(rows: &str) -> Result<(World<'static>, PgConnection)> {
    let world = world().await?;
    let folder = write(&world, &[TABLE])?;
    assert_code(&over(&world, &folder).run().await?, 0);
    let mut database = world.connect().await?;
    execute(&mut database, &format!("INSERT INTO t VALUES {rows}")).await?;
    Ok((world, database))
}

async fn indexes(database: &mut PgConnection) -> Result<Vec<(String, bool)>> {
    let all = "SELECT relname::text, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid \
               WHERE indrelid = 't'::regclass ORDER BY relname";
    Ok(sqlx::query_as(all).fetch_all(database).await?)
}

#[tokio::test]
async fn a_half_done_migration_is_run_again_without_its_ruin() -> Result<()> {
    let (long, cut) = ("l".repeat(70), "l".repeat(63));
    let long = format!("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {long} ON");
    for (head, index) in [
        ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS Idx_Ä ON", "idx_Ä"),
        ("CREATE UNIQUE INDEX CONCURRENTLY t_a ON", "t_a"),
        ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"T a\" ON", "T a"),
        ("CREATE UNIQUE INDEX CONCURRENTLY ON public.", "t_a_idx"),
        (long.as_str(), cut.as_str()),
    ] {
        let (world, mut database) = world_with_rows("(1), (1)").await?;
        let index_file = concurrently(head).replace(". t", ".t");
        let folder = write(&world, &[TABLE, ("00002_index.sql", &index_file)])?;
        let failed = over(&world, &folder).run().await?;
        assert_fails(
            &failed,
            1,
            &["V2__index", "line 4", "23505", "earlier statements did stays", "invalid index", index],
        );
        assert_eq!(goose_ledger(&mut database).await?.last(), Some(&(1, true)));
        assert_eq!(indexes(&mut database).await?, [(index.to_owned(), false)]);
        execute(&mut database, "SELECT FROM early; TRUNCATE t").await?;
        let plan = over(&world, &folder).arg("migrate").arg("plan").run().await?;
        assert!(plan.output().contains("DROP INDEX CONCURRENTLY IF EXISTS public."), "{}", plan.output());
        let again = over(&world, &folder).run().await?;
        assert_code(&again, 0);
        assert!(again.output().contains("dropping the invalid index"), "{}", again.output());
        assert_eq!(indexes(&mut database).await?, [(index.to_owned(), true)]);
        assert_eq!(goose_ledger(&mut database).await?.last(), Some(&(2, true)));
    }
    Ok(())
}

#[tokio::test]
async fn an_index_of_that_name_on_another_table_is_left_alone() -> Result<()> {
    let (world, mut database) = world_with_rows("(1)").await?;
    let other = format!(
        "CREATE SCHEMA other AUTHORIZATION {0}; SET ROLE {0}; CREATE TABLE other.u (a int); \
         INSERT INTO other.u VALUES (1), (1)",
        world.database
    );
    execute(&mut database, &other).await?;
    let ruin = execute(&mut database, "CREATE UNIQUE INDEX CONCURRENTLY t_a ON other.u (a)").await;
    assert!(ruin.is_err(), "two equal rows went into a unique index");
    let index_file = concurrently("CREATE INDEX CONCURRENTLY t_a ON");
    let folder = write(&world, &[TABLE, ("00002_index.sql", &index_file)])?;
    assert_code(&over(&world, &folder).run().await?, 0);
    assert_eq!(indexes(&mut database).await?, [("t_a".to_owned(), true)]);
    execute(&mut database, "DROP INDEX other.t_a").await
}

#[tokio::test]
async fn a_ruin_is_looked_for_where_the_migration_builds() -> Result<()> {
    let (world, mut database) = world_with_rows("(1)").await?;
    let schema = format!(
        "CREATE SCHEMA app AUTHORIZATION {0}; SET ROLE {0}; CREATE TABLE app.u (a int); \
         INSERT INTO app.u VALUES (1), (1)",
        world.database
    );
    execute(&mut database, &schema).await?;
    let index_file = "-- +goose NO TRANSACTION\n-- +goose Up\nSET search_path TO app, public;\n\
                      CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS u_a ON u (a);\n";
    let folder = write(&world, &[TABLE, ("00002_index.sql", index_file)])?;
    assert_fails(&over(&world, &folder).run().await?, 1, &["23505", "the invalid index app.u_a"]);
    execute(&mut database, "TRUNCATE app.u").await?;
    let again = over(&world, &folder).run().await?;
    assert_code(&again, 0);
    assert!(again.output().contains("dropping the invalid index app.u_a"), "{}", again.output());
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.u_a'::regclass";
    assert!(sqlx::query_scalar::<_, bool>(valid).fetch_one(&mut database).await?);
    Ok(())
}

#[tokio::test]
async fn another_ruin_on_the_table_is_left_alone() -> Result<()> {
    let (world, mut database) = world_with_rows("(1), (1)").await?;
    let ruin = execute(&mut database, "CREATE UNIQUE INDEX CONCURRENTLY other_idx ON t (a)").await;
    assert!(ruin.is_err(), "two equal rows went into a unique index");
    let index_file = concurrently("CREATE INDEX CONCURRENTLY ON");
    let folder = write(&world, &[TABLE, ("00002_index.sql", &index_file)])?;
    assert_code(&over(&world, &folder).run().await?, 0);
    let expected = [("other_idx".to_owned(), false), ("t_a_idx".to_owned(), true)];
    assert_eq!(indexes(&mut database).await?, expected);
    Ok(())
}

#[tokio::test]
async fn an_index_that_another_session_builds_is_no_ruin() -> Result<()> {
    let (world, mut database) = world_with_rows("(1)").await?;
    execute(&mut database, "BEGIN; INSERT INTO t VALUES (2)").await?;
    let mut builder = world.connect().await?;
    execute(&mut builder, "SET application_name = 'llm-proxy-init/builder'").await?;
    let building =
        tokio::spawn(
            async move { execute(&mut builder, "CREATE INDEX CONCURRENTLY t_a ON t (a)").await.is_ok() },
        );
    wait_until(&world, "wait_event = 'virtualxid'", 1).await?;
    let index_file = concurrently("CREATE INDEX CONCURRENTLY IF NOT EXISTS t_a ON");
    let folder = write(&world, &[TABLE, ("00002_index.sql", &index_file)])?;
    let mut run = over(&world, &folder).start()?;
    let line = run.wait_for("attempt 1 of 6, trying again").await?;
    assert!(line.contains("another session is building an index on the table of public.t_a"), "{line}");
    execute(&mut database, "COMMIT").await?;
    assert!(building.await?);
    let run = run.finish().await?;
    assert_code(&run, 0);
    assert!(!run.output().contains("dropping"), "{}", run.output());
    assert_eq!(indexes(&mut database).await?, [("t_a".to_owned(), true)]);
    Ok(())
}

#[tokio::test]
async fn building_waits_for_transactions_as_long_as_it_takes() -> Result<()> {
    let (world, mut database) = world_with_rows("(1)").await?;
    execute(&mut database, "BEGIN; INSERT INTO t VALUES (2)").await?;
    let index_file = concurrently("CREATE INDEX CONCURRENTLY t_a ON");
    let folder = write(&world, &[TABLE, ("00002_index.sql", &index_file)])?;
    let run = over(&world, &folder).env("MIGRATION_LOCK_TIMEOUT", "1ms").start()?;
    wait_until(&world, "wait_event = 'virtualxid'", 1).await?;
    execute(&mut database, "COMMIT").await?;
    let run = run.finish().await?;
    assert_code(&run, 0);
    assert!(!run.output().contains("trying again"), "{}", run.output());
    assert_eq!(indexes(&mut database).await?, [("t_a".to_owned(), true)]);
    Ok(())
}

#[tokio::test]
async fn other_statements_give_way_and_the_migration_is_run_again() -> Result<()> {
    let (world, mut database) = world_with_rows("(1)").await?;
    let alter = "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE SEQUENCE IF NOT EXISTS s;\nSELECT nextval('s');\n\
                 ALTER TABLE t ADD COLUMN b int;\n";
    let folder = write(&world, &[TABLE, ("00002_alter.sql", alter)])?;
    execute(&mut database, "BEGIN; LOCK TABLE t").await?;
    let mut run = over(&world, &folder).env("MIGRATION_LOCK_TIMEOUT", "50ms").start()?;
    run.wait_for("attempt 1 of 6, trying again").await?;
    execute(&mut database, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    let runs: i64 = sqlx::query_scalar("SELECT last_value FROM s").fetch_one(&mut database).await?;
    assert!(runs >= 2, "{runs}");
    assert_eq!(goose_ledger(&mut database).await?, [(0, true), (1, true), (2, true)]);
    Ok(())
}

#[tokio::test]
async fn a_migration_is_run_again_in_a_session_of_its_own() -> Result<()> {
    let (world, mut database) = world_with_rows("(1)").await?;
    execute(&mut database, &format!("CREATE SCHEMA app AUTHORIZATION {}", world.database)).await?;
    let dirty = "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE IF NOT EXISTS here ();\n\
                 CREATE TEMP TABLE batch (a int);\nSET search_path TO app, public;\n\
                 ALTER TABLE t ADD COLUMN b int;\n";
    let folder = write(&world, &[TABLE, ("00002_dirty.sql", dirty)])?;
    execute(&mut database, "BEGIN; LOCK TABLE t").await?;
    let mut run = over(&world, &folder).env("MIGRATION_LOCK_TIMEOUT", "50ms").start()?;
    run.wait_for("attempt 1 of 6, trying again").await?;
    execute(&mut database, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    let here = "SELECT string_agg(schemaname, ',') FROM pg_tables WHERE tablename = 'here'";
    assert_eq!(sqlx::query_scalar::<_, String>(here).fetch_one(&mut database).await?, "public");
    Ok(())
}

/// Counts its runs, in a sequence.
const COUNTED: (&str, &str) = (
    "00002_counted.sql",
    "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE SEQUENCE IF NOT EXISTS s;\nSELECT nextval('s');\n",
);

async fn runs(database: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT last_value FROM s").fetch_one(database).await?)
}

#[tokio::test]
async fn only_the_recording_is_tried_again_when_the_ledger_is_locked() -> Result<()> {
    let (world, mut database) = world_with_rows("(1)").await?;
    let folder = write(&world, &[TABLE, COUNTED])?;
    execute(&mut database, "BEGIN; LOCK TABLE goose_db_version IN ROW EXCLUSIVE MODE").await?;
    let mut run = over(&world, &folder).env("MIGRATION_LOCK_TIMEOUT", "50ms").start()?;
    run.wait_for("attempt 2 of 6, trying again").await?;
    execute(&mut database, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    assert_eq!(runs(&mut database).await?, 1);
    assert_eq!(goose_ledger(&mut database).await?, [(0, true), (1, true), (2, true)]);
    Ok(())
}

#[tokio::test]
async fn a_migration_that_can_not_be_recorded_is_told_as_done() -> Result<()> {
    let (world, mut database) = world_with_rows("(1)").await?;
    let folder = write(&world, &[TABLE, COUNTED])?;
    execute(&mut database, "BEGIN; LOCK TABLE goose_db_version IN ROW EXCLUSIVE MODE").await?;
    let run = over(&world, &folder).env("MIGRATION_LOCK_TIMEOUT", "10ms").run().await?;
    let advice = "INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, true)";
    assert_fails(&run, 1, &["V2__counted", "all its statements have run", "55P03", "pg_locks", advice]);
    execute(&mut database, &format!("{advice}; COMMIT")).await?;
    assert_code(&over(&world, &folder).run().await?, 0);
    assert_eq!(runs(&mut database).await?, 1);
    assert_eq!(refinery_ledger(&mut database).await?, [1, 2]);
    Ok(())
}

#[tokio::test]
async fn what_a_transaction_left_open_would_lose_is_run_again() -> Result<()> {
    let (world, mut database) = world_with_rows("(1)").await?;
    let open = "-- +goose NO TRANSACTION\n-- +goose Up\nBEGIN;\nINSERT INTO t VALUES (2);\n";
    let folder = write(&world, &[TABLE, ("00002_open.sql", open)])?;
    execute(&mut database, "BEGIN; LOCK TABLE goose_db_version IN ROW EXCLUSIVE MODE").await?;
    let mut run = over(&world, &folder).env("MIGRATION_LOCK_TIMEOUT", "50ms").start()?;
    run.wait_for("attempt 1 of 6, trying again").await?;
    execute(&mut database, "COMMIT").await?;
    assert_code(&run.finish().await?, 0);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(&mut database).await?;
    assert_eq!(rows, 2);
    Ok(())
}
