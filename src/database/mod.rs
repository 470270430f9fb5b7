//! The database connection: patient with a server that is waking up, blunt with one
//! that says no.
//!
//! Promises to keep trying within `DB_CONNECT_TIMEOUT` while the server is
//! unreachable or starting (an Aurora Serverless v2 cluster at zero takes 15 to 30
//! seconds to wake), and to give up at once on what trying again can't mend: a wrong
//! password, a missing database, a certificate that does not verify. Every session
//! bears the lock's token in its name, so that [`Database::end_sessions`] can make
//! sure that none of them is still at work.

mod fault;

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection};

pub use fault::{Error, sqlstate};

use crate::settings::DatabaseSettings;
use crate::wording::millis;

/// The first pause between two tries to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two tries to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long the server gets to end a session, all steps together.
const END_BUDGET: Duration = Duration::from_secs(8);
/// How soon the server notices during a statement that its client has vanished.
const CLIENT_CHECK: &str = "1s";
/// What the name of each of our sessions begins with.
const SESSION_NAME: &str = "llm-proxy-init";

/// A database and the name under which this task works in it.
#[derive(Debug)]
pub struct Database {
    settings: DatabaseSettings,
    session_name: String,
}

impl Database {
    /// A database that is not connected to yet. `token` is the lock's.
    pub fn new(settings: DatabaseSettings, token: &str) -> Self {
        Self { settings, session_name: format!("{SESSION_NAME}/{token}") }
    }

    /// Connects and prepares the session for migrating.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn connect(&self) -> Result<PgConnection, Error> {
        self.check_root_certificate()?;
        if !self.settings.target.ignored.is_empty() {
            let ignored = self.settings.target.ignored.join(", ");
            tracing::warn!(step = "connect", "URL parameters without effect here: {ignored}");
        }
        let started = Instant::now();
        let mut connection = self.connect_as(&self.session_name, started).await?;
        self.prepare(&mut connection).await.map_err(|error| self.fault(&error, started))?;
        tracing::info!(
            step = "connect",
            duration_ms = millis(started.elapsed()),
            "connected to {}",
            self.settings.target
        );
        Ok(connection)
    }

    /// Checks a session that has lain idle and opens another if it has died: a proxy
    /// or a firewall in between may have cut it while we waited for the lock.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revive(&self, mut session: PgConnection) -> Result<PgConnection, Error> {
        match session.ping().await {
            Ok(()) => Ok(session),
            Err(error) => {
                tracing::info!(step = "connect", "the idle session has died, connecting again: {error}");
                self.connect().await
            }
        }
    }

    /// A missing file would look like a network fault to the driver.
    fn check_root_certificate(&self) -> Result<(), Error> {
        let Some(path) = &self.settings.target.root_certificate else { return Ok(()) };
        match std::fs::metadata(path) {
            Ok(_) => Ok(()),
            Err(source) => Err(Error::RootCertificate { path: path.into(), source }),
        }
    }

    async fn connect_as(&self, name: &str, started: Instant) -> Result<PgConnection, Error> {
        let options = self.settings.target.options.clone().application_name(name).disable_statement_logging();
        let mut pause = FIRST_PAUSE;
        let mut last = None;
        loop {
            let left = self.settings.connect_timeout.saturating_sub(started.elapsed());
            let error = match tokio::time::timeout(left, PgConnection::connect_with(&options)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) if fault::is_passing(&error) => error,
                Ok(Err(error)) => return Err(self.fault(&error, started)),
                Err(_) => {
                    return Err(fault::timed_out(last.as_ref(), &self.settings.target, started.elapsed()));
                }
            };
            let left = self.settings.connect_timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(self.fault(&error, started));
            }
            tracing::debug!(step = "connect", "{} is not ready: {error}", self.settings.target);
            last = Some(error);
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0).min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Session settings that make a vanished client's session die soon and a blocked
    /// migration give way. Sent as statements: a pooler refuses them at start-up.
    async fn prepare(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let lock_timeout = format!("{}ms", self.settings.lock_timeout.as_millis());
        // `set_config` of a setting that this server's version lacks (before
        // PostgreSQL 14) would fail; selecting it from pg_settings leaves it out.
        sqlx::query(
            "SELECT set_config(name, wanted, false) \
             FROM pg_settings JOIN (VALUES ('lock_timeout', $1), \
             ('client_connection_check_interval', $2)) AS session(name, wanted) USING (name)",
        )
        .bind(lock_timeout)
        .bind(CLIENT_CHECK)
        .execute(connection)
        .await
        .map(drop)
    }

    /// Ends every session of this task and waits until the server has rolled them
    /// back: a statement that is running does not notice by itself that its client
    /// has gone. A role may end its own sessions (PostgreSQL documentation,
    /// `pg_terminate_backend`).
    pub async fn end_sessions(&self) {
        let started = Instant::now();
        let ended = tokio::time::timeout(END_BUDGET, self.try_end_sessions(started)).await;
        let reason = match ended {
            Ok(Ok(())) => {
                return tracing::info!(step = "stop", "the database session has ended, nothing is left open");
            }
            Ok(Err(reason)) => reason,
            Err(_) => format!("not done within {END_BUDGET:?}"),
        };
        tracing::warn!(
            step = "stop",
            "could not make sure that the database session has ended: {reason}; \
             PostgreSQL rolls it back when it notices that its client has gone"
        );
    }

    async fn try_end_sessions(&self, started: Instant) -> Result<(), String> {
        let mut connection =
            self.connect_as(SESSION_NAME, started).await.map_err(|error| error.to_string())?;
        loop {
            let ending = sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE application_name = $1 AND pid <> pg_backend_pid()",
            );
            let ending = ending.bind(&self.session_name).execute(&mut connection).await;
            if ending.map_err(|error| error.to_string())?.rows_affected() == 0 {
                let _ = connection.close().await;
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn fault(&self, error: &sqlx::Error, started: Instant) -> Error {
        fault::classify(error, &self.settings.target, started.elapsed())
    }
}
