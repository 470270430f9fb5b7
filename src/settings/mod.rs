//! Settings: from flags and environment to checked values.
//!
//! Promises that every setting has one name, one rule and one default, all in
//! [`table`]; that a flag wins over its environment variable and an empty
//! variable counts as unset; that *all* mistakes are reported at once, each
//! naming the setting, its value and the rule; and that a secret value is never
//! part of such a report. Nothing here reads the process environment: the caller
//! passes a [`Source`].

mod database_url;
mod parse;
mod redis;
pub mod table;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use database_url::DatabaseTarget;
use database_url::Mistake;
pub use parse::LogLevel;
pub use redis::{RedisServer, RedisSettings, RedisTarget};
use table::Setting;

use crate::secrets::Secrets;

/// The longest that any duration setting may be: one day.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where raw values come from.
pub trait Source {
    /// The value of a command line flag, if it was given.
    fn flag(&self, name: &str) -> Option<String>;
    /// The value of an environment variable, if it is set.
    fn env(&self, name: &str) -> Option<String>;
}

/// Everything that a run needs to know, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The lock in DynamoDB.
    pub lock: LockSettings,
    /// The provider config.
    pub config: ConfigSettings,
    /// The database to migrate.
    pub database: DatabaseSettings,
    /// The migrations.
    pub migrations: MigrationSettings,
    /// The ECS task metadata endpoint (version 4), when ECS has set it.
    pub task_metadata_uri: Option<String>,
    /// Where to copy this program to, if anywhere.
    pub install_dir: Option<PathBuf>,
    /// The application's Redis servers. The job does without.
    pub redis: RedisSettings,
    /// What no output may show.
    pub secrets: Secrets,
}

/// How to lock, and how long to wait for the lock.
#[derive(Debug, Clone)]
pub struct LockSettings {
    /// Table name or ARN.
    pub table: String,
    /// Value of the key attribute `lock_id`.
    pub id: String,
    /// How far ahead `expires_at` is written, in whole seconds.
    pub ttl: Duration,
    /// After how long a silence of the holder the lock counts as abandoned.
    pub lease: Duration,
    /// How long to wait for another holder before giving up.
    pub max_wait: Duration,
    /// Whether to wait for the lock even when there is nothing to migrate.
    pub always: bool,
    /// Upper bound of the pause between two tries.
    pub poll_interval: Duration,
}

/// Where the provider config comes from and goes to.
#[derive(Debug, Clone)]
pub struct ConfigSettings {
    /// Where it comes from.
    pub source: ConfigSource,
    /// The file to write.
    pub path: PathBuf,
    /// The file's permission bits.
    pub mode: u32,
}

/// Where the provider config comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigSource {
    /// An SSM parameter: name, `name:version`, `name:label` or ARN.
    Parameter(String),
    /// A file, for local use.
    File(PathBuf),
}

/// How to reach the database and how patient to be with it.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// Host, credentials and TLS.
    pub target: DatabaseTarget,
    /// How long to try to connect, all tries together.
    pub connect_timeout: Duration,
}

/// Which migrations to run, and how.
#[derive(Debug, Clone)]
pub struct MigrationSettings {
    /// The folder to take them from; `None` stands for the embedded ones.
    pub folder: Option<PathBuf>,
    /// PostgreSQL's `lock_timeout` while migrating.
    pub lock_timeout: Duration,
    /// PostgreSQL's `statement_timeout` while migrating.
    pub statement_timeout: Option<Duration>,
    /// Whether to apply versions that are lower than applied ones.
    pub allow_missing: bool,
    /// Whether to record the checksums of applied migrations whose text has changed.
    pub accept_divergent: bool,
}

/// How to log. Parsed apart from the rest, because mistakes in the rest are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// The least severe level that is written.
    pub level: LogLevel,
    /// The form of a line; `None` leaves it to whether stdout is a terminal.
    pub format: Option<LogFormat>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: LogLevel::INFO, format: None }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// One setting that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name by which the value was given: the flag or the variable.
    pub name: String,
    /// The value as given; `None` when there is none or it is secret.
    pub value: Option<String>,
    /// What a right value looks like.
    pub rule: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value:?}: {}", self.name, self.rule),
            None => write!(f, "{}: {}", self.name, self.rule),
        }
    }
}

