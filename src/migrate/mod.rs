//! Migrations: from whatever state the database is in to the schema of this run.
//!
//! Promises that each migration runs once, together with its rows in both ledgers
//! ([`ledger`]), in ascending order; that a run which can't be finished is refused before
//! it changes anything, as far as that can be known ([`standing`]); and that the
//! application's own goose then finds nothing to do. The migrations are those under
//! `migrations/`, embedded at build time, or a folder's ([`catalogue`]); refinery's
//! `Runner` runs them over [`adapter`].

mod adapter;
mod attempts;
pub mod catalogue;
mod concurrent;
mod error;
pub mod ledger;
pub mod look;
pub mod source;
pub mod standing;

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;

pub use catalogue::Catalogue;
pub use error::{Error, Told};

use crate::database;
use crate::database::sqlstate;
use crate::pacing::Backoff;
use crate::settings::MigrationSettings;
use adapter::{Adapter, Limits};
use attempts::Attempts;
use catalogue::Entry;
use ledger::Ledgers;
use source::{Script, Statement, Word, Words};
use standing::{State, assess};

/// How often reconciling is tried while the application creates its ledger at the same time.
const RECONCILING_TRIES: u32 = 6;
/// The longest pause between two of these.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A migration that can be run.
#[derive(Debug)]
pub struct Ready<'a> {
    /// Which.
    pub entry: &'a Entry,
    /// What it consists of.
    pub script: Script,
}

impl Ready<'_> {
    /// Invalid indexes that an earlier try has left, by their full names; the next one drops
    /// them first. Only what runs without a transaction can leave any.
    ///
    /// # Errors
    /// Those of the driver.
    pub async fn ruins(&self, connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
        let mut names = Vec::new();
        if self.script.in_transaction {
            return Ok(names);
        }
        for statement in &self.script.statements {
            let ruins = concurrent::ruins(connection, &statement.sql).await?;
            names.extend(ruins.into_iter().filter(|ruin| !ruin.is_in_work).map(|ruin| ruin.index));
        }
        Ok(names)
    }
}

/// What migrating came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Migrations applied by this run.
    pub applied: usize,
    /// The highest version that is applied now.
    pub schema_version: i64,
}

/// The migrations that the settings ask for.
///
/// # Errors
/// [`Error::Source`].
pub fn open(settings: &MigrationSettings) -> Result<Catalogue, Error> {
    Ok(Catalogue::open(settings.folder.as_deref())?)
}

/// Brings the schema up to date. `session` has the fence; `reopen` gets another one that
/// has it, when the connection was lost or can't be used for another try.
///
/// # Errors
/// See [`Error`]. What was applied before the failing migration stays applied.
pub async fn run(
    mut session: PgConnection,
    catalogue: &Catalogue,
    settings: &MigrationSettings,
    reopen: impl AsyncFn() -> Result<PgConnection, database::Error>,
) -> Result<Summary, Error> {
    let limits = Limits { lock: settings.lock_timeout, statement: settings.statement_timeout };
    let set = limits.set(&mut session).await;
    set.map_err(|error| Error::of_ledger("setting time limits", &error))?;
    let ledgers = reconcile(&mut session, catalogue, settings).await?;
    let todo = to_run(catalogue, &ledgers, settings)?;
    let mut attempts = Attempts::new(Adapter::new(session, limits), reopen);
    let mut schema_version = ledgers.schema_version();
    let mut applied = 0;
    for ready in &todo {
        applied += usize::from(attempts.apply(ready).await?);
        schema_version = schema_version.max(ready.entry.version());
    }
    let mut session = attempts.into_session();
    if applied < todo.len() {
        // What others have applied is in goose's ledger alone.
        reconcile(&mut session, catalogue, settings).await?;
    }
    let _ = session.close().await;
    Ok(Summary { applied, schema_version })
}

