//! Preparation: what can be had without the lock, because it changes nothing.
//!
//! Promises that the config is fetched and checked and the database connected while the
//! lock is being waited for, that what is wrong with either ends the wait at once, and
//! that a database which turns out to have every migration is let go at once and ends
//! the wait as well: in a fleet, other tasks need its sessions and the lock.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::aws::Clients;
use crate::config::{self, ProviderConfig};
use crate::database::{self, Database};
use crate::error::Error;
use crate::migrate::{self, Catalogue, ledger};
use crate::pacing::Backoff;
use crate::settings::Settings;
use crate::stop::{Cause, Stop};

/// The longest pause between two looks into the ledgers.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long one look may take.
const LOOK_BUDGET: Duration = Duration::from_secs(5);

/// What the rest of the job needs.
pub struct Prepared {
    /// The config to write.
    pub config: ProviderConfig,
    /// The database to migrate, or not.
    pub database: Looked,
}

/// A database that has been looked at.
pub enum Looked {
    /// A session that has changed nothing yet.
    ToMigrate(PgConnection),
    /// Every migration is applied; this is what migrating would come to.
    UpToDate(migrate::Summary),
}

/// Prepares in a task of its own. `when_held` tells it that the lock is ours, so that
/// looking for nothing to do has become idle.
pub fn prepare(
    settings: Settings,
    clients: Clients,
    database: Arc<Database>,
    catalogue: Arc<Catalogue>,
    stop: Stop,
    when_held: oneshot::Receiver<()>,
) -> JoinHandle<Result<Prepared, Error>> {
    tokio::spawn(async move {
        let (source, max_wait) = (&settings.config.source, settings.lock.max_wait);
        let fetch = async { Ok::<_, Error>(config::fetch(&clients, source, max_wait).await?) };
        let look = look(&settings, &database, &catalogue, &stop, when_held);
        let both = stop.unless_signalled(async { tokio::try_join!(fetch, look) }).await;
        let stopped = |signal| Error::Stopped(Cause::Signal(signal));
        let (config, database) =
            both.map_err(stopped).flatten().inspect_err(|_| stop.request(Cause::Failure))?;
        Ok(Prepared { config, database })
    })
}

/// Connects, and finds out whether there is anything to do.
async fn look(
    settings: &Settings,
    database: &Database,
    catalogue: &Catalogue,
    stop: &Stop,
    when_held: oneshot::Receiver<()>,
) -> Result<Looked, Error> {
    let mut session = database.connect().await?;
    if settings.lock.always {
        return Ok(Looked::ToMigrate(session));
    }
    let poll_interval = settings.lock.poll_interval;
    let watch = watch_for_nothing_to_do(&mut session, catalogue, stop, when_held, poll_interval);
    let Some(summary) = watch.await? else { return Ok(Looked::ToMigrate(session)) };
    tracing::info!(
        step = "migrate",
        schema_version = summary.schema_version,
        "the database has every migration already: the lock is not needed"
    );
    stop.request(Cause::NothingToDo);
    database::leave(session).await;
    Ok(Looked::UpToDate(summary))
}

/// Looks into the ledgers again and again, until they list every migration, the lock is
/// ours, or the end is asked for.
async fn watch_for_nothing_to_do(
    session: &mut PgConnection,
    catalogue: &Catalogue,
    stop: &Stop,
    mut when_held: oneshot::Receiver<()>,
    poll_interval: Duration,
) -> Result<Option<migrate::Summary>, migrate::Error> {
    let mut backoff = Backoff::new(poll_interval.min(LONGEST_PAUSE));
    loop {
        // A query is not to be dropped half-way: the session is used again.
        let trouble = match tokio::time::timeout(LOOK_BUDGET, ledger::read(session)).await {
            Ok(Ok(ledgers)) => match migrate::nothing_to_do(catalogue, &ledgers)? {
                Some(summary) => return Ok(Some(summary)),
                None => None,
            },
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {LOOK_BUDGET:?}")),
        };
        if let Some(trouble) = trouble {
            tracing::debug!(step = "connect", "can't tell whether there is anything to do: {trouble}");
            return Ok(None);
        }
        tokio::select! {
            _ = &mut when_held => return Ok(None),
            _ = stop.requested() => return Ok(None),
            () = tokio::time::sleep(backoff.next(fastrand::f64())) => {}
        }
    }
}
