//! The checks of PostgreSQL, against servers that are right and wrong in each way.

use testbed::{BlackHole, Certificate, PgBouncer, Postgres, Result, Testbed, World};

use super::super::busy::{ledger_locked, wait_until_looking};
use super::super::faults::through_tcp_proxy;
use super::super::{assert_code, execute, world};
use super::{Checked, check, symptoms};

/// Checks the database behind this query.
async fn with_query(world: &World<'_>, query: &str) -> Result<Checked> {
    check(world.init().env("DATABASE_URL", world.database_url(query))).await
}

#[tokio::test]
async fn a_name_without_an_address() -> Result<()> {
    let world = world().await?;
    let checked = check(world.init().env("DATABASE_URL", "postgres://u@no-such-host.invalid/d")).await?;
    checked.assert_fails(&symptoms::NO_NAME, 69);
    Ok(())
}

#[tokio::test]
async fn a_socket_needs_no_network() -> Result<()> {
    let world = world().await?;
    let folder: String =
        sqlx::query_scalar("SHOW unix_socket_directories").fetch_one(&mut world.connect().await?).await?;
    let url = world.database_url(&format!("?host={folder}"));
    let checked = check(world.init().env("DATABASE_URL", url)).await?;
    assert_code(&checked.run, 0);
    checked.assert_ok("postgres-tls", &["through the socket in", &folder]);
    checked.assert_ok("postgres-login", &["without TLS"]);
    Ok(())
}

#[tokio::test]
async fn a_port_that_refuses() -> Result<()> {
    let world = world().await?;
    let checked = check(world.init().env("DATABASE_URL", "postgres://u@127.0.0.1:1/d")).await?;
    checked.assert_fails(&symptoms::REFUSED, 69);
    Ok(())
}

#[tokio::test]
async fn a_port_behind_a_wall() -> Result<()> {
    let world = world().await?;
    let black_hole = BlackHole::start().await?;
    let checked =
        check(world.init().env("DATABASE_URL", world.database_url_through(black_hole.port, ""))).await?;
    checked.assert_fails(&symptoms::DROPPED, 69);
    Ok(())
}

#[tokio::test]
async fn what_never_answers_is_given_up_in_time() -> Result<()> {
    let world = world().await?;
    let (proxy, init) = through_tcp_proxy(&world).await?;
    proxy.freeze();
    let checked = check(init).await?;
    checked.assert_fails(&symptoms::SILENT, 69);
    Ok(())
}

#[tokio::test]
async fn a_server_of_another_kind() -> Result<()> {
    let world = world().await?;
    let port = world.testbed.aws.endpoint.rsplit(':').next().unwrap_or_default().parse()?;
    let checked = check(world.init().env("DATABASE_URL", world.database_url_through(port, ""))).await?;
    checked.assert_fails(&symptoms::NO_POSTGRES, 69);
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_verifies() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let world = world().await?;
    let ca = world.testbed.postgres.certificates.authority.display();
    let checked = with_query(&world, &format!("?sslmode=verify-full&sslrootcert={ca}")).await?;
    checked.assert_ok("postgres-tls", &["TLS 1.3", "1 certificates", "verified for 127.0.0.1"]);
    checked.assert_ok("postgres-login", &["over TLSv1.3"]);
    let checked = with_query(&world, &format!("?sslmode=verify-ca&sslrootcert={ca}")).await?;
    checked.assert_told(&symptoms::COULD_VERIFY);
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_does_not_verify() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let world = world().await?;
    let certificates = &world.testbed.postgres.certificates;
    let (ca, stranger) = (certificates.authority.display(), certificates.stranger.display());
    let checked = with_query(&world, &format!("?sslmode=verify-full&sslrootcert={stranger}")).await?;
    checked.assert_fails(&symptoms::WRONG_CA, 69);
    let checked = with_query(&world, "?sslmode=verify-full").await?;
    checked.assert_fails(&symptoms::WRONG_CA, 69);
    let url = world.database_url(&format!("?sslmode=verify-full&sslrootcert={ca}"));
    let checked = check(world.init().env("DATABASE_URL", url.replace("@127.0.0.1", "@localhost"))).await?;
    checked.assert_fails(&symptoms::WRONG_NAME, 69);
    let checked = with_query(&world, "?sslmode=require").await?;
    checked.assert_told(&symptoms::UNVERIFIED);
    assert_code(&checked.run, 0);
    let checked = with_query(&world, "?sslmode=verify-full&sslrootcert=/no/such/ca.pem").await?;
    checked.assert_fails(&symptoms::NO_CA_FILE, 64);
    let checked = with_query(&world, &format!("?sslcert=/no/such/client.pem&sslkey={ca}")).await?;
    checked.assert_fails(&symptoms::NO_CLIENT_FILE, 64);
    let checked = with_query(&world, "?sslmode=disable").await?;
    checked.assert_told(&symptoms::TLS_OFF);
    Ok(())
}