/// What a run would come to, if there is nothing to do: every migration is applied, and both
/// ledgers agree.
///
/// # Errors
/// What is to be applied can't be, whatever happens in the meantime.
pub fn nothing_to_do(catalogue: &Catalogue, ledgers: &Ledgers) -> Result<Option<Summary>, Error> {
    not_applied(catalogue, ledgers).into_iter().try_for_each(|entry| ready(entry).map(drop))?;
    let summary = || Summary { applied: 0, schema_version: ledgers.schema_version() };
    Ok(is_up_to_date(catalogue, ledgers).then(summary))
}

fn is_up_to_date(catalogue: &Catalogue, ledgers: &Ledgers) -> bool {
    !ledgers.goose.is_empty() && assess(catalogue, ledgers).is_up_to_date()
}

fn not_applied<'a>(catalogue: &'a Catalogue, ledgers: &Ledgers) -> Vec<&'a Entry> {
    let is_applied = |entry: &&Entry| ledgers.applied(entry.version()).is_some();
    catalogue.entries().iter().filter(|entry| !is_applied(entry)).collect()
}

/// What a run would run, in order.
///
/// # Errors
/// What would make it refuse to begin.
pub fn to_run<'a>(
    catalogue: &'a Catalogue,
    ledgers: &Ledgers,
    settings: &MigrationSettings,
) -> Result<Vec<Ready<'a>>, Error> {
    let divergent = assess(catalogue, ledgers).entries(State::Divergent);
    let divergent: Vec<String> = divergent.into_iter().map(ToString::to_string).collect();
    if !divergent.is_empty() && !settings.accept_divergent {
        return Err(Error::Divergent(divergent));
    }
    let todo = not_applied(catalogue, ledgers);
    let highest = ledgers.schema_version();
    let missing: Vec<i64> =
        todo.iter().map(|entry| entry.version()).filter(|version| *version < highest).collect();
    if !missing.is_empty() && !settings.allow_missing {
        return Err(Error::Gap { missing, highest });
    }
    todo.into_iter().map(ready).collect()
}

/// Understands a migration, and sees whether it can be run as it is promised.
fn ready(entry: &Entry) -> Result<Ready<'_>, Error> {
    let script = entry.file.script()?;
    for (line, sql) in script.statements.iter().flat_map(Statement::parts) {
        check(&entry.file.path, line, sql, script.in_transaction)?;
    }
    Ok(Ready { entry, script })
}

/// Refuses a statement that can't be run as it is promised.
fn check(file: &str, line: usize, sql: &str, in_transaction: bool) -> Result<(), Error> {
    let file = || file.to_owned();
    if in_transaction && ends_transaction(sql) {
        let word = Words::of(sql).find_map(|word| word.name()).unwrap_or_default();
        return Err(Error::OwnTransaction { file: file(), line, word: word.to_uppercase() });
    }
    if copies_with_client(sql, "FROM") {
        return Err(Error::CopyFromClient { file: file(), line });
    }
    if copies_with_client(sql, "TO") {
        return Err(Error::CopyToClient { file: file(), line });
    }
    Ok(())
}

/// Whether a statement waits for rows from the client, or sends it rows (PostgreSQL
/// documentation, "COPY"). Its grammar takes either word for the client in both directions.
fn copies_with_client(sql: &str, direction: &str) -> bool {
    let mut words = Words::of(sql).peekable();
    if !words.next().is_some_and(|first| first.is("COPY")) {
        return false;
    }
    // The FROM of a query in parentheses is its own.
    if direction == "FROM" && words.peek() == Some(&Word::Left) {
        return false;
    }
    let is_client = |word: &Word<'_>| word.is("STDIN") || word.is("STDOUT");
    while let Some(word) = words.next() {
        if word.is(direction) && words.peek().is_some_and(is_client) {
            return true;
        }
    }
    false
}

