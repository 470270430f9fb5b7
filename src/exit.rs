//! Exit codes: the one table from an error to the number that ECS shows.
//!
//! Promises the numbers of `sysexits.h` where it has one, and that a code tells an
//! operator which part to look at; the log line tells the rest.

use crate::error::Error;
use crate::stop::{Cause, Signal};
use crate::{aws, config, database, lock, migrate};

/// What the process ends with. The number is part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything is done.
    Done = 0,
    /// A migration failed and was rolled back.
    MigrationFailed = 1,
    /// Bad usage or settings (`EX_USAGE`).
    Usage = 64,
    /// The provider config or a migration file is invalid (`EX_DATAERR`).
    InvalidData = 65,
    /// DynamoDB, SSM or PostgreSQL can't be reached (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// A bug of this program (`EX_SOFTWARE`).
    Software = 70,
    /// The config file can't be written (`EX_CANTCREAT`).
    CannotWrite = 73,
    /// Gave up waiting for the lock (`EX_TEMPFAIL`).
    LockTimeout = 75,
    /// The lease was lost while working (`EX_PROTOCOL`).
    LeaseLost = 76,
    /// Permission denied or credentials missing (`EX_NOPERM`).
    NoPermission = 77,
    /// The lock table, the parameter or the database doesn't exist or has the
    /// wrong shape (`EX_CONFIG`).
    Missing = 78,
    /// Interrupted by SIGINT: 128 plus the signal's number, as shells have it.
    Interrupted = 130,
    /// Stopped by SIGTERM: 128 plus the signal's number.
    Terminated = 143,
}

impl ExitCode {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

impl From<&Error> for ExitCode {
    fn from(error: &Error) -> Self {
        match error {
            Error::Environment(_) | Error::Settings(_) => Self::Usage,
            Error::Aws(error) => error.into(),
            Error::Lock(error) => error.into(),
            Error::Config(error) => error.into(),
            Error::Database(error) => error.into(),
            Error::Migrate(error) => error.into(),
            Error::Stopped(Cause::Signal(Signal::Interrupt)) => Self::Interrupted,
            Error::Stopped(Cause::Signal(Signal::Terminate)) => Self::Terminated,
            Error::Stopped(Cause::Failure | Cause::NothingToDo) | Error::Runtime(_) => Self::Software,
        }
    }
}

impl From<&aws::Error> for ExitCode {
    fn from(error: &aws::Error) -> Self {
        match error.kind {
            aws::Kind::NoRegion => Self::Usage,
            aws::Kind::NoCredentials | aws::Kind::Denied => Self::NoPermission,
            aws::Kind::Missing | aws::Kind::WrongShape => Self::Missing,
            aws::Kind::Unreachable | aws::Kind::Busy => Self::Unavailable,
        }
    }
}

impl From<&lock::Error> for ExitCode {
    fn from(error: &lock::Error) -> Self {
        match error {
            lock::Error::Aws(error) => error.into(),
            lock::Error::GaveUp { .. } => Self::LockTimeout,
            lock::Error::Lost(_) => Self::LeaseLost,
            lock::Error::WrongItem { .. } => Self::Missing,
        }
    }
}

impl From<&config::Error> for ExitCode {
    fn from(error: &config::Error) -> Self {
        match error {
            config::Error::Aws(error) => error.into(),
            config::Error::WrongType { .. } | config::Error::Unreadable { .. } => Self::Missing,
            config::Error::Invalid { .. } | config::Error::Packed { .. } => Self::InvalidData,
            config::Error::Write { .. } => Self::CannotWrite,
        }
    }
}

impl From<&database::Error> for ExitCode {
    fn from(error: &database::Error) -> Self {
        match error {
            database::Error::File { .. }
            | database::Error::Misconfigured { .. }
            | database::Error::Pooled { .. } => Self::Usage,
            database::Error::Refused { .. } => Self::NoPermission,
            database::Error::NoDatabase { .. } => Self::Missing,
            database::Error::Fenced { .. } => Self::LockTimeout,
            database::Error::Unreachable { .. }
            | database::Error::Vanished { .. }
            | database::Error::Silent { .. }
            | database::Error::Unusable { .. }
            | database::Error::Tls { .. } => Self::Unavailable,
        }
    }
}

impl From<&migrate::Error> for ExitCode {
    fn from(error: &migrate::Error) -> Self {
        match error {
            migrate::Error::Failed { .. }
            | migrate::Error::HalfDone { .. }
            | migrate::Error::Unrecorded { .. }
            | migrate::Error::Escaped { .. }
            | migrate::Error::HeldUp { .. }
            | migrate::Error::LedgerBusy { .. }
            | migrate::Error::Gap { .. }
            | migrate::Error::Divergent { .. } => Self::MigrationFailed,
            migrate::Error::Source(error) if error.is_environment() => Self::Usage,
            migrate::Error::Source(_)
            | migrate::Error::OwnTransaction { .. }
            | migrate::Error::CopyFromClient { .. }
            | migrate::Error::CopyToClient { .. } => Self::InvalidData,
            migrate::Error::Denied { .. } => Self::NoPermission,
            migrate::Error::Ledger { .. } => Self::Missing,
            migrate::Error::ConnectionLost { .. } => Self::Unavailable,
            migrate::Error::Runner { .. } => Self::Software,
        }
    }
}
