//! Migrations: from whatever state the database is in to the schema of this binary.
//!
//! Promises that each migration runs once, in one transaction together with its rows
//! in both ledgers ([`ledger`]), in ascending order, and that the application's own
//! goose then finds nothing to do. The migrations are the files under `migrations/`,
//! embedded at build time; refinery's `Runner` runs them over [`adapter`].

mod adapter;
mod ledger;
pub mod source;

use std::time::{Duration, Instant};

use refinery::{Migration, Runner, Target};
use sqlx::postgres::{PgConnection, PgDatabaseError, PgErrorPosition};

use crate::database::sqlstate;
use crate::pacing::Backoff;
use crate::wording::{millis, one_line};
use adapter::Adapter;

/// How often a migration is tried that other sessions hold up.
const ATTEMPTS: u32 = 6;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What other sessions can cause (PostgreSQL documentation, "PostgreSQL Error Codes").
const LOCK_NOT_AVAILABLE: &str = "55P03";
const DEADLOCK_DETECTED: &str = "40P01";
const SERIALIZATION_FAILURE: &str = "40001";

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Why the schema was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A migration failed; the server rolled it back.
    #[error(
        "migration {migration} failed and was rolled back: {detail}; nothing of it remains, correct the cause and start the task again"
    )]
    Failed {
        /// Version and name.
        migration: String,
        /// What the server said, with SQLSTATE and line.
        detail: String,
    },
    /// Other sessions were in a migration's way, each time that it was tried.
    #[error(
        "migration {migration} was held up by other sessions and rolled back: {detail}; find them in \
         pg_stat_activity and pg_locks, end them or raise MIGRATION_LOCK_TIMEOUT, and start the task again"
    )]
    HeldUp {
        /// Version and name.
        migration: String,
        /// What the server said, with SQLSTATE and line.
        detail: String,
    },
    /// A version between applied ones was never applied.
    #[error(
        "migrations {missing:?} were never applied although {highest} was; \
         goose refuses this too: apply them by hand or correct goose_db_version"
    )]
    Gap {
        /// The versions without a row.
        missing: Vec<i64>,
        /// The highest version that is applied.
        highest: i64,
    },
    /// An applied migration has another text than this binary's.
    #[error("{0}; run the release that applied it, or compare the two and correct refinery_schema_history")]
    Divergent(String),
    /// The role may not do what migrating needs.
    #[error(
        "{action}: {detail} (SQLSTATE 42501); grant the role the right, for example CREATE on the schema"
    )]
    Denied {
        /// What was tried.
        action: &'static str,
        /// What the server said.
        detail: String,
    },
    /// A ledger is not what it should be.
    #[error("{action}: {detail}; compare the ledger tables with those of goose and refinery")]
    Ledger {
        /// What was tried.
        action: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The connection broke.
    #[error(
        "{action}: the connection to the database was lost: {detail}; start the task again, the ledger tells what is applied"
    )]
    ConnectionLost {
        /// What was tried.
        action: String,
        /// What the network said.
        detail: String,
    },
    /// The embedded migrations are not right in themselves.
    #[error("the embedded migrations are unusable: {0}; report this as a bug")]
    Embedded(String),
}

/// What migrating came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Migrations applied by this run.
    pub applied: usize,
    /// The highest version that is applied now.
    pub schema_version: i64,
}

/// Brings the schema up to date.
///
/// # Errors
/// See [`Error`]. What was applied before the failing migration stays applied.
pub async fn run(connection: PgConnection) -> Result<Summary, Error> {
    let known = embedded::migrations::runner().get_migrations().clone();
    let mut adapter = Adapter::new(connection, &known);
    let applied = ledger::reconcile(adapter.connection(), &known).await?;
    let pending = pending(&known, &applied)?;
    verify(&mut adapter, &known, &applied).await?;
    for migration in &pending {
        apply_patiently(&mut adapter, &known, migration).await?;
    }
    adapter.close().await;
    let newest = pending.iter().map(Migration::version).chain(applied).max();
    Ok(Summary { applied: pending.len(), schema_version: newest.unwrap_or(0) })
}

