//! The sequence: acquire, config, migrate, release.
//!
//! Promises that the config is written and the database migrated only while the lock
//! is held, in that order; that the first error ends the run; and that on every way
//! out (success, failure, signal, lost lease) the database session is ended first and
//! the lock given back last. Reading the parameter and connecting to the database
//! change nothing, so they happen while the lock is being waited for. A waiter that
//! finds nothing to migrate needs no lock: it writes its own config and is done.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use sqlx::postgres::PgConnection;
use tokio::sync::oneshot;

use crate::aws::Clients;
use crate::config::{self, ProviderConfig};
use crate::database::Database;
use crate::error::Error;
use crate::lock::{self, Acquired, Lock};
use crate::migrate::{self, Catalogue};
use crate::preparation::{Looked, Prepared, prepare};
use crate::report::{ConfigReport, MigrationReport, Report};
use crate::settings::{ConfigSettings, Settings};
use crate::stop::{Cause, Stop};
use crate::wording::millis;

/// Does the whole job once, as `owner`.
///
/// # Errors
/// What ended the run; see [`Error`].
pub async fn run(settings: &Settings, owner: String, stop: &Stop) -> Result<Report, Error> {
    let started = Instant::now();
    let catalogue = Arc::new(migrate::open(&settings.migrations)?);
    let clients = Clients::from_environment().await?;
    let lock = Lock::new(&clients, settings.lock.clone(), owner);
    let database = Arc::new(Database::new(settings.database.clone(), settings.lock.clone(), lock.token()));
    let (is_held, when_held) = oneshot::channel();
    let preparing = prepare(
        settings.clone(),
        clients,
        Arc::clone(&database),
        Arc::clone(&catalogue),
        stop.clone(),
        when_held,
    );
    let mut preparing = pin!(async { preparing.await.map_err(|error| Error::Runtime(error.into()))? });

    let acquired = lock.acquire(stop).await?;
    let lock_wait = started.elapsed();
    let ended = match acquired {
        Acquired::Held { superseded } => {
            tracing::info!(step = "lock", duration_ms = millis(lock_wait), "lock acquired");
            let _ = is_held.send(());
            let work =
                locked(settings, &database, &catalogue, stop, preparing.as_mut(), superseded.as_deref());
            let ended = keep_to_the_end(&lock, &database, stop, work).await;
            lock.release().await;
            ended?
        }
        Acquired::Stopped(cause) => Ended::Early(cause),
    };
    let (config, migrations) = match ended {
        Ended::Done(config, migrations) => (config, migrations),
        Ended::Early(cause) => unlocked(settings, preparing, cause).await?,
    };
    Ok(Report { lock_wait, config, migrations, total: started.elapsed() })
}

/// How the part ended that needs the lock.
enum Ended {
    /// With everything done.
    Done(ConfigReport, migrate::Summary),
    /// Before it began.
    Early(Cause),
}

/// The part that needs the lock; it ends early when it turns out that nothing does.
async fn locked(
    settings: &Settings,
    database: &Database,
    catalogue: &Catalogue,
    stop: &Stop,
    mut preparing: impl Future<Output = Result<Prepared, Error>> + Unpin,
    superseded: Option<&str>,
) -> Result<Ended, Error> {
    let Prepared { config, database: looked } = match stop.unless(&mut preparing).await {
        Ok(prepared) => prepared?,
        Err(cause @ Cause::NothingToDo) => return Ok(Ended::Early(cause)),
        // It ends for the same cause, and knows more of it.
        Err(Cause::Failure | Cause::Signal(_)) => preparing.await?,
    };
    let config = write(config, &settings.config).await?;
    let migrations = match looked {
        Looked::UpToDate(migrations) => migrations,
        Looked::ToMigrate(session) => migrate(settings, database, catalogue, session, superseded).await?,
    };
    Ok(Ended::Done(config, migrations))
}

/// Migrates in a session that has lain idle, alone.
async fn migrate(
    settings: &Settings,
    database: &Database,
    catalogue: &Catalogue,
    session: PgConnection,
    superseded: Option<&str>,
) -> Result<migrate::Summary, Error> {
    let mut session = database.revive(session).await?;
    database.raise_fence(&mut session, superseded).await?;
    Ok(migrate::run(session, catalogue, &settings.migrations, async || database.reopen().await).await?)
}

/// Migrates alone, up to the version `to`, as `owner`: under the lock and the fence as in
/// [`run`], without the config.
///
/// # Errors
/// What ended it; see [`Error`].
pub async fn migrate_alone(
    settings: &Settings,
    to: Option<i64>,
    owner: String,
    stop: &Stop,
) -> Result<MigrationReport, Error> {
    let started = Instant::now();
    let catalogue = migrate::open(&settings.migrations)?.up_to(to);
    let clients = Clients::from_environment().await?;
    let lock = Lock::new(&clients, settings.lock.clone(), owner);
    let database = Database::new(settings.database.clone(), settings.lock.clone(), lock.token());
    let session = stop.unless_signalled(database.connect()).await.map_err(Cause::Signal)??;
    let Acquired::Held { superseded } = lock.acquire(stop).await? else {
        return Err(Error::Stopped(stop.requested().await));
    };
    tracing::info!(step = "lock", duration_ms = millis(started.elapsed()), "lock acquired");
    let work = migrate(settings, &database, &catalogue, session, superseded.as_deref());
    let migrations = keep_to_the_end(&lock, &database, stop, work).await;
    lock.release().await;
    Ok(MigrationReport { migrations: migrations?, total: started.elapsed() })
}

/// The part that is left without the lock, when there is nothing to migrate.
async fn unlocked(
    settings: &Settings,
    preparing: impl Future<Output = Result<Prepared, Error>>,
    cause: Cause,
) -> Result<(ConfigReport, migrate::Summary), Error> {
    let Prepared { config, database } = preparing.await?;
    let Looked::UpToDate(migrations) = database else { return Err(Error::Stopped(cause)) };
    Ok((write(config, &settings.config).await?, migrations))
}

/// Does `work` while the lock is kept, the database lives and nobody asks for the end. Whatever
/// ends it early, no database session of ours is left behind.
async fn keep_to_the_end<T>(
    lock: &Lock,
    database: &Database,
    stop: &Stop,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let ended_early = match lock.while_held(stop.unless_signalled(database.while_alive(work))).await {
        Ok(Ok(Ok(ended))) => return ended,
        Ok(Ok(Err(vanished))) => vanished.into(),
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
