use std::collections::HashMap;

use super::*;

#[derive(Default)]
struct Given {
    flags: HashMap<&'static str, &'static str>,
    env: HashMap<&'static str, &'static str>,
}

impl Source for Given {
    fn flag(&self, name: &str) -> Option<String> {
        self.flags.get(name).map(ToString::to_string)
    }
    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).map(ToString::to_string)
    }
}

const URL: &str = "postgres://proxy:sesame@db.internal/llm";

fn with_env(env: &[(&'static str, &'static str)]) -> Given {
    let mut all = HashMap::from([("DATABASE_URL", URL)]);
    all.extend(env.iter().copied());
    Given { env: all, ..Given::default() }
}

fn problems(given: &Given) -> Vec<String> {
    let error = Settings::read(given).expect_err("these settings are wrong");
    error.problems.iter().map(Problem::to_string).collect()
}

#[test]
fn defaults_are_those_of_the_contract() {
    let settings = Settings::read(&with_env(&[])).unwrap();
    assert_eq!(settings.lock.table, "llm-proxy-locks");
    assert_eq!(settings.lock.id, "init");
    assert_eq!(settings.lock.ttl, Duration::from_secs(300));
    assert_eq!(settings.lock.lease, Duration::from_secs(30));
    assert_eq!(settings.lock.max_wait, Duration::from_secs(300));
    assert_eq!(settings.lock.poll_interval, Duration::from_secs(5));
    assert_eq!(settings.config.source, ConfigSource::Parameter("/llm-proxy/api-providers".into()));
    assert_eq!(settings.config.path, PathBuf::from("/config/api_providers.yaml"));
    assert_eq!(settings.database.connect_timeout, Duration::from_secs(60));
    assert_eq!(settings.migrations.lock_timeout, Duration::from_secs(5));
    assert_eq!(settings.migrations.statement_timeout, None);
    assert_eq!(settings.migrations.folder, None);
    assert!(!settings.migrations.allow_missing && !settings.migrations.accept_divergent);
    assert_eq!(LogSettings::read(&with_env(&[])).unwrap(), LogSettings::default());
}

#[test]
fn a_flag_wins_over_its_variable_and_an_empty_variable_is_unset() {
    let mut given = with_env(&[("MAX_WAIT", "7"), ("LOCK_ID", ""), ("POLL_INTERVAL", "250ms")]);
    given.flags.insert("max-wait", "2m");
    let lock = Settings::read(&given).unwrap().lock;
    assert_eq!(lock.max_wait, Duration::from_secs(120));
    assert_eq!(lock.id, "init");
    assert_eq!(lock.poll_interval, Duration::from_millis(250));
}

#[test]
fn every_mistake_is_reported_with_name_value_and_rule() {
    let mut given = with_env(&[
        ("LOCK_TTL", "soon"),
        ("POLL_INTERVAL", "0"),
        ("CONFIG_PATH", "/config/"),
        ("LOG_LEVEL", "loud"),
        ("ALLOW_MISSING", "perhaps"),
        ("PGSSLMODE", "yes"),
    ]);
    given.flags.insert("lock-table", "x");
    let problems = problems(&given);
    for (name, value) in [
        ("--lock-table", "x"),
        ("LOCK_TTL", "soon"),
        ("POLL_INTERVAL", "0"),
        ("CONFIG_PATH", "/config/"),
        ("LOG_LEVEL", "loud"),
        ("ALLOW_MISSING", "perhaps"),
        ("PGSSLMODE", "yes"),
    ] {
        let start = format!("{name}={value:?}: ");
        let found = problems.iter().find(|p| p.starts_with(&start));
        assert!(found.is_some_and(|p| p.len() > start.len()), "{start} not in {problems:?}");
    }
    assert_eq!(problems.len(), 7);
}

#[test]
fn a_secret_is_never_part_of_a_report() {
    for url in [
        "postgres://proxy:ses/q9x@db/llm",
        "postgres://proxy:12/q9x@db/llm",
        "postgres://proxy:ses#q9x@db/llm",
        "mysql://proxy:q9x@db/llm",
        "postgres://proxy:sesame@db/llm?sslmode=q9x",
        "q9x",
    ] {
        let given = Given { env: HashMap::from([("DATABASE_URL", url)]), ..Given::default() };
        let error = Settings::read(&given).expect_err(url);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("DATABASE_URL"), "{shown}");
        assert!(!shown.contains("q9x"), "{url} shows in {shown}");
    }
    let shown = format!("{:?}", Settings::read(&with_env(&[])).unwrap());
    assert!(!shown.contains("sesame"), "{shown}");
}