/// A server of the world's own that is stopped.
async fn stopped_server(world: &World<'_>) -> Result<Postgres> {
    let server = Postgres::create()?;
    server.start()?;
    server.create_database(&world.database, &world.password).await?;
    server.stop()?;
    Ok(server)
}

#[tokio::test]
async fn a_certificate_that_is_over_or_soon_will_be() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let world = world().await?;
    let server = stopped_server(&world).await?;
    let query = format!("?sslmode=verify-full&sslrootcert={}", server.certificates.authority.display());
    for (kind, symptom) in [
        (Certificate::Expired, &symptoms::EXPIRED),
        (Certificate::OtherName, &symptoms::WRONG_NAME),
        (Certificate::EndsSoon, &symptoms::ENDS_SOON),
    ] {
        server.certify(kind)?;
        server.start()?;
        let url = world.database_url_through(server.port, &query);
        let checked = check(world.init().env("DATABASE_URL", url)).await?;
        checked.assert_told(symptom);
        assert_code(&checked.run, if symptom.level == "fail" { 69 } else { 0 });
        server.stop()?;
    }
    Ok(())
}

#[tokio::test]
async fn plain_text_where_tls_is_asked_for() -> Result<()> {
    let world = world().await?;
    let server = stopped_server(&world).await?;
    server.start_without_tls()?;
    let with = |query: &str| world.init().env("DATABASE_URL", world.database_url_through(server.port, query));
    check(with("?sslmode=verify-full")).await?.assert_fails(&symptoms::NO_TLS, 69);
    let checked = check(with("?sslmode=prefer")).await?;
    checked.assert_told(&symptoms::NO_TLS_AT_ALL);
    checked.assert_ok("postgres-login", &["without TLS"]);
    Ok(())
}

#[tokio::test]
async fn a_login_that_is_refused() -> Result<()> {
    let world = world().await?;
    let url = world.database_url("");
    let checked = check(world.init().env("DATABASE_URL", url.replace(&world.password, "wrong"))).await?;
    checked.assert_fails(&symptoms::WRONG_PASSWORD, 77);
    let elsewhere = format!("{}/no_such_database", url.rsplit_once('/').map_or("", |(server, _)| server));
    let checked = check(world.init().env("DATABASE_URL", elsewhere)).await?;
    checked.assert_fails(&symptoms::NO_DATABASE, 78);
    Ok(())
}

