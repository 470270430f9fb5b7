//! The database connection: addresses, TLS, patience and refusals.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use llm_proxy_init::database::Database;
use llm_proxy_init::settings::{Settings, Source};
use sqlx::AssertSqlSafe;
use testbed::{Finished, Init, Postgres, Result, TcpProxy, Testbed, World};

use super::{assert_code, assert_fails, world};

#[tokio::test]
async fn libpqs_variables_stand_in_for_the_url() -> Result<()> {
    let world = world().await?;
    let init = world.init().without("DATABASE_URL").env("PGHOST", "127.0.0.1");
    let init = init.env("PGPORT", world.testbed.postgres.port.to_string());
    let init = init.env("PGUSER", &world.database).env("PGDATABASE", &world.database);
    assert_code(&init.env("PGPASSWORD", &world.password).run().await?, 0);
    Ok(())
}

/// The program with libpq's variables in place of the URL, and those of them empty that have
/// no say.
fn with_empty_variables(world: &World<'_>) -> Init {
    let init = world.init().without("DATABASE_URL").env("PGHOST", "127.0.0.1");
    let init = init.env("PGPORT", world.testbed.postgres.port.to_string());
    let init = init.env("PGUSER", &world.database).env("PGPASSWORD", &world.password);
    let empty =
        ["PGHOSTADDR", "PGDATABASE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGOPTIONS"];
    empty.into_iter().fold(init, |init, name| init.env(name, ""))
}