/// Whether there is nothing to do: every migration is applied, and both ledgers agree.
/// Changes nothing. Returns what a run would come to.
///
/// # Errors
/// Those of the driver.
pub async fn up_to_date(connection: &mut PgConnection) -> Result<Option<Summary>, sqlx::Error> {
    let known = embedded::migrations::runner().get_migrations().clone();
    let version = ledger::up_to_date(connection, &known).await?;
    Ok(version.map(|schema_version| Summary { applied: 0, schema_version }))
}

/// Known migrations without a row in goose's ledger, ascending.
fn pending(known: &[Migration], applied: &[i64]) -> Result<Vec<Migration>, Error> {
    let mut pending: Vec<Migration> =
        known.iter().filter(|migration| !applied.contains(&migration.version())).cloned().collect();
    pending.sort();
    let highest = applied.iter().copied().max().unwrap_or(0);
    let missing: Vec<i64> =
        pending.iter().map(Migration::version).filter(|version| *version < highest).collect();
    if missing.is_empty() { Ok(pending) } else { Err(Error::Gap { missing, highest }) }
}

/// Lets refinery compare the checksums of what is applied.
async fn verify(adapter: &mut Adapter, known: &[Migration], applied: &[i64]) -> Result<(), Error> {
    let newest = known.iter().map(Migration::version).filter(|version| applied.contains(version)).max();
    run_up_to(adapter, known, newest.unwrap_or(0), "checking applied migrations").await.map(drop)
}

/// Applies a migration, again from its beginning while other sessions are in its way: it
/// has been rolled back, and what blocks it for longer than `lock_timeout` would otherwise
/// block the application's traffic behind it.
async fn apply_patiently(
    adapter: &mut Adapter,
    known: &[Migration],
    migration: &Migration,
) -> Result<(), Error> {
    let mut backoff = Backoff::new(LONGEST_PAUSE);
    for attempt in 1..ATTEMPTS {
        let held_up = match apply(adapter, known, migration).await {
            Err(error @ Error::HeldUp { .. }) => error,
            done => return done,
        };
        tracing::warn!(step = "migrate", attempt, "attempt {attempt} of {ATTEMPTS}, trying again: {held_up}");
        tokio::time::sleep(backoff.next(fastrand::f64())).await;
    }
    apply(adapter, known, migration).await
}

async fn apply(adapter: &mut Adapter, known: &[Migration], migration: &Migration) -> Result<(), Error> {
    let started = Instant::now();
    let name = migration.to_string();
    tracing::info!(step = "migrate", migration = name, "applying {name}");
    let report = run_up_to(adapter, known, migration.version(), &name).await?;
    if !report.applied_migrations().contains(migration) {
        return Err(Error::Ledger {
            action: "applying pending migrations",
            detail: format!("refinery_schema_history has a version above {name}, so refinery passed it over"),
        });
    }
    tracing::info!(
        step = "migrate",
        migration = name,
        duration_ms = millis(started.elapsed()),
        "applied {name}"
    );
    Ok(())
}

async fn run_up_to(
    adapter: &mut Adapter,
    known: &[Migration],
    version: i64,
    what: &str,
) -> Result<refinery::Report, Error> {
    let runner = Runner::new(known)
        .set_target(Target::Version(version))
        // Versions that only a newer release knows are no error: see `ledger`.
        .set_abort_missing(false);
    runner.run_async(adapter).await.map_err(|error| read_runner_error(&error, what, known))
}