#[tokio::test]
async fn a_server_that_takes_its_time() -> Result<()> {
    let world = world().await?;
    // As a cluster that wakes from zero: the connection stands, the login takes long.
    let checked = with_query(&world, "?post_auth_delay=5").await?;
    checked.assert_told(&symptoms::WAKING);
    let server = stopped_server(&world).await?;
    server.start_not_accepting()?;
    let init = world.init().env("DATABASE_URL", world.database_url_through(server.port, ""));
    let checked = check(init.env("DB_CONNECT_TIMEOUT", "1s")).await?;
    checked.assert_fails(&symptoms::NOT_YET, 69);
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_read_only() -> Result<()> {
    let world = world().await?;
    let checked = with_query(&world, "?default_transaction_read_only=on").await?;
    checked.assert_fails(&symptoms::READ_ONLY, 78);
    Ok(())
}

#[tokio::test]
async fn a_role_without_rights() -> Result<()> {
    let world = world().await?;
    let mut database = world.connect().await?;
    execute(
        &mut database,
        "ALTER SCHEMA public OWNER TO postgres; REVOKE CREATE ON SCHEMA public FROM public",
    )
    .await?;
    check(world.init()).await?.assert_fails(&symptoms::NO_CREATE, 77);
    execute(&mut database, "GRANT CREATE ON SCHEMA public TO public; CREATE TABLE tokens ()").await?;
    check(world.init()).await?.assert_fails(&symptoms::NOT_OWNER, 1);
    assert_code(&world.init().run().await?, 1);
    let checked = with_query(&world, "?search_path=nowhere").await?;
    checked.assert_fails(&symptoms::NO_SCHEMA, 78);
    execute(&mut database, "DROP TABLE tokens").await?;
    assert_code(&world.init().run().await?, 0);
    execute(&mut database, "ALTER TABLE tokens OWNER TO postgres").await?;
    let checked = check(world.init()).await?;
    checked.assert_told(&symptoms::NOT_NEEDED);
    assert_code(&checked.run, 0);
    Ok(())
}

#[tokio::test]
async fn ledgers_that_nobody_can_follow() -> Result<()> {
    let world = world().await?;
    let checked = check(world.init()).await?;
    checked.assert_told(&symptoms::GOOSE_FIRST);
    assert_code(&checked.run, 0);
    assert_code(&world.init().run().await?, 0);
    let mut database = world.connect().await?;
    execute(&mut database, "UPDATE refinery_schema_history SET checksum = '42' WHERE version = 3").await?;
    check(world.init()).await?.assert_fails(&symptoms::DIVERGENT, 1);
    execute(&mut database, "DELETE FROM refinery_schema_history WHERE version = 3").await?;
    execute(&mut database, "DELETE FROM goose_db_version WHERE version_id = 5").await?;
    let checked = check(world.init()).await?;
    checked.assert_fails(&symptoms::GAP, 1);
    checked.assert_told(&symptoms::GOOSE_GAP);
    execute(&mut database, "DELETE FROM goose_db_version WHERE version_id > 3").await?;
    check(world.init()).await?.assert_fails(&symptoms::GOOSE_REPEATS, 1);
    execute(&mut database, "DELETE FROM goose_db_version").await?;
    check(world.init()).await?.assert_fails(&symptoms::GOOSE_EMPTY, 1);
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_is_locked() -> Result<()> {
    let world = world().await?;
    let _blocker = ledger_locked(&world).await?;
    let run = world.init().env("MIGRATION_LOCK_TIMEOUT", "100ms");
    let (checked, run) = tokio::join!(check(world.init()), run.run());
    let checked = checked?;
    checked.assert_fails(&symptoms::LEDGER_LOCKED, 1);
    checked.assert_ok("postgres-rights", &["schema public"]);
    checked.assert_ok("postgres-pooler", &[]);
    assert_code(&run?, 1);
    Ok(())
}

#[tokio::test]
async fn a_server_that_falls_silent_after_the_login() -> Result<()> {
    let world = world().await?;
    let _blocker = ledger_locked(&world).await?;
    let (proxy, init) = through_tcp_proxy(&world).await?;
    let freeze = async {
        wait_until_looking(&world).await?;
        proxy.freeze();
        Ok::<_, testbed::Error>(())
    };
    let (checked, frozen) = tokio::join!(check(init), freeze);
    frozen?;
    let checked = checked?;
    checked.assert_fails(&symptoms::LEDGER_SILENT, 69);
    assert_eq!(checked.line("postgres-rights")["what"], "not tried: it needs postgres-ledgers");
    Ok(())
}

#[tokio::test]
async fn the_applications_lock_is_seen_when_it_is_held() -> Result<()> {
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let mut holder = world.connect().await?;
    execute(&mut holder, "SELECT pg_advisory_lock(3141592653)").await?;
    let checked = check(world.init()).await?;
    checked.assert_told(&symptoms::GOOSE_LOCKED);
    assert_code(&checked.run, 0);
    Ok(())
}

#[tokio::test]
async fn a_pooler_in_between() -> Result<()> {
    for mode in
        ["transaction", "transaction\nserver_round_robin = 1\nmin_pool_size = 3", "statement", "session"]
    {
        let world = world().await?;
        assert_code(&world.init().run().await?, 0);
        let server = &world.testbed.postgres;
        let Some(pooler) = PgBouncer::start(server, &world.database, &world.password, mode)? else {
            return Ok(());
        };
        let behind = || world.init().env("DATABASE_URL", world.database_url_through(pooler.port, ""));
        let is_shared = mode != "session";
        let idle = check(behind()).await?;
        idle.assert_ok("postgres-ledgers", &["version 6"]);
        assert_code(&idle.run, 0);
        assert_code(&behind().run().await?, 0);
        execute(&mut world.connect().await?, "DELETE FROM goose_db_version WHERE version_id = 6").await?;
        let checked = check(behind()).await?;
        if is_shared {
            idle.assert_told(&symptoms::POOLER_UNUSED);
            checked.assert_fails(&symptoms::POOLER, 64);
        } else {
            checked.assert_ok("postgres-pooler", &["PgBouncer", "session mode"]);
        }
        assert_code(&behind().run().await?, if is_shared { 64 } else { 0 });
    }
    Ok(())
}

#[tokio::test]
async fn a_pooler_stops_a_run_before_a_lack_of_rights_does() -> Result<()> {
    let world = world().await?;
    let server = &world.testbed.postgres;
    let Some(pooler) = PgBouncer::start(server, &world.database, &world.password, "transaction")? else {
        return Ok(());
    };
    let change = "ALTER SCHEMA public OWNER TO postgres; REVOKE CREATE ON SCHEMA public FROM PUBLIC";
    execute(&mut world.connect().await?, change).await?;
    let behind = || world.init().env("DATABASE_URL", world.database_url_through(pooler.port, ""));
    let checked = check(behind()).await?;
    checked.assert_fails(&symptoms::POOLER, 64);
    checked.assert_told(&symptoms::NO_CREATE);
    assert_code(&behind().run().await?, 64);
    Ok(())
}
