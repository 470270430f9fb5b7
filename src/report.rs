//! The report: what a run came to, in one last line.

use std::time::Duration;

use crate::migrate;
use crate::wording::millis;

/// The totals of a run that did its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How long it took to get the lock.
    pub lock_wait: Duration,
    /// The config file.
    pub config: ConfigReport,
    /// The migrations.
    pub migrations: migrate::Summary,
    /// The whole run.
    pub total: Duration,
}

/// What the config file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigReport {
    /// Its size.
    pub bytes: usize,
    /// Its content's SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// The totals of a run that only migrated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The migrations.
    pub migrations: migrate::Summary,
    /// The whole run.
    pub total: Duration,
}

impl MigrationReport {
    /// Writes the last line.
    pub fn log(&self) {
        tracing::info!(
            step = "done",
            migrations_applied = self.migrations.applied,
            schema_version = self.migrations.schema_version,
            total_ms = millis(self.total),
            "done: the schema is migrated"
        );
    }
}

impl Report {
    /// Writes the last line.
    pub fn log(&self) {
        tracing::info!(
            step = "done",
            lock_wait_ms = millis(self.lock_wait),
            config_bytes = self.config.bytes,
            config_sha256 = self.config.sha256,
            migrations_applied = self.migrations.applied,
            schema_version = self.migrations.schema_version,
            total_ms = millis(self.total),
            "done: the proxy may start"
        );
    }
}
