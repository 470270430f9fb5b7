//! Why the schema is not up to date, and what the server said about a statement.

use std::fmt;

use sqlx::postgres::{PgDatabaseError, PgErrorPosition, PgSeverity};

use super::source::{self, Statement};
use crate::database::sqlstate;
use crate::wording::one_line;

/// As much of a statement as a log line repeats, in characters.
const LONGEST_STATEMENT: usize = 300;

/// What other sessions can cause (PostgreSQL documentation, "PostgreSQL Error Codes"):
/// lock not available, deadlock detected, serialization failure.
const HELD_UP: [&str; 3] = ["55P03", "40P01", "40001"];

/// Why the schema was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The migrations can't be read.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// A migration would end the transaction that it shares with its rows in the ledgers.
    #[error(
        "{file}:{line}: {word} in a migration that runs in a transaction; take it out, or mark the migration \
         as one without a transaction; if a function ends here, put StatementBegin and StatementEnd around it"
    )]
    OwnTransaction {
        /// The migration's file.
        file: String,
        /// The statement's line.
        line: usize,
        /// Its first word.
        word: String,
    },
    /// A migration expects rows that nobody sends.
    #[error("{file}:{line}: COPY FROM STDIN in a migration, which has no rows to send; use INSERT")]
    CopyFromClient {
        /// The migration's file.
        file: String,
        /// The statement's line.
        line: usize,
    },
    /// A migration sends rows that nobody takes.
    #[error(
        "{file}:{line}: COPY TO STDOUT in a migration, where nobody takes the rows; take it out, or copy them into \
         a table"
    )]
    CopyToClient {
        /// The migration's file.
        file: String,
        /// The statement's line.
        line: usize,
    },
    /// A migration failed; the server rolled it back.
    #[error(
        "migration {migration} failed and was rolled back: {told}; nothing of it remains, correct the cause and start the task again"
    )]
    Failed {
        /// Version and name.
        migration: String,
        /// What the server said, and where.
        told: Box<Told>,
    },
    /// A migration that runs without a transaction failed.
    #[error(
        "migration {migration} failed: {told}; it runs without a transaction, so what its earlier statements did stays{left}; \
         correct the cause and start the task again: it is run from its beginning"
    )]
    HalfDone {
        /// Version and name.
        migration: String,
        /// What the server said, and where.
        told: Box<Told>,
        /// Invalid indexes that it left, in words.
        left: String,
    },
    /// A migration that runs without a transaction is done, but not recorded.
    #[error(
        "migration {migration} is not recorded, though all its statements have run: {told}; correct the cause (for a \
         lock, see pg_stat_activity and pg_locks), then INSERT INTO goose_db_version (version_id, is_applied) VALUES \
         ({version}, true) and start the task again; without that row the whole migration is run again"
    )]
    Unrecorded {
        /// Version and name.
        migration: String,
        /// Its version.
        version: i64,
        /// What the server said.
        told: Box<Told>,
    },
    /// A migration ended its own transaction by a way that its text does not show.
    #[error(
        "migration {migration} ({file}) ended its own transaction: what it did stays, and it is not recorded; \
         see what is there, mend it by hand, and mark the migration as one without a transaction"
    )]
    Escaped {
        /// Version and name.
        migration: String,
        /// Its file.
        file: String,
    },
    /// Other sessions were in a migration's way, each time that it was tried.
    #[error(
        "migration {migration} was held up by other sessions: {told}; find them in \
         pg_stat_activity and pg_locks, end them or raise MIGRATION_LOCK_TIMEOUT, and start the task again"
    )]
    HeldUp {
        /// Version and name.
        migration: String,
        /// What the server said, and where.
        told: Box<Told>,
    },
    /// A version between applied ones was never applied.
    #[error(
        "migrations {missing:?} were never applied although {highest} was; goose refuses this too: \
         apply them with --allow-missing (ALLOW_MISSING=true) if they don't depend on order, or correct goose_db_version"
    )]
    Gap {
        /// The versions without a row.
        missing: Vec<i64>,
        /// The highest version that is applied.
        highest: i64,
    },
    /// Applied migrations have another text than those that we know.
    #[error(
        "applied migrations were changed since: {}; run the release that applied them, or, if the schema is right, \
         record their present text with --accept-divergent (ACCEPT_DIVERGENT=true)",
        .0.join(", ")
    )]
    Divergent(Vec<String>),
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
    /// Other sessions keep a ledger locked.
    #[error(
        "{action}: other sessions are in the way: {detail}; find them in pg_stat_activity and pg_locks, \
         end them or raise MIGRATION_LOCK_TIMEOUT, and start the task again"
    )]
    LedgerBusy {
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
    /// The connection broke, again and again or for good.
    #[error(
        "{action}: the connection to the database was lost: {detail}; start the task again, the ledger tells what is applied"
    )]
    ConnectionLost {
        /// What was tried.
        action: String,
        /// What the network said, and what is known of the migration.
        detail: String,
    },
    /// Refinery refuses to run a migration.
    #[error("refinery can't run migration {migration}: {detail}; report this as a bug")]
    Runner {
        /// Version and name.
        migration: String,
        /// What it said.
        detail: String,
    },
}

