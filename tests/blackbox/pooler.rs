//! PgBouncer between the program and the server.

use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row};
use testbed::{Init, PgBouncer, Result, Testbed, World};

use super::{assert_code, assert_fails, execute, full_goose_ledger, goose_ledger, world};

/// A pooler with that `pool_mode`, and the program behind it; `None` where there is no
/// PgBouncer.
fn pooled(world: &World<'_>, mode: &str) -> Result<Option<(PgBouncer, Init)>> {
    let server = &Testbed::shared().postgres;
    let Some(pooler) = PgBouncer::start(server, &world.database, &world.password, mode)? else {
        return Ok(None);
    };
    let url = world.database_url_through(pooler.port, "?sslmode=disable");
    let init = world.init().env("DATABASE_URL", url);
    Ok(Some((pooler, init)))
}

#[tokio::test]
async fn shared_sessions_are_refused_before_anything_is_set_in_them() -> Result<()> {
    for mode in ["transaction", "statement", "transaction\nserver_round_robin = 1"] {
        let world = world().await?;
        let Some((pooler, init)) = pooled(&world, mode)? else { return Ok(()) };
        assert_fails(&init.run().await?, 64, &["pooler", "PgBouncer", "connect to the server itself"]);
        let mut database = world.connect().await?;
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut database).await?, 0);
        assert_eq!(world.account.lock_item().await?, None);
        // The next client of the pool finds its sessions as they were.
        let url = world.database_url_through(pooler.port, "?sslmode=disable");
        // PgBouncer refuses a parameter that the driver asks for by default.
        let options = PgConnectOptions::from_str(&url)?.extra_float_digits(None);
        let mut client = PgConnection::connect_with(&options).await?;
        let set = "SELECT current_setting('lock_timeout') || current_setting('tcp_user_timeout')";
        let set: String = sqlx::raw_sql(set).fetch_one(&mut client).await?.try_get(0)?;
        assert_eq!(set, "00", "{mode}");
    }
    Ok(())
}

#[tokio::test]
async fn with_nothing_to_migrate_shared_sessions_do() -> Result<()> {
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let Some((_pooler, init)) = pooled(&world, "transaction")? else { return Ok(()) };
    let run = init.run().await?;
    assert_code(&run, 0);
    assert!(run.output().contains("the lock is not needed"), "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn a_pool_in_session_mode_is_as_good_as_the_server() -> Result<()> {
    let world = world().await?;
    let Some((_pooler, init)) = pooled(&world, "session")? else { return Ok(()) };
    assert_code(&init.run().await?, 0);
    let mut database = world.connect().await?;
    assert_eq!(goose_ledger(&mut database).await?, full_goose_ledger());
    execute(&mut database, "DELETE FROM goose_db_version WHERE version_id = 6").await?;
    assert_code(&init.run().await?, 0);
    Ok(())
}