/// All settings that break their rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.summary())]
pub struct SettingsError {
    /// At least one, in the order of the table.
    pub problems: Vec<Problem>,
}

impl SettingsError {
    fn summary(&self) -> String {
        let all: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        let noun = if all.len() == 1 { "setting is" } else { "settings are" };
        format!("{} {noun} wrong; correct the task definition: {}", all.len(), all.join("; "))
    }
}

impl LogSettings {
    /// Reads the two log settings.
    ///
    /// # Errors
    /// Names each of the two that breaks its rule.
    pub fn read(source: &impl Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let settings = Self {
            level: reader.required(&table::LOG_LEVEL, parse::log_level).unwrap_or(LogLevel::INFO),
            format: reader.optional(&table::LOG_FORMAT, parse::log_format),
        };
        reader.finish(Some(settings))
    }
}

impl Settings {
    /// Reads and checks every setting.
    ///
    /// # Errors
    /// Names *every* setting that breaks its rule, not just the first.
    pub fn read(source: &impl Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let lock = read_lock(&mut reader);
        let config = read_config(&mut reader);
        let database = read_database(&mut reader);
        let migrations = read_migrations(&mut reader);
        let install_dir = reader.optional(&table::INSTALL_DIR, parse::folder);
        let redis = RedisSettings::read(&reader);
        reader.required(&table::LOG_LEVEL, parse::log_level);
        reader.optional(&table::LOG_FORMAT, parse::log_format);
        let task_metadata_uri = reader.env("ECS_CONTAINER_METADATA_URI_V4");
        let secrets = secrets(source);
        let settings = (|| {
            let (lock, config, database, migrations) = (lock?, config?, database?, migrations?);
            Some(Self { lock, config, database, migrations, task_metadata_uri, install_dir, redis, secrets })
        })();
        reader.finish(settings)
    }
}

