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
mod fence;
pub mod probe;
mod visit;
mod watch;

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

pub use fault::{Error, sqlstate};
use fence::NotRaised;
pub use fence::is_up as is_fenced;

use crate::pacing::Backoff;
use crate::settings::{DatabaseSettings, LockSettings};
use crate::wording::millis;

/// The longest pause between two tries to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long the server gets to end a session, all steps together.
const END_BUDGET: Duration = Duration::from_secs(8);
/// How long an idle session may take to show that it lives.
const PING_BUDGET: Duration = Duration::from_secs(5);
/// How long ending an idle session politely may take.
const LEAVE_BUDGET: Duration = Duration::from_secs(1);
/// Between two looks whether the sessions have ended.
const END_PAUSE: Duration = Duration::from_millis(20);
/// How soon the server notices during a statement that its client has vanished.
const CLIENT_CHECK: &str = "1s";
/// What the name of each of our sessions begins with.
const SESSION_NAME: &str = "llm-proxy-init";

/// A database and the name under which this task works in it.
#[derive(Debug)]
pub struct Database {
    settings: DatabaseSettings,
    lock: LockSettings,
    session_name: String,
    /// The server's process that may have work of ours open; none at first.
    working_as: AtomicI32,
}

impl Database {
    /// A database that is not connected to yet. `token` is the lock's.
    pub fn new(settings: DatabaseSettings, lock: LockSettings, token: &str) -> Self {
        Self { settings, lock, session_name: session_name(token), working_as: AtomicI32::default() }
    }

