//! Secrets appear in no output, at no level, however a run ends.

use testbed::{Finished, Init, Result, World};

use super::{assert_code, program, world};

/// Runs at the loudest level and looks for every secret in everything written.
async fn assert_silent(world: &World<'_>, init: Init, code: i32) -> Result<()> {
    let run: Finished =
        init.env("LOG_LEVEL", "trace").env("AWS_SESSION_TOKEN", "the-session-token").run().await?;
    assert_code(&run, code);
    for secret in [world.password.as_str(), "wJalrXUtnFEMI", "the-session-token"] {
        assert!(!run.output().contains(secret), "{secret} shows in {}", run.output());
    }
    Ok(())
}

#[tokio::test]
async fn after_a_run_that_succeeds() -> Result<()> {
    let world = world().await?;
    assert_silent(&world, world.init(), 0).await
}

#[tokio::test]
async fn in_the_answers_of_commands() -> Result<()> {
    let world = world().await?;
    let (redis, password) = ("r3dis-s3same", &world.password);
    for command in [&["check", "--json"][..], &["check"], &["status", "--json"], &["status"], &["unlock"]] {
        let init = command.iter().fold(world.init(), |init, word| init.arg(word));
        let init = init.env("REDIS_URL", format!("rediss://app:{redis}@127.0.0.1:1"));
        let init = init.env("REDIS_CACHE_URL", format!("app:{redis}@127.0.0.1:1"));
        let wrong = world.database_url("").replace(":s3same", ":wrong-s3same");
        for init in [init.clone(), init.env("DATABASE_URL", wrong)] {
            let run =
                init.env("LOG_LEVEL", "trace").env("AWS_SESSION_TOKEN", "the-session-token").run().await?;
            for secret in [redis, password, "wJalrXUtnFEMI", "the-session-token"] {
                assert!(!run.output().contains(secret), "{secret} shows in {}", run.output());
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn in_the_answer_to_arguments_that_are_wrong() -> Result<()> {
    let url = "postgres://u:s3same@127.0.0.1/db";
    for arguments in [
        &["--database-url=", url][..],
        &[url],
        &["check", url],
        &["u:s3same@127.0.0.1"],
        &["--database-url=postgres://u:not", "s3same@127.0.0.1/db"],
        &["postgres://127.0.0.1/db?user=u&password=s3same"],
        &["--postgres://u:s3same=@127.0.0.1/db"],
        &["config", "validate", "file", url],
        &["config", "validate", "file", "--format", url],
        &["unlock", "--expires-at", "postgres://u:s3same @127.0.0.1/db"],
    ] {
        let run = arguments.iter().fold(Init::new(program()), |init, word| init.arg(word)).run().await?;
        assert_code(&run, 64);
        assert!(run.stderr.contains("'***'"), "{arguments:?}: {}", run.output());
        assert!(!run.output().contains("s3same"), "{arguments:?}: {}", run.output());
    }
    Ok(())
}

#[tokio::test]
async fn in_what_check_says_about_an_address_with_a_password() -> Result<()> {
    let world = world().await?;
    let init = world.init().arg("check").env("REDIS_ADDR", "app:s3same@127.0.0.1:1");
    let run = init.run().await?;
    assert!(run.output().contains("REDIS_ADDR: must be host:port without"), "{}", run.output());
    assert!(!run.output().contains("app:s3same"), "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn after_a_wrong_password() -> Result<()> {
    let world = world().await?;
    let wrong = world.database_url("").replace(":s3same", ":wrong-s3same");
    assert_silent(&world, world.init().env("DATABASE_URL", wrong), 77).await
}

#[tokio::test]
async fn when_the_url_is_malformed_around_the_password() -> Result<()> {
    let world = world().await?;
    let (name, password) = (&world.database, &world.password);
    for url in [
        format!("postgres://{name}:{password}@127.0.0.1:none/{name}"),
        format!("postgres://{name}:1/{password}@127.0.0.1/{name}"),
        format!("postgres://{name}:{password}"),
        format!("{name}:{password}@127.0.0.1/{name}"),
        format!("postgres://{name}:{password}@127.0.0.1/{name}?sslmode=never"),
    ] {
        assert_silent(&world, world.init().env("DATABASE_URL", url), 64).await?;
    }
    Ok(())
}

#[tokio::test]
async fn when_a_parameter_of_the_url_is_unknown() -> Result<()> {
    let world = world().await?;
    let url = world.database_url(&format!("?sslpassword={}", world.password));
    assert_silent(&world, world.init().env("DATABASE_URL", url), 0).await
}

#[tokio::test]
async fn when_the_password_comes_from_libpqs_variables() -> Result<()> {
    let world = world().await?;
    let init =
        world.init().without("DATABASE_URL").env("PGHOST", "127.0.0.1").env("PGPASSWORD", &world.password);
    let init = init.env("PGPORT", world.testbed.postgres.port.to_string());
    let init = init.env("PGUSER", &world.database).env("PGDATABASE", "no_such_database");
    assert_silent(&world, init, 78).await
}