fn read_runner_error(error: &refinery::Error, what: &str, known: &[Migration]) -> Error {
    use refinery::error::Kind;
    match error.kind() {
        Kind::DivergentVersion(..) => Error::Divergent(error.to_string()),
        Kind::Connection(_, source) => match source.downcast_ref::<sqlx::Error>() {
            Some(error) if is_connection_lost(error) => {
                Error::ConnectionLost { action: what.into(), detail: error.to_string() }
            }
            Some(error @ sqlx::Error::Database(_)) => {
                let sql = known.iter().find(|migration| migration.to_string() == what);
                let sql = sql.and_then(Migration::sql).unwrap_or_default();
                let (migration, detail) = (what.into(), describe(error, sql));
                match sqlstate(error).as_deref() {
                    Some(LOCK_NOT_AVAILABLE | DEADLOCK_DETECTED | SERIALIZATION_FAILURE) => {
                        Error::HeldUp { migration, detail }
                    }
                    _ => Error::Failed { migration, detail },
                }
            }
            _ => Error::Ledger { action: "reading refinery_schema_history", detail: source.to_string() },
        },
        _ => Error::Embedded(error.to_string()),
    }
}

/// Whether the session is gone: by the network, or because the server ended it (SQLSTATE
/// classes 08 and 57P; PostgreSQL documentation, "PostgreSQL Error Codes").
fn is_connection_lost(error: &sqlx::Error) -> bool {
    let ended = |code: &str| code.starts_with("08") || code.starts_with("57P");
    matches!(error, sqlx::Error::Io(_)) || sqlstate(error).is_some_and(|code| ended(&code))
}

/// The server's error with everything that helps to find the place.
fn describe(error: &sqlx::Error, sql: &str) -> String {
    let Some(server) = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>()) else {
        return error.to_string();
    };
    let mut told = format!("{} (SQLSTATE {})", server.message(), server.code());
    if let Some(PgErrorPosition::Original(position)) = server.position() {
        let line = 1 + sql.chars().take(position.saturating_sub(1)).filter(|c| *c == '\n').count();
        told = format!("{told} at line {line}, position {position}");
    }
    for (label, text) in [("detail", server.detail()), ("hint", server.hint())] {
        if let Some(text) = text {
            told = format!("{told}, {label}: {}", one_line(text));
        }
    }
    told
}

/// Reads an error of our own statements, which touch only the ledgers.
fn read_ledger_error(action: &'static str, error: &sqlx::Error) -> Error {
    match error {
        _ if is_connection_lost(error) => {
            Error::ConnectionLost { action: action.into(), detail: error.to_string() }
        }
        _ if sqlstate(error).as_deref() == Some("42501") => {
            let detail =
                error.as_database_error().map_or_else(|| error.to_string(), |e| e.message().to_owned());
            Error::Denied { action, detail }
        }
        _ => Error::Ledger { action, detail: describe(error, "") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Migration> {
        embedded::migrations::runner().get_migrations().clone()
    }

    fn versions(migrations: &[Migration]) -> Vec<i64> {
        migrations.iter().map(Migration::version).collect()
    }

    #[test]
    fn the_embedded_migrations_are_those_of_the_application() {
        let mut known = known();
        known.sort();
        let names: Vec<String> = known.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "V1__initial_schema",
                "V2__add_deactivation_columns",
                "V3__add_cache_hit_count",
                "V4__add_token_id",
                "V5__rename_openai_api_key_to_api_key",
                "V6__fix_outcome_constraint",
            ]
        );
    }

    #[test]
    fn what_has_no_row_is_pending() {
        assert_eq!(versions(&pending(&known(), &[]).unwrap()), [1, 2, 3, 4, 5, 6]);
        assert_eq!(versions(&pending(&known(), &[1, 2, 3]).unwrap()), [4, 5, 6]);
        assert_eq!(versions(&pending(&known(), &[1, 2, 3, 4, 5, 6, 7]).unwrap()), [0_i64; 0]);
    }

    #[test]
    fn a_gap_is_an_error_that_names_the_versions() {
        let error = pending(&known(), &[1, 4, 6]).unwrap_err();
        assert!(matches!(&error, Error::Gap { missing, highest: 6 } if *missing == [2, 3, 5]), "{error}");
    }
}
