//! The status: who holds the lock, what is pending in the database, and whether the config
//! on disk is the parameter's. One screen, or one JSON object.
//!
//! Promises to change nothing, to tell what can be told when a part can't be had, and to
//! say of each statement about a silent holder whether it was watched or estimated: from
//! one look alone nobody can know how long a holder has been silent.

mod lock;
mod wording;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use lock::{Life, LockStatus, Present};

use crate::aws::Clients;
use crate::config;
use crate::database::{self, Database};
use crate::error::Error;
use crate::exit::ExitCode;
use crate::migrate;
use crate::migrate::look::{Looked, look};
use crate::reading::{self, BUDGET};
use crate::settings::Settings;

/// Everything that was found. A part that could not be had is its error.
#[derive(Debug)]
pub struct Status {
    lock: Result<LockStatus, Error>,
    schema: Result<Looked, Error>,
    config: Result<ConfigStatus, Error>,
}

/// The config on both sides.
#[derive(Debug)]
struct ConfigStatus {
    path: PathBuf,
    /// SHA-256 of the file; what the operating system said where it can't be read.
    on_disk: Result<String, String>,
    /// SHA-256 of the parameter's value.
    in_source: String,
}

impl ConfigStatus {
    fn differs(&self) -> bool {
        self.on_disk.as_ref() != Ok(&self.in_source)
    }
}

/// Looks at everything at once. With `watch` the holder is watched until it is known to
/// live or to be dead, for as long as its lease.
///
/// # Errors
/// AWS is not configured.
pub async fn find(settings: &Settings, watch: bool) -> Result<Status, Error> {
    let clients = Clients::from_environment().await?;
    let (lock, schema, config) = tokio::join!(
        lock::find(&clients, &settings.lock, watch),
        find_schema(settings),
        find_config(&clients, settings),
    );
    Ok(Status { lock: lock.map_err(Error::from), schema, config })
}

/// Connects and reads within [`BUDGET`], all together.
async fn find_schema(settings: &Settings) -> Result<Looked, Error> {
    let started = Instant::now();
    let catalogue = migrate::open(&settings.migrations)?;
    let mut target = settings.database.clone();
    target.connect_timeout = target.connect_timeout.min(BUDGET);
    let database = Database::new(target, settings.lock.clone(), "status");
    let mut session = database.visit().await?;
    let left = BUDGET.saturating_sub(started.elapsed());
    let looked = reading::read(&database, &mut session, left, async |session| {
        look(session, &catalogue, &settings.migrations).await
    });
    let looked = looked.await?;
    database::leave(session).await;
    Ok(looked)
}

async fn find_config(clients: &Clients, settings: &Settings) -> Result<ConfigStatus, Error> {
    let config = config::fetch(clients, &settings.config.source, Duration::ZERO).await?;
    let path = settings.config.path.clone();
    let on_disk = hash_of_file(&path);
    Ok(ConfigStatus { path, on_disk, in_source: config.sha256() })
}

fn hash_of_file(path: &Path) -> Result<String, String> {
    let content = fs::read(path).map_err(|error| error.to_string())?;
    Ok(Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Status {
    /// 0 when everything could be told, else the code of the first part that could not.
    pub fn code(&self) -> ExitCode {
        let failed = self.lock.as_ref().err().or(self.schema.as_ref().err()).or(self.config.as_ref().err());
        failed.map_or(ExitCode::Done, ExitCode::from)
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let lock = self.lock.as_ref().map(LockStatus::to_lines);
        let schema = self.schema.as_ref().map(wording::schema);
        let config = self.config.as_ref().map(wording::config);
        let parts = [("lock", lock), ("schema", schema), ("config", config)];
        parts.into_iter().map(|(name, lines)| wording::part(name, lines)).collect()
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        fn part<T>(found: &Result<T, Error>, told: impl FnOnce(&T) -> Value) -> Value {
            found.as_ref().map_or_else(|error| json!({ "error": error.to_string() }), told)
        }
        json!({
            "lock": part(&self.lock, LockStatus::to_json),
            "schema": part(&self.schema, wording::schema_json),
            "config": part(&self.config, wording::config_json),
            "exit_code": self.code().code(),
        })
    }
}
