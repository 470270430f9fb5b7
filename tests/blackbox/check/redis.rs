//! The checks of Redis, against real servers with TLS and access control.

use testbed::{Certificate, Redis, RedisKind, Result, World};

use super::super::{assert_code, world};
use super::{Checked, check, symptoms};

const SECURE: RedisKind = RedisKind { certificate: Certificate::Good, plain: true, password: true };
const OPEN: RedisKind = RedisKind { password: false, ..SECURE };

/// Checks with `REDIS_URL` and the server's authority.
async fn with_url(world: &World<'_>, redis: &Redis, url: String) -> Result<Checked> {
    check(world.init().env("REDIS_URL", url).env("REDIS_CA_FILE", &redis.certificates.authority)).await
}

fn tls_url(redis: &Redis, login: &str) -> String {
    format!("rediss://{login}127.0.0.1:{}", redis.tls_port)
}

fn password() -> String {
    format!(":{}@", Redis::PASSWORD)
}

fn user(name: &str) -> String {
    format!("{name}:{}@", Redis::PASSWORD)
}

#[tokio::test]
async fn tls_login_and_a_sign_of_life() -> Result<()> {
    let world = world().await?;
    let Some(redis) = Redis::start(SECURE)? else { return Ok(()) };
    let checked = with_url(&world, &redis, tls_url(&redis, &password())).await?;
    checked.assert_ok("redis-url", &["over TLS 1.3: AUTH, PING answered PONG"]);
    assert_code(&checked.run, 0);
    let checked = with_url(&world, &redis, tls_url(&redis, &user(Redis::USER)) + "/2").await?;
    checked.assert_ok("redis-url", &["AUTH as app, database 2, PING answered PONG"]);
    assert!(!checked.run.output().contains(Redis::PASSWORD), "{}", checked.run.output());
    Ok(())
}

#[tokio::test]
async fn each_variable_is_tried_on_its_own() -> Result<()> {
    let world = world().await?;
    let Some(redis) = Redis::start(OPEN)? else { return Ok(()) };
    let address = format!("127.0.0.1:{}", redis.port);
    let init = world.init().env("REDIS_URL", "redis://127.0.0.1:1").env("REDIS_ADDR", &address);
    let checked = check(init.env("REDIS_CACHE_URL", format!("redis://{address}"))).await?;
    checked.assert_fails(&symptoms::REDIS_REFUSED, 69);
    checked.assert_ok("redis-cache-url", &[&address, "in plain TCP: PING answered PONG"]);
    checked.assert_ok("redis-addr", &[&address, "the application's event bus speaks plain TCP only"]);
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_does_not_verify() -> Result<()> {
    let world = world().await?;
    for (certificate, symptom) in [
        (Certificate::Expired, &symptoms::REDIS_EXPIRED),
        (Certificate::OtherName, &symptoms::REDIS_WRONG_NAME),
    ] {
        let Some(redis) = Redis::start(RedisKind { certificate, ..OPEN })? else { return Ok(()) };
        with_url(&world, &redis, tls_url(&redis, "")).await?.assert_fails(symptom, 69);
    }
    let Some(redis) = Redis::start(OPEN)? else { return Ok(()) };
    let init = world.init().env("REDIS_URL", tls_url(&redis, ""));
    check(init.clone()).await?.assert_fails(&symptoms::REDIS_WRONG_CA, 69);
    let stranger = init.clone().env("REDIS_CA_FILE", &redis.certificates.stranger);
    check(stranger).await?.assert_fails(&symptoms::REDIS_WRONG_CA, 69);
    let missing = init.env("REDIS_CA_FILE", "/no/such/ca.pem");
    check(missing).await?.assert_fails(&symptoms::REDIS_NO_CA_FILE, 64);
    Ok(())
}

#[tokio::test]
async fn tls_and_plain_text_mixed_up() -> Result<()> {
    let world = world().await?;
    let Some(redis) = Redis::start(OPEN)? else { return Ok(()) };
    let plain_asked_for_tls = format!("rediss://127.0.0.1:{}", redis.port);
    with_url(&world, &redis, plain_asked_for_tls).await?.assert_fails(&symptoms::REDIS_PLAIN_ONLY, 69);
    let tls_asked_in_plain = format!("redis://127.0.0.1:{}", redis.tls_port);
    with_url(&world, &redis, tls_asked_in_plain).await?.assert_fails(&symptoms::REDIS_TLS_ONLY, 69);
    let bus = world.init().env("REDIS_ADDR", format!("127.0.0.1:{}", redis.tls_port));
    check(bus).await?.assert_fails(&symptoms::BUS_TLS_ONLY, 69);
    Ok(())
}

#[tokio::test]
async fn a_login_that_is_missing_or_refused() -> Result<()> {
    let world = world().await?;
    let Some(redis) = Redis::start(SECURE)? else { return Ok(()) };
    for (login, symptom) in [
        (String::new(), &symptoms::REDIS_NOAUTH),
        (":wr0ng-s3same@".to_owned(), &symptoms::REDIS_WRONGPASS),
        ("nobody:wr0ng-s3same@".to_owned(), &symptoms::REDIS_WRONGPASS),
        (user(Redis::LIMITED_USER), &symptoms::REDIS_NOPERM),
    ] {
        let checked = with_url(&world, &redis, tls_url(&redis, &login)).await?;
        checked.assert_fails(symptom, 77);
        assert!(!checked.run.output().contains("s3same"), "{}", checked.run.output());
    }
    let bus = world.init().env("REDIS_ADDR", format!("127.0.0.1:{}", redis.port));
    check(bus).await?.assert_fails(&symptoms::BUS_NOAUTH, 77);
    Ok(())
}

#[tokio::test]
async fn what_is_no_redis_server() -> Result<()> {
    let world = world().await?;
    let url = world.testbed.aws.endpoint.replace("http://", "redis://");
    check(world.init().env("REDIS_URL", &url)).await?.assert_fails(&symptoms::REDIS_NOT_REDIS, 69);
    let tls = world.init().env("REDIS_URL", url.replace("redis://", "rediss://"));
    check(tls).await?.assert_fails(&symptoms::REDIS_NO_TLS, 69);
    let checked = check(world.init().env("REDIS_URL", "redis://no-such-host.invalid")).await?;
    checked.assert_fails(&symptoms::REDIS_NO_NAME, 69);
    Ok(())
}

#[tokio::test]
async fn a_url_that_is_none_stops_no_run() -> Result<()> {
    let world = world().await?;
    let init = world.init().env("REDIS_CACHE_URL", "cache.internal:6379");
    assert_code(&init.run().await?, 0);
    check(init).await?.assert_fails(&symptoms::REDIS_NO_URL, 64);
    Ok(())
}
