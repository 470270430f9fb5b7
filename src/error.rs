//! What can end a run: one variant for each module that can fail. The messages
//! are the modules' own; [`crate::exit`] maps each to its code.

use crate::{aws, config, database, environment, lock, migrate, settings, stop};

/// Why a run ended without having done its job.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Empty variables can't be done without.
    #[error(transparent)]
    Environment(#[from] environment::Error),
    /// Settings break their rules.
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    /// AWS can't be used at all.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// The lock was not acquired.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The provider config was not written.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The database can't be used.
    #[error(transparent)]
    Database(#[from] database::Error),
    /// The schema was not brought up to date.
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    /// The end was asked for.
    #[error("stopped by {0}; nothing half-done is left behind, start the task again")]
    Stopped(stop::Cause),
    /// The process could not set itself up.
    #[error("the process could not set itself up: {0}; report this as a bug")]
    Runtime(#[source] std::io::Error),
}

impl From<stop::Cause> for Error {
    fn from(cause: stop::Cause) -> Self {
        Self::Stopped(cause)
    }
}

impl Error {
    /// The step of the sequence that failed, as log lines name it.
    pub fn step(&self) -> &'static str {
        match self {
            Self::Environment(_) | Self::Settings(_) | Self::Aws(_) | Self::Runtime(_) => "start",
            Self::Lock(_) => "lock",
            Self::Config(_) => "config",
            Self::Database(_) => "connect",
            Self::Migrate(_) => "migrate",
            Self::Stopped(_) => "stop",
        }
    }
}