    /// Connects. The session is fit for reading: it may be a pooler's, so nothing is set in it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn connect(&self) -> Result<PgConnection, Error> {
        self.check_files()?;
        if !self.settings.target.ignored.is_empty() {
            let ignored = self.settings.target.ignored.join(", ");
            tracing::warn!(step = "connect", "URL parameters without effect here: {ignored}");
        }
        let started = Instant::now();
        let connection = self.connect_as(&self.session_name, started).await?;
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
        let died = match tokio::time::timeout(PING_BUDGET, session.ping()).await {
            Ok(Ok(())) => return Ok(session),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {PING_BUDGET:?}"),
        };
        tracing::info!(step = "connect", "the idle session has died, connecting again: {died}");
        self.connect().await
    }

    /// A file that can't be read would look like a network fault to the driver.
    fn check_files(&self) -> Result<(), Error> {
        let target = &self.settings.target;
        for (kind, parameter, path) in [
            ("root certificate", "sslrootcert", &target.root_certificate),
            ("client certificate", "sslcert", &target.client_certificate),
            ("client key", "sslkey", &target.client_key),
        ] {
            let Some(path) = path else { continue };
            std::fs::read(path).map_err(|source| Error::File {
                kind,
                parameter,
                path: path.into(),
                source,
            })?;
        }
        Ok(())
    }

    fn options(&self, name: &str) -> PgConnectOptions {
        let options = self.settings.target.options.clone().application_name(name).disable_statement_logging();
        // A pooler refuses start-up parameters that it does not know, such as this one.
        options.extra_float_digits(None)
    }

    async fn connect_as(&self, name: &str, started: Instant) -> Result<PgConnection, Error> {
        let options = self.options(name);
        let mut backoff = Backoff::new(LONGEST_PAUSE);
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
            tokio::time::sleep(backoff.next(fastrand::f64()).min(left)).await;
        }
    }

    /// Session settings that make a vanished client's session die within the lease. Sent as a
    /// statement: a pooler refuses them at start-up. Settings that this server's version lacks
    /// are left out (`client_connection_check_interval` came with PostgreSQL 14).
    async fn prepare(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let seconds = self.lock.lease.as_secs().max(4);
        let settings = [
            ("client_connection_check_interval", CLIENT_CHECK.to_owned()),
            // Idle for half of the lease, then two probes in what is left of it.
            ("tcp_keepalives_idle", (seconds / 2).to_string()),
            ("tcp_keepalives_interval", (seconds / 4).to_string()),
            ("tcp_keepalives_count", "2".to_owned()),
            ("tcp_user_timeout", format!("{seconds}s")),
        ];
        let (names, values): (Vec<&str>, Vec<String>) = settings.into_iter().unzip();
        sqlx::query(
            "SELECT set_config(name, wanted, false) \
             FROM pg_settings JOIN UNNEST($1::text[], $2::text[]) AS session(name, wanted) USING (name)",
        )
        .bind(names)
        .bind(values)
        .execute(connection)
        .await
        .map(drop)
    }

    /// Makes `session` the only one that migrates this database, from now on until it
    /// ends: the fence. `superseded` is the token of a dead holder that the lock was
    /// taken over from; what is left of its sessions is ended first.
    ///
    /// # Errors
    /// [`Error::Fenced`] when another session keeps the fence for `MAX_WAIT`,
    /// [`Error::Pooled`] where there is none to be had.
    pub async fn raise_fence(
        &self,
        session: &mut PgConnection,
        superseded: Option<&str>,
    ) -> Result<(), Error> {
        let started = Instant::now();
        let patience = self.settings.connect_timeout + PING_BUDGET;
        let pid = tokio::time::timeout(patience, self.make_fit_to_migrate(session)).await;
        let pid = pid.map_err(|_| fault::timed_out(None, &self.settings.target, started.elapsed()))??;
        self.working_as.store(pid, Ordering::Relaxed);
        if let Some(token) = superseded {
            self.end_superseded(session, token).await;
        }
        fence::raise(session, self.lock.max_wait).await.map_err(|reason| match reason {
            NotRaised::Failed(error) => self.fault(&error, started),
            NotRaised::Held { holder, waited } => {
                Error::Fenced { target: self.settings.target.to_string(), holder, waited }
            }
        })
    }

    /// Sees to it that the session is one of its own, and that it dies with us. Returns its
    /// server process.
    async fn make_fit_to_migrate(&self, session: &mut PgConnection) -> Result<i32, Error> {
        let started = Instant::now();
        self.refuse_pooler(session).await?;
        self.prepare(session).await.map_err(|error| self.fault(&error, started))?;
        probe::pid(session).await.map_err(|error| self.fault(&error, started))
    }

    /// A new session with the fence, in place of one that was lost or that is not to be gone on
    /// with. What the server still has of that one is ended first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn reopen(&self) -> Result<PgConnection, Error> {
        let mut session = self.connect().await?;
        let ended = tokio::time::timeout(END_BUDGET, end_all(&mut session, &self.session_name)).await;
        if let Ok(Err(error)) = ended {
            return Err(self.fault(&error, Instant::now()));
        }
        self.raise_fence(&mut session, None).await?;
        Ok(session)
    }

    /// Migrating through a pooler that shares sessions can't be made safe.
    async fn refuse_pooler(&self, session: &mut PgConnection) -> Result<(), Error> {
        let started = Instant::now();
        let mut other = match self.connect_as(SESSION_NAME, started).await {
            Ok(other) => other,
            Err(error) => {
                tracing::warn!(
                    step = "connect",
                    "can't tell whether sessions are shared by a pooler: {error}"
                );
                return Ok(());
            }
        };
        let found = probe::sessions(session, &mut other).await;
        let _ = other.close().await;
        if found.map_err(|error| self.fault(&error, started))? == probe::Sessions::Shared {
            return Err(Error::Pooled { target: self.settings.target.to_string() });
        }
        Ok(())
    }

    /// Ends a dead holder's sessions, so that its open migration rolls back. Where that
    /// is refused (another role's), the fence makes us wait for them.
    async fn end_superseded(&self, session: &mut PgConnection, token: &str) {
        let ended = tokio::time::timeout(END_BUDGET, end_all(session, &session_name(token))).await;
        match ended {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => {
                tracing::warn!(step = "fence", count, "ended what was left of the dead holder's sessions");
            }
            Ok(Err(error)) => tracing::warn!(step = "fence", "the dead holder's sessions stay: {error}"),
            Err(_) => tracing::warn!(step = "fence", "the dead holder's sessions do not end"),
        }
    }

    /// Ends every session of this task, if any may be at work, and waits until the server has rolled them
    /// back: a statement that is running does not notice by itself that its client
    /// has gone. A role may end its own sessions (PostgreSQL documentation,
    /// `pg_terminate_backend`).
    pub async fn end_sessions(&self) {
        if self.working_as.load(Ordering::Relaxed) == 0 {
            return;
        }
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
        end_all(&mut connection, &self.session_name).await.map_err(|error| error.to_string())?;
        let _ = connection.close().await;
        Ok(())
    }

    fn fault(&self, error: &sqlx::Error, started: Instant) -> Error {
        fault::classify(error, &self.settings.target, started.elapsed())
    }
}

/// Ends a session in which nothing is open. The server notices it later if it does not hear
/// of it within a second.
pub async fn leave(session: PgConnection) {
    let _ = tokio::time::timeout(LEAVE_BUDGET, session.close()).await;
}

/// The name of a token's sessions.
fn session_name(token: &str) -> String {
    format!("{SESSION_NAME}/{token}")
}

/// Ends every session of that name and waits until none is left. Returns how many
/// there were at first.
async fn end_all(connection: &mut PgConnection, name: &str) -> Result<u64, sqlx::Error> {
    let mut first = None;
    loop {
        let ending = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = $1 AND pid <> pg_backend_pid()",
        );
        let count = ending.bind(name).execute(&mut *connection).await?.rows_affected();
        let first = *first.get_or_insert(count);
        if count == 0 {
            return Ok(first);
        }
        tokio::time::sleep(END_PAUSE).await;
    }
}
