//! Attempts: one migration until it is applied, or until it is clear that it can't be.
//!
//! Promises that a migration which other sessions are in the way of is tried again from
//! its beginning, for what blocks it longer than `lock_timeout` would otherwise block the
//! application's traffic behind it; that one which runs without a transaction and has run to
//! its end is only recorded again, and one which has not is run again in a new session; that
//! each try is made behind the fence; that all this is tried a bounded number of times; and that
//! after every failure the ledger is asked whether the migration is applied all the same:
//! nothing is guessed from a connection that was lost, not even by whom it was applied.

use std::time::{Duration, Instant};

use refinery::{Runner, Target};
use sqlx::postgres::PgConnection;

use super::adapter::{self, Adapter};
use super::error::{Error, Told, is_connection_lost, is_held_up};
use super::{Ready, ledger};
use crate::database;
use crate::database::sqlstate;
use crate::pacing::Backoff;
use crate::wording::millis;

/// How often a migration is tried; and, without a transaction, how often its recording is.
const ATTEMPTS: u32 = 6;
/// How often, when the connection is lost each time: what brings a server down must not do
/// so again and again.
const LOSSES: u32 = 3;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A session, and how to get another one.
pub struct Attempts<R> {
    adapter: Adapter,
    reopen: R,
}

/// How one try failed.
#[derive(Debug)]
enum Failure {
    /// It could succeed the next time.
    Passing(Error),
    /// The session is gone.
    Lost(String),
    /// It would fail again.
    Lasting(Error),
}

impl<R: AsyncFn() -> Result<PgConnection, database::Error>> Attempts<R> {
    /// Tries are made with `adapter`; `reopen` gets a new session in place of its own.
    pub fn new(adapter: Adapter, reopen: R) -> Self {
        Self { adapter, reopen }
    }

    /// The session, for what is left to do.
    pub fn into_session(self) -> PgConnection {
        self.adapter.into_connection()
    }

    /// Applies a migration. Whether it was us: another session may have come before.
    pub async fn apply(&mut self, ready: &Ready<'_>) -> Result<bool, Error> {
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        let (mut attempt, mut losses, mut is_recording) = (1, 0, false);
        loop {
            let started = Instant::now();
            let name = ready.entry.to_string();
            if self.restore_fence(ready).await? {
                return Ok(false);
            }
            let what = if is_recording { "recording" } else { "applying" };
            tracing::info!(step = "migrate", migration = name, "{what} {name}");
            let failure = match self.run(ready).await {
                Ok(()) => {
                    let duration_ms = millis(started.elapsed());
                    tracing::info!(step = "migrate", migration = name, duration_ms, "applied {name}");
                    return Ok(true);
                }
                Err(failure) => failure,
            };
            let was_lost = matches!(failure, Failure::Lost(_));
            losses += u32::from(was_lost);
            if self.is_applied_all_the_same(ready, &failure).await? {
                return Ok(was_lost);
            }
            let has_run = self.adapter.has_run();
            if has_run && !is_recording {
                (attempt, is_recording) = (1, true);
            }
            let passing = match failure {
                Failure::Lasting(error) => return Err(tell(self.complete(error, ready).await)),
                Failure::Passing(error) => error,
                Failure::Lost(detail) if has_run => {
                    lost(&name, &detail, "all its statements have run, and the ledger does not say so")
                }
                Failure::Lost(detail) => lost(&name, &detail, "it is not applied, says the ledger"),
            };
            if attempt == ATTEMPTS || losses == LOSSES {
                return Err(tell(passing));
            }
            tracing::warn!(
                step = "migrate",
                attempt,
                "attempt {attempt} of {ATTEMPTS}, trying again: {passing}"
            );
            attempt += 1;
            tokio::time::sleep(backoff.next(fastrand::f64())).await;
        }
    }

    /// Goes on in a new session if the one at hand no longer has the fence: migrations may have
    /// given it away. Whether somebody has applied this one while there was none.
    async fn restore_fence(&mut self, ready: &Ready<'_>) -> Result<bool, Error> {
        let detail = match database::is_fenced(self.adapter.connection()).await {
            Ok(true) => return Ok(false),
            Ok(false) => "a migration has unlocked all advisory locks".to_owned(),
            Err(error) => error.to_string(),
        };
        let name = ready.entry.to_string();
        tracing::warn!(
            step = "migrate",
            migration = name,
            "the session does not have the fence any more, going on with {name} in a new one: {detail}"
        );
        self.renew(&name, &detail).await?;
        let read = self.is_applied(ready).await;
        read.map_err(|error| Error::of_ledger("reading the ledgers in a new session", &error))
    }

    /// One try.
    async fn run(&mut self, ready: &Ready<'_>) -> Result<(), Failure> {
        self.adapter.prepare(ready.entry.version(), &ready.script);
        let runner = Runner::new(std::slice::from_ref(&ready.entry.migration))
            .set_target(Target::Version(ready.entry.version()))
            .set_abort_missing(false);
        match runner.run_async(&mut self.adapter).await {
            Ok(report) if report.applied_migrations().is_empty() => Err(Failure::Lasting(Error::Runner {
                migration: ready.entry.to_string(),
                detail: "it was passed over".into(),
            })),
            Ok(_) => Ok(()),
            Err(error) => Err(read(&error, ready)),
        }
    }

