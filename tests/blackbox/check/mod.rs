//! `check`: each check made to succeed, and to fail once for each cause.
//!
//! What a check says is quoted from [`symptoms`], which the page docs/troubleshooting.md
//! quotes too.

mod aws;
mod local;
mod page;
mod postgres;
mod redis;
mod rights;
mod symptoms;

use serde_json::Value;
use testbed::{Finished, Init, Result};

use super::{assert_code, world};
use symptoms::Symptom;

/// Runs `check --json`.
async fn check(init: Init) -> Result<Checked> {
    let run = init.arg("check").arg("--json").run().await?;
    let report = run.last();
    Ok(Checked { run, report })
}

/// A run of `check` and its report.
struct Checked {
    run: Finished,
    report: Value,
}

impl Checked {
    #[track_caller]
    fn line(&self, check: &str) -> &Value {
        let lines = self.report["checks"].as_array().expect("a list of checks");
        let found = lines.iter().find(|line| line["check"] == check);
        found.unwrap_or_else(|| panic!("no check {check} in {:#}", self.report))
    }

    /// Asserts that a check was fine, and says so with all of `words`.
    #[track_caller]
    fn assert_ok(&self, check: &str, words: &[&str]) {
        let line = self.line(check);
        assert_eq!(line["level"], "ok", "{line:#}");
        assert_eq!(line["advice"], Value::Null, "{line:#}");
        for word in words {
            assert!(
                line["what"].as_str().is_some_and(|what| what.contains(word)),
                "{word:?} not in {line:#}"
            );
        }
    }

    /// Asserts that a check told a symptom, and what to do.
    #[track_caller]
    fn assert_told(&self, symptom: &Symptom) {
        let line = self.line(symptom.check);
        assert_eq!(line["level"], symptom.level, "{line:#}");
        let what = line["what"].as_str().expect("a text");
        assert!(symptom.is_told_by(what), "{symptom:?} is not {what:?}");
        assert!(line["advice"].as_str().is_some_and(|advice| advice.len() > 8), "no advice: {line:#}");
    }

    /// The same, and that it is the first failure, whose class the exit code is.
    #[track_caller]
    fn assert_fails(&self, symptom: &Symptom, code: i32) {
        self.assert_told(symptom);
        assert_code(&self.run, code);
        let lines = self.report["checks"].as_array().expect("a list of checks");
        let first = lines.iter().find(|line| line["level"] == "fail").expect("a failure");
        assert_eq!(first["check"], symptom.check, "{:#}", self.report);
        assert_eq!(first["exit_code"], code, "{first:#}");
    }
}

#[tokio::test]
async fn nothing_fails_where_everything_is_there() -> Result<()> {
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let checked = check(world.init().arg("--log-level=error")).await;
    let checked = checked?;
    assert_code(&checked.run, 0);
    assert_eq!(checked.report["fail"], 0, "{:#}", checked.report);
    checked.assert_ok("region", &["eu-west-1 via http://127.0.0.1"]);
    checked.assert_ok("credentials", &["the environment's variables"]);
    checked.assert_ok("identity", &["arn:aws:", &world.account.id]);
    checked.assert_ok("lock-table", &["llm-proxy-locks", "key lock_id", "on demand", "TTL on expires_at"]);
    checked.assert_ok("parameter", &["/llm-proxy/api-providers (version 1) is valid", "bytes stored"]);
    checked.assert_ok("clock", &["AWS's"]);
    checked.assert_ok("postgres-dns", &["127.0.0.1"]);
    checked.assert_ok("postgres-tcp", &["connected to 127.0.0.1"]);
    checked.assert_ok("postgres-login", &["logged in to PostgreSQL"]);
    checked.assert_ok("postgres-rights", &["schema public"]);
    checked.assert_ok("postgres-ledgers", &["version 6, nothing is pending"]);
    checked.assert_ok("application", &["goose.Up finds nothing to do"]);
    checked.assert_ok("postgres-pooler", &["each connection has its own server session"]);
    checked.assert_ok("redis", &["none of REDIS_URL"]);
    checked.assert_ok("config-folder", &["can be written, with room for 1 MiB"]);
    checked.assert_ok("architecture", &[std::env::consts::ARCH]);
    assert!(world.account.lock_item().await?.is_none());
    assert_eq!(std::fs::read_dir(world.config_folder())?.count(), 1, "nothing is left beside the config");
    Ok(())
}

#[tokio::test]
async fn every_check_is_made_when_others_fail() -> Result<()> {
    let world = world().await?;
    let checked = check(
        world.init().env("LOCK_TABLE", "no-such-locks").env("DATABASE_URL", "postgres://u@127.0.0.1:1/d"),
    )
    .await?;
    checked.assert_fails(&symptoms::NO_TABLE, 78);
    checked.assert_told(&symptoms::REFUSED);
    checked.assert_ok("parameter", &[]);
    checked.assert_ok("config-folder", &[]);
    let not_tried = checked.line("postgres-login");
    assert_eq!(
        (&not_tried["level"], &not_tried["what"]),
        (&"warn".into(), &"not tried: it needs postgres-tcp".into())
    );
    Ok(())
}

#[tokio::test]
async fn for_people_it_is_a_table_that_says_what_to_do() -> Result<()> {
    let world = world().await?;
    let run = world.init().arg("check").env("LOCK_TABLE", "no-such-locks").run().await?;
    assert_code(&run, 78);
    let place =
        run.stdout.iter().position(|line| line.starts_with("fail  lock-table ")).expect("the failure");
    assert!(
        run.stdout[place].contains(" ms  dynamodb:DescribeTable on table no-such-locks"),
        "{}",
        run.stdout[place]
    );
    assert!(run.stdout[place + 1].trim_start().starts_with("-> create it"), "{}", run.stdout[place + 1]);
    assert!(
        run.stdout.last().is_some_and(|line| line.ends_with("1 failed; exit code 78")),
        "{}",
        run.output()
    );
    Ok(())
}

#[tokio::test]
async fn settings_that_are_wrong_are_told_as_by_a_run() -> Result<()> {
    let run = world().await?.init().arg("check").env("LOCK_TTL", "soon").run().await?;
    assert_code(&run, 64);
    assert!(run.stderr.contains("LOCK_TTL"), "{}", run.stderr);
    Ok(())
}