#[test]
fn the_database_is_required() {
    assert!(problems(&Given::default())[0].starts_with("DATABASE_URL: required"));
}

#[test]
fn the_lease_never_outlives_the_ttl() {
    let lock = Settings::read(&with_env(&[("LOCK_TTL", "10s")])).unwrap().lock;
    assert_eq!(lock.lease, Duration::from_secs(10));
    let both = with_env(&[("LOCK_TTL", "10s"), ("LOCK_LEASE", "20s")]);
    assert_eq!(problems(&both), ["LOCK_LEASE=\"20s\": must not be longer than LOCK_TTL"]);
}

#[test]
fn a_config_may_come_from_a_file() {
    let source = |text| Settings::read(&with_env(&[("CONFIG_PARAMETER", text)])).unwrap().config.source;
    assert_eq!(source("file:///etc/providers.yaml"), ConfigSource::File("/etc/providers.yaml".into()));
    assert_eq!(source("/a:3"), ConfigSource::Parameter("/a:3".into()));
    for wrong in ["file://providers.yaml", "file:///", "file://", "file:///etc/"] {
        assert_eq!(problems(&with_env(&[("CONFIG_PARAMETER", wrong)])).len(), 1, "{wrong}");
    }
}

#[test]
fn a_file_mode_is_octal() {
    assert_eq!(Settings::read(&with_env(&[])).unwrap().config.mode, 0o644);
    assert_eq!(Settings::read(&with_env(&[("CONFIG_MODE", "640")])).unwrap().config.mode, 0o640);
    for wrong in ["0o644", "888", "1777", "0444", "rw-r--r--", "-1"] {
        assert_eq!(problems(&with_env(&[("CONFIG_MODE", wrong)])).len(), 1, "{wrong}");
    }
}

#[test]
fn a_switch_takes_what_people_write() {
    assert!(!Settings::read(&with_env(&[])).unwrap().lock.always);
    assert!(Settings::read(&with_env(&[("ALWAYS_LOCK", "1")])).unwrap().lock.always);
    assert_eq!(
        problems(&with_env(&[("ALWAYS_LOCK", "maybe")])),
        ["ALWAYS_LOCK=\"maybe\": must be true or false"]
    );
}

#[test]
fn a_lease_has_no_fractions_that_the_item_could_not_tell() {
    let problem = "LOCK_LEASE=\"1500ms\": must be whole seconds";
    assert_eq!(problems(&with_env(&[("LOCK_LEASE", "1500ms")])), [problem]);
    let lock = Settings::read(&with_env(&[("LOCK_LEASE", "2000ms")])).unwrap().lock;
    assert_eq!(lock.lease, Duration::from_secs(2));
}