    /// Asks the ledger, over the session in which the next try is made.
    async fn is_applied_all_the_same(&mut self, ready: &Ready<'_>, failure: &Failure) -> Result<bool, Error> {
        let name = ready.entry.to_string();
        match failure {
            Failure::Lost(detail) => {
                tracing::warn!(
                    step = "migrate",
                    migration = name,
                    "the connection was lost while {name} ran: {detail}"
                );
                self.renew(&name, detail).await?;
            }
            // What its statements did to the session would still be there: temporary tables, a role.
            Failure::Passing(error) if !ready.script.in_transaction && !self.adapter.has_run() => {
                self.renew(&name, &error.to_string()).await?;
            }
            Failure::Passing(_) | Failure::Lasting(_) => {}
        }
        match (self.is_applied(ready).await, failure) {
            (Ok(is_applied), _) => Ok(is_applied),
            // What failed first tells more.
            (Err(_), Failure::Lasting(_)) => Ok(false),
            (Err(error), _) => Err(Error::of_ledger("reading the ledgers after a failure", &error)),
        }
    }

    async fn is_applied(&mut self, ready: &Ready<'_>) -> Result<bool, sqlx::Error> {
        let ledgers = ledger::read(self.adapter.connection()).await?;
        let is_applied = ledgers.applied(ready.entry.version()).is_some();
        if is_applied {
            let name = ready.entry.to_string();
            tracing::warn!(
                step = "migrate",
                migration = name,
                "{name} is applied all the same, says the ledger"
            );
        }
        Ok(is_applied)
    }

    /// Goes on in a new session; `detail` is why.
    async fn renew(&mut self, name: &str, detail: &str) -> Result<(), Error> {
        let session = (self.reopen)().await.map_err(|error| {
            let fate = "whether it is applied is not known, for no other connection could be had";
            lost(name, detail, &format!("{fate}: {error}"))
        })?;
        self.adapter.replace(session);
        Ok(())
    }

    /// Says of a migration without a transaction what it has left behind.
    async fn complete(&mut self, error: Error, ready: &Ready<'_>) -> Error {
        let (migration, told) = match error {
            Error::Failed { migration, told } if !ready.script.in_transaction => (migration, told),
            other => return other,
        };
        let invalid = ready.ruins(self.adapter.connection()).await.unwrap_or_default();
        let left = match invalid.as_slice() {
            [] => String::new(),
            names => format!(", and the invalid index {}, which the next run drops", names.join(", ")),
        };
        Error::HalfDone { migration, told, left }
    }
}

/// Logs what the server said in fields of their own, for programs that look for them.
fn tell(error: Error) -> Error {
    if let Error::Failed { migration, told }
    | Error::HalfDone { migration, told, .. }
    | Error::Unrecorded { migration, told, .. }
    | Error::HeldUp { migration, told } = &error
    {
        tracing::error!(
            step = "migrate",
            migration,
            file = told.file,
            line = told.line,
            statement = told.statement,
            sqlstate = told.sqlstate,
            detail = told.detail,
            hint = told.hint,
            "{}",
            told.message
        );
    }
    error
}

fn lost(migration: &str, detail: &str, fate: &str) -> Error {
    Error::ConnectionLost { action: format!("migration {migration}"), detail: format!("{detail}; {fate}") }
}

fn read(error: &refinery::Error, ready: &Ready<'_>) -> Failure {
    use refinery::error::Kind;
    let migration = ready.entry.to_string();
    let file = &ready.entry.file.path;
    let Kind::Connection(_, source) = error.kind() else {
        return Failure::Lasting(Error::Runner { migration, detail: error.to_string() });
    };
    let fault = source.downcast_ref::<adapter::Error>();
    let (statement, error) = match fault {
        Some(adapter::Error::Statement { index, source }) => (ready.script.statements.get(*index), source),
        Some(adapter::Error::Around(source) | adapter::Error::Unrecorded(source)) => (None, source),
        // The ledger is asked next, and tells.
        Some(adapter::Error::Overtaken) => {
            return Failure::Passing(Error::Runner { migration, detail: source.to_string() });
        }
        Some(adapter::Error::InWork(_)) => {
            let told = Told { file: file.clone(), message: source.to_string(), ..Told::default() };
            return Failure::Passing(Error::HeldUp { migration, told: Box::new(told) });
        }
        Some(adapter::Error::Escaped) => {
            return Failure::Lasting(Error::Escaped { migration, file: file.clone() });
        }
        None => return Failure::Lasting(Error::Runner { migration, detail: source.to_string() }),
    };
    let told = Box::new(Told::of(error, file, statement));
    let is_passing = sqlstate(error).is_some_and(|code| is_held_up(&code));
    if is_connection_lost(error) {
        return Failure::Lost(told.to_string());
    }
    let error = match fault {
        Some(adapter::Error::Unrecorded(_)) => {
            Error::Unrecorded { migration, version: ready.entry.version(), told }
        }
        _ if is_passing => Error::HeldUp { migration, told },
        _ => Error::Failed { migration, told },
    };
    if is_passing { Failure::Passing(error) } else { Failure::Lasting(error) }
}