/// Texts that must not appear in any output: passwords, keys and session tokens as
/// they stand in the settings and in the SDK's own variables.
pub fn secrets(source: &impl Source) -> Secrets {
    const SECRET_VARIABLES: &[&str] =
        &["PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];
    let reader = Reader::new(source);
    let mut secrets: Vec<String> = SECRET_VARIABLES.iter().filter_map(|name| reader.env(name)).collect();
    for setting in [&table::DATABASE_URL, &table::REDIS_URL, &table::REDIS_CACHE_URL] {
        if let Some((_, url)) = reader.given(setting) {
            secrets.extend(database_url::secrets(&url));
        }
    }
    Secrets::new(secrets)
}

fn read_lock(reader: &mut Reader<'_, impl Source>) -> Option<LockSettings> {
    let table = reader.required(&table::LOCK_TABLE, parse::table_name);
    let id = reader.required(&table::LOCK_ID, parse::non_empty);
    let ttl = reader.required(&table::LOCK_TTL, parse::whole_seconds(Duration::from_secs(1), A_DAY));
    let lease_range = parse::whole_seconds(Duration::from_secs(1), A_DAY);
    let lease = reader.required(&table::LOCK_LEASE, lease_range);
    let max_wait = reader.required(&table::MAX_WAIT, parse::duration(Duration::ZERO, A_DAY));
    let always = reader.required(&table::ALWAYS_LOCK, parse::switch);
    let poll_range = parse::duration(Duration::from_millis(100), A_DAY);
    let poll_interval = reader.required(&table::POLL_INTERVAL, poll_range);
    let (ttl, mut lease) = ttl.zip(lease)?;
    if lease > ttl {
        if reader.is_given(&table::LOCK_LEASE) {
            reader.report(&table::LOCK_LEASE, "must not be longer than LOCK_TTL");
        }
        lease = ttl;
    }
    Some(LockSettings {
        table: table?,
        id: id?,
        ttl,
        lease,
        max_wait: max_wait?,
        always: always?,
        poll_interval: poll_interval?,
    })
}

fn read_config(reader: &mut Reader<'_, impl Source>) -> Option<ConfigSettings> {
    let source = reader.required(&table::CONFIG_PARAMETER, parse::config_source);
    let path = reader.required(&table::CONFIG_PATH, parse::file_path);
    let mode = reader.required(&table::CONFIG_MODE, parse::file_mode);
    Some(ConfigSettings { source: source?, path: path?, mode: mode? })
}

fn read_database(reader: &mut Reader<'_, impl Source>) -> Option<DatabaseSettings> {
    let target = read_target(reader);
    let a_second = Duration::from_secs(1);
    let connect_timeout = reader.required(&table::DB_CONNECT_TIMEOUT, parse::duration(a_second, A_DAY));
    Some(DatabaseSettings { target: target?, connect_timeout: connect_timeout? })
}

fn read_migrations(reader: &mut Reader<'_, impl Source>) -> Option<MigrationSettings> {
    let folder = reader.optional(&table::MIGRATIONS_DIR, |text| Ok(PathBuf::from(text)));
    let timeout = parse::duration(Duration::from_millis(1), A_DAY);
    let lock_timeout = reader.required(&table::MIGRATION_LOCK_TIMEOUT, &timeout);
    let statement_timeout = reader.optional(&table::MIGRATION_STATEMENT_TIMEOUT, &timeout);
    let allow_missing = reader.required(&table::ALLOW_MISSING, parse::switch);
    let accept_divergent = reader.required(&table::ACCEPT_DIVERGENT, parse::switch);
    Some(MigrationSettings {
        folder,
        lock_timeout: lock_timeout?,
        statement_timeout,
        allow_missing: allow_missing?,
        accept_divergent: accept_divergent?,
    })
}

fn read_target(reader: &mut Reader<'_, impl Source>) -> Option<DatabaseTarget> {
    for (name, parse) in database_url::LIBPQ_RULES {
        if let Some(value) = reader.env(name)
            && let Err(rule) = parse(&value)
        {
            reader.problems.push(Problem { name: (*name).into(), value: Some(value), rule });
        }
    }
    if reader.is_given(&table::DATABASE_URL) {
        let source = reader.source;
        return reader.required(&table::DATABASE_URL, |url| {
            database_url::from_url(url, &|name| Reader::new(source).env(name))
        });
    }
    match database_url::from_libpq_env(&|name| reader.env(name)) {
        Some(Ok(target)) => Some(target),
        Some(Err(Mistake { variable, rule })) => {
            reader.problems.push(Problem { name: variable.into(), value: None, rule: rule.into() });
            None
        }
        None => {
            reader.report(
                &table::DATABASE_URL,
                "required: postgres://user:password@host:5432/database?sslmode=verify-full, \
                 or the PG* variables with at least PGHOST",
            );
            None
        }
    }
}

/// Looks settings up one by one and collects what is wrong with them.
struct Reader<'a, S> {
    source: &'a S,
    problems: Vec<Problem>,
}

impl<'a, S: Source> Reader<'a, S> {
    fn new(source: &'a S) -> Self {
        Self { source, problems: Vec::new() }
    }

    fn env(&self, name: &str) -> Option<String> {
        self.source.env(name).filter(|value| !value.is_empty())
    }

    /// The name under which a value was given, and the value.
    fn given(&self, setting: &Setting) -> Option<(String, String)> {
        let flag = self.source.flag(setting.flag).map(|v| (format!("--{}", setting.flag), v));
        flag.or_else(|| self.env(setting.env).map(|v| (setting.env.to_owned(), v)))
    }

    fn is_given(&self, setting: &Setting) -> bool {
        self.given(setting).is_some()
    }

    fn required<T>(&mut self, setting: &Setting, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let default = || Some((setting.env.to_owned(), setting.default?.to_owned()));
        let (name, value) = self.given(setting).or_else(default)?;
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(rule) => {
                let value = (!setting.secret).then_some(value);
                self.problems.push(Problem { name, value, rule });
                None
            }
        }
    }

    fn optional<T>(&mut self, setting: &Setting, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        if self.is_given(setting) { self.required(setting, parse) } else { None }
    }

    fn report(&mut self, setting: &Setting, rule: &str) {
        let (name, value) = match self.given(setting) {
            Some((name, value)) => (name, (!setting.secret).then_some(value)),
            None => (setting.env.to_owned(), None),
        };
        self.problems.push(Problem { name, value, rule: rule.into() });
    }

    fn finish<T>(self, settings: Option<T>) -> Result<T, SettingsError> {
        match settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            _ => Err(SettingsError { problems: self.problems }),
        }
    }
}

#[cfg(test)]
mod tests;
