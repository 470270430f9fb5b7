//! The sequence: acquire, config, migrate, release.
//!
//! Promises that the config is written and the database migrated only while the lock
//! is held, in that order; that the first error ends the run; and that on every way
//! out (success, failure, signal) the database session is ended first and the lock
//! given back last. Reading the parameter and connecting to the database change
//! nothing, so they happen while the lock is being waited for.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;

use crate::aws::Clients;
use crate::config::{self, ProviderConfig};
use crate::database::Database;
use crate::error::Error;
use crate::lock::{Acquired, Lock};
use crate::migrate;
use crate::report::{ConfigReport, Report};
use crate::settings::{ConfigSettings, Settings};
use crate::stop::{Cause, Stop};
use crate::wording::millis;

/// Does the whole job once, as `owner`.
///
/// # Errors
/// What ended the run; see [`Error`].
pub async fn run(settings: &Settings, owner: String, stop: &Stop) -> Result<Report, Error> {
    let started = Instant::now();
    let clients = Clients::from_environment().await?;
    let lock = Lock::new(&clients, settings.lock.clone(), owner);
    let database = Database::new(settings.database.clone(), lock.token());

    let (acquired, ready) = tokio::join!(
        ends_others_on_error(stop, acquire(&lock, stop)),
        ends_others_on_error(stop, prepare(settings, &clients, &database, stop)),
    );
    let lock_wait = match (acquired, &ready) {
        (Ok(lock_wait), _) => lock_wait,
        // We stopped waiting because getting ready had failed: that is what to tell.
        (Err(Error::Stopped(Cause::Failure)), _) => {
            return Err(ready.err().unwrap_or(Error::Stopped(Cause::Failure)));
        }
        (Err(error), _) => return Err(error),
    };

    let outcome = locked(settings, &database, stop, ready).await;
    lock.release().await;

    let (config, migrations) = outcome?;
    Ok(Report { lock_wait, config, migrations, total: started.elapsed() })
}

/// What can be had before the lock, because it changes nothing.
struct Ready {
    config: ProviderConfig,
    session: PgConnection,
}

async fn prepare(
    settings: &Settings,
    clients: &Clients,
    database: &Database,
    stop: &Stop,
) -> Result<Ready, Error> {
    let fetch = async { Ok::<_, Error>(config::fetch(clients, &settings.config.parameter).await?) };
    let connect = async { Ok::<_, Error>(database.connect().await?) };
    let (config, session) = stop.unless(async { tokio::try_join!(fetch, connect) }).await??;
    Ok(Ready { config, session })
}

async fn acquire(lock: &Lock, stop: &Stop) -> Result<Duration, Error> {
    match lock.acquire(stop).await? {
        Acquired::Held { waited } => {
            tracing::info!(step = "lock", duration_ms = millis(waited), "lock acquired");
            Ok(waited)
        }
        Acquired::Stopped(cause) => Err(cause.into()),
    }
}

/// The part that needs the lock.
async fn locked(
    settings: &Settings,
    database: &Database,
    stop: &Stop,
    ready: Result<Ready, Error>,
) -> Result<(ConfigReport, migrate::Summary), Error> {
    let Ready { config, session } = ready?;
    // Not to be interrupted: it is short, and must not go on without the lock.
    let config = write(config, &settings.config).await?;
    let migrating = async { Ok::<_, Error>(migrate::run(database.revive(session).await?).await?) };
    match stop.unless(migrating).await {
        Ok(migrations) => Ok((config, migrations?)),
        Err(cause) => {
            database.end_sessions().await;
            Err(cause.into())
        }
    }
}

async fn write(config: ProviderConfig, settings: &ConfigSettings) -> Result<ConfigReport, Error> {
    let started = Instant::now();
    let path = settings.path.clone();
    let report = ConfigReport { bytes: config.bytes().len(), sha256: config.sha256() };
    let writing = tokio::task::spawn_blocking(move || config::file::write(&path, config.bytes()));
    let written = writing.await.map_err(|error| Error::Runtime(error.into()))??;
    let what = match written {
        config::Written::Changed => "written",
        config::Written::Unchanged => "has this content already and is left alone",
    };
    let path = settings.path.display();
    tracing::info!(
        step = "config",
        duration_ms = millis(started.elapsed()),
        bytes = report.bytes,
        "{path} {what}"
    );
    Ok(report)
}

/// When a step fails, nobody need wait for the others.
async fn ends_others_on_error<T>(
    stop: &Stop,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let outcome = work.await;
    if outcome.is_err() {
        stop.request(Cause::Failure);
    }
    outcome
}