#[tokio::test]
async fn an_empty_variable_of_libpqs_is_an_unset_one() -> Result<()> {
    let world = world().await?;
    assert_code(&with_empty_variables(&world).run().await?, 0);
    let beside_a_url = with_empty_variables(&world).env("DATABASE_URL", world.database_url(""));
    assert_code(&beside_a_url.arg("status").run().await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_empty_password_leaves_it_to_the_password_file() -> Result<()> {
    let world = world().await?;
    let file = world.config_folder().join("pgpass");
    std::fs::write(&file, format!("*:*:*:*:{}\n", world.password))?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    let run = with_empty_variables(&world).env("PGPASSWORD", "").env("PGPASSFILE", file).run().await?;
    assert_code(&run, 0);
    Ok(())
}

/// Without `/proc` the program does not find itself.
#[tokio::test]
async fn empty_variables_that_stay_are_named() -> Result<()> {
    let world = world().await?;
    let Some(init) = world.init_in_own_mounts("mount -t tmpfs none /proc") else { return Ok(()) };
    assert_fails(&init.env("PGUSER", "").env("PGSSLKEY", "").run().await?, 64, &["PGSSLKEY, PGUSER"]);
    Ok(())
}

#[tokio::test]
async fn an_address_of_ipv6_is_reached() -> Result<()> {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("testbed: SKIPPED, there is no IPv6 here");
        return Ok(());
    }
    let world = world().await?;
    let proxy = TcpProxy::start_on("::1", world.testbed.postgres.port).await?;
    let url = world.database_url_through(proxy.port(), "").replace("127.0.0.1", "[::1]");
    let init = world.init().env("DATABASE_URL", url).env("DB_CONNECT_TIMEOUT", "20s");
    assert_code(&init.run().await?, 0);
    assert_code(&init.arg("check").run().await?, 0);
    Ok(())
}

/// Runs with the given query; also returns whether the server saw TLS.
async fn with_query(query: &str, host: &str) -> Result<(Finished, bool)> {
    let world = world().await?;
    let url = world.database_url(query).replace("127.0.0.1", host);
    let run = world.init().env("DATABASE_URL", url).env("DB_CONNECT_TIMEOUT", "20s").run().await?;
    let log = world.testbed.postgres.log();
    let session = format!("user={0} database={0} application_name=llm-proxy-init/", world.database);
    let encrypted = log.lines().any(|line| line.contains(&session) && line.contains("SSL enabled"));
    Ok((run, encrypted))
}

#[tokio::test]
async fn each_sslmode_connects_as_it_says() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let ca = Testbed::shared().postgres.certificates.authority.display();
    for (query, host, encrypted) in [
        ("?sslmode=disable".to_owned(), "127.0.0.1", false),
        ("?sslmode=prefer".to_owned(), "127.0.0.1", true),
        ("?sslmode=require".to_owned(), "127.0.0.1", true),
        (format!("?sslmode=verify-ca&sslrootcert={ca}"), "localhost", true),
        (format!("?sslmode=verify-full&sslrootcert={ca}"), "127.0.0.1", true),
    ] {
        let (run, was_encrypted) = with_query(&query, host).await?;
        assert_code(&run, 0);
        assert_eq!(was_encrypted, encrypted, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_is_refused_at_once() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let certificates = &Testbed::shared().postgres.certificates;
    let (ca, stranger) = (certificates.authority.display(), certificates.stranger.display());
    for (query, host) in [
        (format!("?sslmode=verify-full&sslrootcert={stranger}"), "127.0.0.1"),
        (format!("?sslmode=verify-ca&sslrootcert={stranger}"), "127.0.0.1"),
        (format!("?sslmode=require&sslrootcert={stranger}"), "127.0.0.1"),
        ("?sslmode=verify-full".to_owned(), "127.0.0.1"),
        (format!("?sslmode=verify-full&sslrootcert={ca}"), "localhost"),
    ] {
        let (run, _) = with_query(&query, host).await?;
        assert_fails(&run, 69, &["TLS", "certificate", "sslrootcert"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_root_certificate_that_is_missing_is_named() -> Result<()> {
    let (run, _) = with_query("?sslmode=verify-full&sslrootcert=/no/such/ca.pem", "127.0.0.1").await?;
    assert_fails(&run, 64, &["/no/such/ca.pem"]);
    Ok(())
}

/// The testbed's authority, in a file that root alone may read.
#[tokio::test]
async fn a_root_certificate_that_can_not_be_read_is_named() -> Result<()> {
    let world = world().await?;
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        eprintln!("testbed: SKIPPED, only root may become another user");
        return Ok(());
    }
    let closed =
        "mount -t tmpfs -o mode=1777 none \"$folder\"; touch \"$folder/ca.pem\"; chmod 600 \"$folder/ca.pem\"
        set -- setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
    let Some(init) = world.init_in_own_mounts(closed) else { return Ok(()) };
    let file = world.config_folder().join("ca.pem");
    let url = world.database_url(&format!("?sslmode=verify-full&sslrootcert={}", file.display()));
    let run = init.env("DATABASE_URL", url).run().await?;
    assert_code(&run, 64);
    assert!(run.output().contains("ca.pem: Permission denied"), "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_used_of_a_client_certificate_is_named() -> Result<()> {
    let world = world().await?;
    let authority = Testbed::shared().postgres.certificates.authority.display().to_string();
    let folder = world.config_folder().display().to_string();
    for (certificate, key, words) in [
        ("/no/such/c.pem", authority.as_str(), ["client certificate /no/such/c.pem", "sslcert"]),
        (authority.as_str(), "/no/such/c.key", ["client key /no/such/c.key", "sslkey"]),
        (folder.as_str(), authority.as_str(), ["Is a directory", "sslcert"]),
        (authority.as_str(), "", ["sslcert", "sslkey"]),
        ("", authority.as_str(), ["sslcert", "sslkey"]),
    ] {
        let named =
            [("sslcert", certificate), ("sslkey", key)].into_iter().filter(|(_, path)| !path.is_empty());
        let query = named.clone().fold(String::new(), |query, (name, path)| format!("{query}&{name}={path}"));
        let url = world.database_url(&format!("?sslmode=prefer{query}"));
        assert_fails(&world.init().env("DATABASE_URL", url).run().await?, 64, &words);
        let init = named
            .fold(world.init(), |init, (name, path)| init.env(&format!("PG{}", name.to_uppercase()), path));
        assert_fails(&init.run().await?, 64, &words);
        let without_tls = world.database_url(&format!("?sslmode=disable{query}"));
        assert_code(&world.init().env("DATABASE_URL", without_tls).arg("status").run().await?, 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_client_certificate_with_its_key_is_used() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let authority = &Testbed::shared().postgres.certificates.authority;
    let (certificate, key) = (authority.with_file_name("server.pem"), authority.with_file_name("server.key"));
    let query = format!("?sslmode=require&sslcert={}&sslkey={}", certificate.display(), key.display());
    let (run, encrypted) = with_query(&query, "127.0.0.1").await?;
    assert_code(&run, 0);
    assert!(encrypted, "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn a_client_key_without_a_key_is_not_tried_again() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let authority = Testbed::shared().postgres.certificates.authority.display();
    let (run, _) = with_query(&format!("?sslcert={authority}&sslkey={authority}"), "127.0.0.1").await?;
    assert_fails(&run, 64, &["sslkey"]);
    Ok(())
}

#[tokio::test]
async fn the_environment_may_name_the_root_certificate() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let certificates = &Testbed::shared().postgres.certificates;
    let (ca, stranger) = (certificates.authority.display(), certificates.stranger.display());
    let missing = "/no/such/ca.pem".to_owned();
    for (query, in_environment, code) in [
        ("?sslmode=verify-full".to_owned(), ca.to_string(), 0),
        ("?sslmode=verify-full".to_owned(), stranger.to_string(), 69),
        ("?sslmode=verify-full".to_owned(), missing.clone(), 64),
        (format!("?sslmode=verify-full&sslrootcert={ca}"), missing.clone(), 0),
        (format!("?sslmode=verify-full&sslrootcert={stranger}"), ca.to_string(), 69),
        ("?sslmode=require".to_owned(), stranger.to_string(), 0),
        ("?sslmode=require".to_owned(), missing, 0),
    ] {
        let world = world().await?;
        let init = world.init().env("DATABASE_URL", world.database_url(&query));
        let run = init.env("PGSSLROOTCERT", &in_environment).run().await?;
        assert_eq!(run.code(), Some(code), "{query} and {in_environment}: {}", run.output());
    }
    Ok(())
}

/// `system` stands for the public roots, and no less than all is verified by them.
#[tokio::test]
async fn the_public_roots_are_never_taken_for_less_than_verify_full() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let (refused, wrong) = ((69, ["TLS", "UnknownIssuer"]), (64, ["sslrootcert=system", "verify-full"]));
    for (query, in_environment, (code, words)) in [
        ("?sslrootcert=system", None, refused),
        ("?sslrootcert=system&sslmode=verify-full", None, refused),
        ("", Some(("PGSSLROOTCERT", "system")), refused),
        ("?sslrootcert=system&sslmode=require", None, wrong),
        ("?sslrootcert=system", Some(("PGSSLMODE", "prefer")), wrong),
        ("?sslmode=require", Some(("PGSSLROOTCERT", "system")), wrong),
    ] {
        let world = world().await?;
        let init = world.init().env("DATABASE_URL", world.database_url(query));
        let init = in_environment.iter().fold(init, |init, (name, value)| init.env(name, value));
        assert_fails(&init.run().await?, code, &words);
    }
    Ok(())
}

#[tokio::test]
async fn a_root_certificate_in_the_url_is_used_by_the_variables_require() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let certificates = &Testbed::shared().postgres.certificates;
    for (root, code) in [(&certificates.authority, 0), (&certificates.stranger, 69)] {
        let world = world().await?;
        let url = world.database_url(&format!("?sslrootcert={}", root.display()));
        let run = world.init().env("DATABASE_URL", url).env("PGSSLMODE", "require").run().await?;
        assert_code(&run, code);
    }
    Ok(())
}

/// The image's bundle, and with another authority after it: so all of it was read.
#[tokio::test]
async fn the_bundle_of_amazon_rds_is_read() -> Result<()> {
    if !Testbed::shared().postgres.speaks_tls() {
        return Ok(());
    }
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs/rds-global-bundle.pem");
    let world = world().await?;
    let init = world.init().env("DATABASE_URL", world.database_url("?sslmode=verify-full"));
    let refused = init.clone().env("PGSSLROOTCERT", &bundle).run().await?;
    assert_fails(&refused, 69, &["TLS", "UnknownIssuer"]);

    let authority = std::fs::read(&Testbed::shared().postgres.certificates.authority)?;
    let longer = world.config_folder().join("longer.pem");
    std::fs::write(&longer, [std::fs::read(bundle)?, authority].concat())?;
    assert_code(&init.env("PGSSLROOTCERT", longer).run().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again() -> Result<()> {
    let world = world().await?;
    let wrong = world.database_url("").replace(&world.password, "wrong");
    let run = world.init().env("DATABASE_URL", wrong).env("LOG_LEVEL", "debug").run().await?;
    assert_fails(&run, 77, &["28P01", &world.database, "127.0.0.1"]);
    assert!(!run.output().contains("is not ready"), "{}", run.output());
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_missing_database_is_not_tried_again() -> Result<()> {
    let world = world().await?;
    let url = world.database_url("");
    let wrong = url.replace(&format!("/{}", world.database), "/no_such_database");
    let wrong = wrong.replacen("/no_such_database:", &format!("/{}:", world.database), 1);
    let run = world.init().env("DATABASE_URL", wrong).env("LOG_LEVEL", "debug").run().await?;
    assert_fails(&run, 78, &["no_such_database", "3D000"]);
    assert!(!run.output().contains("is not ready"), "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn a_server_out_of_reach_is_given_up_in_time() -> Result<()> {
    let world = world().await?;
    let init = world.init().env("DATABASE_URL", "postgres://u:sesame@127.0.0.1:1/db");
    let run = init.env("DB_CONNECT_TIMEOUT", "1s").run().await?;
    assert_fails(&run, 69, &["127.0.0.1:1", "refused", "DB_CONNECT_TIMEOUT"]);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

/// A server of one's own that is down, and the program with its URL.
async fn with_server_that_is_down(world: &World<'_>) -> Result<(Postgres, Init)> {
    let server = Postgres::create()?;
    server.start()?;
    server.create_database(&world.database, &world.password).await?;
    server.stop()?;
    let port = |port: u16| format!(":{port}/");
    let url = world.database_url("").replace(&port(world.testbed.postgres.port), &port(server.port));
    Ok((server, world.init().env("DATABASE_URL", url).env("LOG_LEVEL", "debug")))
}

#[tokio::test]
async fn a_server_that_comes_up_later_is_waited_for() -> Result<()> {
    let world = world().await?;
    let (server, init) = with_server_that_is_down(&world).await?;
    let mut run = init.start()?;
    run.wait_for("is not ready").await?;
    server.start()?;
    assert_code(&run.finish().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_accept_logins_yet_is_waited_for() -> Result<()> {
    let world = world().await?;
    let (server, init) = with_server_that_is_down(&world).await?;
    server.start_not_accepting()?;
    let run = init.clone().env("DB_CONNECT_TIMEOUT", "1s").run().await?;
    assert_fails(&run, 69, &["the database system is not accepting connections"]);
    let mut run = init.start()?;
    run.wait_for("is not accepting connections").await?;
    server.accept()?;
    assert_code(&run.finish().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_session_dies_within_the_lease_when_its_client_vanishes() -> Result<()> {
    let world = world().await?;
    let source = Variables(vec![("DATABASE_URL", world.database_url("")), ("LOCK_LEASE", "20s".into())]);
    let settings = Settings::read(&source)?;
    let database = Database::new(settings.database, settings.lock, "a-token");
    let mut session = database.connect().await?;
    database.raise_fence(&mut session, None).await?;
    for (setting, value) in [
        ("application_name", "llm-proxy-init/a-token"),
        ("client_connection_check_interval", "1s"),
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "2"),
        ("tcp_user_timeout", "20000"),
    ] {
        let show = AssertSqlSafe(format!("SHOW {setting}"));
        let shown: String = sqlx::query_scalar(show).fetch_one(&mut session).await?;
        assert_eq!(shown, value, "{setting}");
    }
    Ok(())
}

/// Settings given by variables alone.
struct Variables(Vec<(&'static str, String)>);

impl Source for Variables {
    fn flag(&self, _: &str) -> Option<String> {
        None
    }

    fn env(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(given, _)| *given == name).map(|(_, value)| value.clone())
    }
}