#[test]
fn durations_take_the_units_of_the_contract() {
    let any = parse::duration(Duration::ZERO, A_DAY);
    assert_eq!(any("300"), Ok(Duration::from_secs(300)));
    assert_eq!(any("300s"), Ok(Duration::from_secs(300)));
    assert_eq!(any("5m"), Ok(Duration::from_secs(300)));
    assert_eq!(any("1h"), Ok(Duration::from_secs(3600)));
    assert_eq!(any("200ms"), Ok(Duration::from_millis(200)));
    for wrong in ["", "s", "-1", "1.5s", "5 m", "25h", "99999999999999999999", "1d", "٣"] {
        assert!(any(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_url_is_read_as_libpq_reads_it() {
    let env = |name: &str| (name == "PGSSLROOTCERT").then(|| "/env.pem".to_owned());
    let target = |url| database_url::from_url(url, &env).unwrap();
    let plain = target("postgresql://proxy:p%40ss@db:6432/llm?connect_timeout=3&sslpassword=x");
    assert_eq!(plain.to_string(), "db:6432/llm as proxy");
    assert_eq!(plain.ignored, ["connect_timeout", "sslpassword"]);
    let url = "postgres://proxy:p%40ss@db/llm?sslpassword=x";
    assert_eq!(database_url::secrets(url), ["p%40ss", "p@ss", "x"]);
    let in_schema = target("postgres://u@db/llm?search_path=proxy&statement_timeout=5s");
    assert_eq!(in_schema.options.get_options(), Some("-c search_path=proxy -c statement_timeout=5s"));
    assert_eq!(in_schema.ignored, [""; 0]);
    let verified = target("postgres://u@db/llm?sslmode=require&sslrootcert=/ca.pem");
    assert!(matches!(verified.options.get_ssl_mode(), sqlx::postgres::PgSslMode::VerifyCa));
    assert_eq!(verified.root_certificate.as_deref(), Some("/ca.pem"));
    let public = target("postgres://u@db/llm?sslmode=verify-full&sslrootcert=system");
    assert_eq!(public.root_certificate, None);
    let of_environment = target("postgres://u@db/llm?sslmode=verify-full");
    assert_eq!(of_environment.root_certificate.as_deref(), Some("/env.pem"));
    let unverified = target("postgres://u@db/llm?sslmode=require");
    assert!(matches!(unverified.options.get_ssl_mode(), sqlx::postgres::PgSslMode::Require));
    assert_eq!(unverified.root_certificate, None);
    let socket = target("postgres:///llm?user=u&host=/run/postgresql");
    assert_eq!(socket.to_string(), "/run/postgresql/llm as u");
    for wrong in ["postgres://u@db/llm?sslmode=allow", "postgres://u@db/llm?port=0"] {
        assert!(database_url::from_url(wrong, &env).is_err(), "{wrong}");
    }
}

#[test]
fn an_address_of_ipv6_stands_in_brackets_in_a_url_alone() {
    for (url, host, shown) in [
        ("postgres://u@[::1]:6432/llm", "::1", "[::1]:6432/llm as u"),
        ("postgres://u@[2001:DB8::1]/llm", "2001:db8::1", "[2001:db8::1]:5432/llm as u"),
        ("postgres:///llm?user=u&host=::1", "::1", "[::1]:5432/llm as u"),
        ("postgres://u@db/llm?hostaddr=::1", "::1", "[::1]:5432/llm as u"),
    ] {
        let target = database_url::from_url(url, &|_| None).unwrap();
        assert_eq!((target.options.get_host(), target.to_string().as_str()), (host, shown), "{url}");
    }
}

#[test]
fn the_public_roots_alone_are_verified_in_full() {
    let url = |query: &str| -> &'static str { format!("postgres://u@db/llm{query}").leak() };
    let mode = |env: &[(&'static str, &'static str)]| {
        let target = Settings::read(&with_env(env)).unwrap().database.target;
        assert_eq!(target.root_certificate, None, "{env:?}");
        format!("{:?}", target.options.get_ssl_mode())
    };
    let system = ("PGSSLROOTCERT", "system");
    for right in [
        &[("DATABASE_URL", url("?sslrootcert=system"))][..],
        &[("DATABASE_URL", url("?sslrootcert=system&sslmode=verify-full"))],
        &[("DATABASE_URL", url("?sslrootcert=system")), ("PGSSLMODE", "verify-full")],
        &[("DATABASE_URL", url("?sslrootcert=system")), ("PGSSLMODE", "")],
        &[("DATABASE_URL", url("?sslmode=verify-full")), ("PGSSLMODE", "require"), system],
        &[("DATABASE_URL", url("")), system],
        &[("DATABASE_URL", ""), ("PGHOST", "db"), system],
        &[("DATABASE_URL", ""), ("PGHOST", "db"), ("PGSSLMODE", "verify-full"), system],
    ] {
        assert_eq!(mode(right), "VerifyFull", "{right:?}");
    }
    for weaker in ["disable", "prefer", "require", "verify-ca"] {
        let in_url = url(&format!("?sslrootcert=system&sslmode={weaker}"));
        for (wrong, name) in [
            (&[("DATABASE_URL", in_url)][..], "DATABASE_URL: "),
            (&[("DATABASE_URL", url("?sslrootcert=system")), ("PGSSLMODE", weaker)], "DATABASE_URL: "),
            (&[("DATABASE_URL", url(&format!("?sslmode={weaker}"))), system], "DATABASE_URL: "),
            (&[("DATABASE_URL", ""), ("PGHOST", "db"), ("PGSSLMODE", weaker), system], "PGSSLROOTCERT: "),
        ] {
            let problems = problems(&with_env(wrong));
            assert_eq!(problems.len(), 1, "{wrong:?}: {problems:?}");
            assert!(problems[0].starts_with(name) && problems[0].contains("verify-full"), "{problems:?}");
        }
    }
}