/// What the server said about a statement, with everything that helps to find the place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The migration's file.
    pub file: String,
    /// The line in it.
    pub line: Option<usize>,
    /// The statement, shortened, in one line.
    pub statement: Option<String>,
    /// The code.
    pub sqlstate: Option<String>,
    /// The message.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// What the server advises.
    pub hint: Option<String>,
}

impl Told {
    /// Reads an error that `statement` of `file` brought, or something around it.
    pub fn of(error: &sqlx::Error, file: &str, statement: Option<&Statement>) -> Self {
        let mut told = Self {
            file: file.into(),
            line: statement.map(|statement| statement.line),
            statement: statement.map(|statement| shortened(statement.without_heading())),
            sqlstate: sqlstate(error).map(Into::into),
            message: one_line(&error.to_string()),
            ..Self::default()
        };
        let server = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
        if let Some(server) = server {
            told.message = one_line(server.message());
            told.detail = server.detail().map(one_line);
            told.hint = server.hint().map(one_line);
            if let (Some(statement), Some(PgErrorPosition::Original(position))) =
                (statement, server.position())
            {
                told.line = Some(statement.line_at(position));
            }
        }
        told
    }
}

fn shortened(sql: &str) -> String {
    let text = one_line(sql.trim());
    match text.char_indices().nth(LONGEST_STATEMENT) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " (SQLSTATE {sqlstate})")?;
        }
        write!(f, " in {}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        let more = [("statement", &self.statement), ("detail", &self.detail), ("hint", &self.hint)];
        for (label, text) in more {
            if let Some(text) = text {
                write!(f, ", {label}: {text}")?;
            }
        }
        Ok(())
    }
}

impl Error {
    /// Reads an error of our own statements, which touch only the ledgers.
    pub fn of_ledger(action: &'static str, error: &sqlx::Error) -> Self {
        match error {
            _ if is_connection_lost(error) => {
                Self::ConnectionLost { action: action.into(), detail: one_line(&error.to_string()) }
            }
            _ if sqlstate(error).as_deref() == Some("42501") => {
                let detail =
                    error.as_database_error().map_or_else(|| error.to_string(), |e| e.message().to_owned());
                Self::Denied { action, detail }
            }
            _ => {
                let detail = Told::of(error, "the ledgers", None).to_string();
                let is_busy = sqlstate(error).is_some_and(|code| is_held_up(&code));
                if is_busy { Self::LedgerBusy { action, detail } } else { Self::Ledger { action, detail } }
            }
        }
    }
}

/// Whether the error with that SQLSTATE is other sessions' doing.
pub fn is_held_up(code: &str) -> bool {
    HELD_UP.contains(&code)
}

/// Whether the session is gone: by the network, or because the server ended it, which is what
/// the severities FATAL and PANIC say (PostgreSQL documentation, "Message Severity Levels"). A
/// mere ERROR with a connection's SQLSTATE is a statement's, about another server that it
/// wanted to reach.
pub fn is_connection_lost(error: &sqlx::Error) -> bool {
    let server = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_))
        || server.is_some_and(|e| matches!(e.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_statement_is_shortened_to_one_line() {
        assert_eq!(shortened("\nSELECT\n  1"), "SELECT 1");
        assert_eq!(shortened(&"é".repeat(400)).chars().count(), LONGEST_STATEMENT + 3);
    }
}