/// Whether a statement ends the transaction that it is in (PostgreSQL documentation,
/// "SQL Commands"). Going back to a savepoint does not.
fn ends_transaction(sql: &str) -> bool {
    let mut words = Words::of(sql);
    let Some(first) = words.next() else { return false };
    let is_one_of = |keywords: &[&str], word: &Word<'_>| keywords.iter().any(|keyword| word.is(keyword));
    if first.is("PREPARE") {
        return words.next().is_some_and(|word| word.is("TRANSACTION"));
    }
    let second = words.find(|word| !is_one_of(&["WORK", "TRANSACTION"], word));
    let to_savepoint = first.is("ROLLBACK") && second.is_some_and(|word| word.is("TO"));
    is_one_of(&["COMMIT", "END", "ROLLBACK", "ABORT"], &first) && !to_savepoint
}

/// Reconciles the ledgers, again while somebody else creates or changes them at the same
/// time: an application that is starting does.
async fn reconcile(
    session: &mut PgConnection,
    catalogue: &Catalogue,
    settings: &MigrationSettings,
) -> Result<Ledgers, Error> {
    let mut backoff = Backoff::new(LONGEST_PAUSE);
    let mut tries = 1;
    loop {
        let (action, error) = match try_to_reconcile(session, catalogue, settings).await {
            Ok(ledgers) => return ledgers,
            Err(failure) => failure,
        };
        let is_passing = sqlstate(&error).is_some_and(|code| is_concurrent_change(&code));
        if !is_passing || tries == RECONCILING_TRIES {
            return Err(Error::of_ledger(action, &error));
        }
        tracing::info!(step = "migrate", "{action}, again: {error}");
        tries += 1;
        tokio::time::sleep(backoff.next(fastrand::f64())).await;
    }
}

/// What can't be finished is refused before there are even ledgers.
async fn try_to_reconcile(
    session: &mut PgConnection,
    catalogue: &Catalogue,
    settings: &MigrationSettings,
) -> Result<Result<Ledgers, Error>, (&'static str, sqlx::Error)> {
    let found = ledger::read(session).await.map_err(|error| ("reading the ledgers", error))?;
    if let Err(refusal) = to_run(catalogue, &found, settings) {
        return Ok(Err(refusal));
    }
    ledger::reconcile(session, catalogue, settings.accept_divergent).await.map(Ok)
}

/// A table or a row that another session has just made, or a lock that it has for now
/// (PostgreSQL documentation, "PostgreSQL Error Codes").
fn is_concurrent_change(code: &str) -> bool {
    const DUPLICATE: [&str; 3] = ["42P07", "42710", "23505"];
    DUPLICATE.contains(&code) || error::is_held_up(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_transaction_is_told_from_what_does_not() {
        for sql in [
            "COMMIT",
            " -- x\ncommit work",
            "END",
            "ROLLBACK",
            "ABORT",
            "PREPARE TRANSACTION 'x'",
            "rollback and chain",
        ] {
            assert!(ends_transaction(sql), "{sql}");
        }
        for sql in [
            "ROLLBACK TO a",
            "ROLLBACK WORK TO SAVEPOINT a",
            "SAVEPOINT a",
            "PREPARE p AS SELECT 1",
            "BEGIN",
            "",
        ] {
            assert!(!ends_transaction(sql), "{sql}");
        }
    }

    #[test]
    fn rows_from_and_to_the_client_are_told_from_other_copies() {
        for sql in
            ["COPY t (a, b) FROM STDIN;", "copy \"From\" from stdin with (format csv)", "COPY t FROM STDOUT"]
        {
            assert!(copies_with_client(sql, "FROM") && !copies_with_client(sql, "TO"), "{sql}");
        }
        for sql in
            ["COPY t TO STDOUT", "copy (SELECT a FROM stdin) to stdout (format csv)", "COPY t TO STDIN"]
        {
            assert!(copies_with_client(sql, "TO") && !copies_with_client(sql, "FROM"), "{sql}");
        }
        for sql in [
            "COPY t FROM '/file'",
            "COPY t FROM PROGRAM 'x'",
            "COPY (SELECT a FROM stdin) TO '/file'",
            "SELECT 1 FROM stdin",
            "",
        ] {
            assert!(!copies_with_client(sql, "FROM") && !copies_with_client(sql, "TO"), "{sql}");
        }
    }
}
