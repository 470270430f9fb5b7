//! Preparation: what can be had without the lock, because it changes nothing.
//!
//! Promises that the config is fetched and checked and the database connected while the
//! lock is being waited for, that what is wrong with either ends the wait at once, and
//! that the wait ends as well when the database turns out to have every migration.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::aws::Clients;
use crate::config::{self, ProviderConfig};
use crate::database::Database;
use crate::error::Error;
use crate::migrate;
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
    /// A session that has changed nothing yet.
    pub session: PgConnection,
    /// What migrating would come to, if the wait for the lock was ended because there
    /// is nothing to do.
    pub nothing_to_do: Option<migrate::Summary>,
}

/// Prepares in a task of its own. `when_held` tells it that the lock is ours, so that
/// looking for nothing to do has become idle.
pub fn prepare(
    settings: Settings,
    clients: Clients,
    database: Arc<Database>,
    stop: Stop,
    when_held: oneshot::Receiver<()>,
) -> JoinHandle<Result<Prepared, Error>> {
    tokio::spawn(async move {
        let fetch = async { Ok::<_, Error>(config::fetch(&clients, &settings.config.parameter).await?) };
        let connect = async { Ok::<_, Error>(database.connect().await?) };
        let both = stop.unless(async { tokio::try_join!(fetch, connect) }).await;
        let (config, mut session) =
            both.map_err(Error::Stopped).flatten().inspect_err(|_| stop.request(Cause::Failure))?;
        let nothing_to_do = if settings.lock.always {
            None
        } else {
            watch_for_nothing_to_do(&mut session, &stop, when_held, settings.lock.poll_interval).await
        };
        Ok(Prepared { config, session, nothing_to_do })
    })
}

/// Looks into the ledgers again and again, until they list every migration, the lock is
/// ours, or the end is asked for. In the first case asks for the end of the wait.
async fn watch_for_nothing_to_do(
    session: &mut PgConnection,
    stop: &Stop,
    mut when_held: oneshot::Receiver<()>,
    poll_interval: Duration,
) -> Option<migrate::Summary> {
    let mut backoff = Backoff::new(poll_interval.min(LONGEST_PAUSE));
    loop {
        // A query is not to be dropped half-way: the session is used again.
        let trouble = match tokio::time::timeout(LOOK_BUDGET, migrate::up_to_date(session)).await {
            Ok(Ok(None)) => None,
            Ok(Ok(Some(summary))) => {
                stop.request(Cause::NothingToDo);
                return Some(summary);
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {LOOK_BUDGET:?}")),
        };
        if let Some(trouble) = trouble {
            tracing::debug!(step = "connect", "can't tell whether there is anything to do: {trouble}");
            return None;
        }
        tokio::select! {
            _ = &mut when_held => return None,
            _ = stop.requested() => return None,
            () = tokio::time::sleep(backoff.next(fastrand::f64())) => {}
        }
    }
}
