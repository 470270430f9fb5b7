//! The sequence: acquire, config, migrate, release.
//!
//! Promises that the config is written and the database migrated only while the lock
//! is held, in that order; that the first error ends the run; and that on every way
//! out (success, failure, signal, lost lease) the database session is ended first and
//! the lock given back last. Reading the parameter and connecting to the database
//! change nothing, so they happen while the lock is being waited for. A waiter that
//! finds nothing to migrate needs no lock: it writes its own config and is done.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::aws::Clients;
use crate::config::{self, ProviderConfig};
use crate::database::Database;
use crate::error::Error;
use crate::lock::{self, Acquired, Lock};
use crate::migrate;
use crate::preparation::{Prepared, prepare};
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
    let database = Arc::new(Database::new(settings.database.clone(), settings.lock.clone(), lock.token()));
    let (is_held, when_held) = oneshot::channel();
    let preparing = prepare(settings.clone(), clients, Arc::clone(&database), stop.clone(), when_held);
    let preparing = async { preparing.await.map_err(|error| Error::Runtime(error.into()))? };

    let acquired = lock.acquire(stop).await.inspect_err(|_| stop.request(Cause::Failure))?;
    let (lock_wait, outcome) = match acquired {
        Acquired::Held { waited, superseded } => {
            tracing::info!(step = "lock", duration_ms = millis(waited), "lock acquired");
            let _ = is_held.send(());
            let work = locked(settings, &database, preparing, superseded.as_deref());
            let outcome = keep_to_the_end(&lock, &database, stop, work).await;
            lock.release().await;
            (waited, outcome)
        }
        Acquired::Stopped(cause) => (started.elapsed(), unlocked(settings, preparing, cause).await),
    };
    let (config, migrations) = outcome?;
    Ok(Report { lock_wait, config, migrations, total: started.elapsed() })
}

/// What both ways come to.
type Outcome = Result<(ConfigReport, migrate::Summary), Error>;

/// The part that needs the lock.
async fn locked(
    settings: &Settings,
    database: &Database,
    preparing: impl Future<Output = Result<Prepared, Error>>,
    superseded: Option<&str>,
) -> Outcome {
    let Prepared { config, session, nothing_to_do } = preparing.await?;
    let config = write(config, &settings.config).await?;
    if let Some(migrations) = nothing_to_do {
        return Ok((config, migrations));
    }
    let mut session = database.revive(session).await?;
    database.raise_fence(&mut session, superseded).await?;
    Ok((config, migrate::run(session).await?))
}

/// The part that is left to a task that was waiting for the lock and was told to stop.
async fn unlocked(
    settings: &Settings,
    preparing: impl Future<Output = Result<Prepared, Error>>,
    cause: Cause,
) -> Outcome {
    let Prepared { config, nothing_to_do, .. } = preparing.await?;
    let migrations = nothing_to_do.ok_or(Error::Stopped(cause))?;
    tracing::info!(step = "lock", "the database has every migration already: the lock is not needed");
    Ok((write(config, &settings.config).await?, migrations))
}

/// Does `work` while the lock is kept and nobody asks for the end. Whatever ends it
/// early, no database session of ours is left behind.
async fn keep_to_the_end(
    lock: &Lock,
    database: &Database,
    stop: &Stop,
    work: impl Future<Output = Outcome>,
) -> Outcome {
    let ended_early = match lock.while_held(stop.unless_signalled(work)).await {
        Ok(Ok(outcome)) => return outcome,
        Ok(Err(signal)) => Error::Stopped(Cause::Signal(signal)),
        Err(lost) => lock::Error::from(lost).into(),
    };
    database.end_sessions().await;
    Err(ended_early)
}

async fn write(config: ProviderConfig, settings: &ConfigSettings) -> Result<ConfigReport, Error> {
    let started = Instant::now();
    let (path, mode) = (settings.path.clone(), settings.mode);
    let report = ConfigReport { bytes: config.bytes().len(), sha256: config.sha256() };
    let writing = tokio::task::spawn_blocking(move || config::file::write(&path, config.bytes(), mode));
    let written = writing.await.map_err(|error| Error::Runtime(error.into()))??;
    let what = match written {
        config::Written::Changed => "written",
        config::Written::Unchanged => "has this content already and is left alone",
    };
    let path = settings.path.display();
    let duration_ms = millis(started.elapsed());
    tracing::info!(step = "config", duration_ms, bytes = report.bytes, "{path} {what}");
    Ok(report)
}
