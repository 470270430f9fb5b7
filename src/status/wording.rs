//! How the parts of a status are put into words.

use serde_json::{Value, json};

use super::ConfigStatus;
use crate::error::Error;
use crate::migrate::look::{GooseUp, Looked};

/// The width of the first column.
const NAME: usize = 8;

/// A part with its name before the first line; an error stands in place of what it kept
/// from being told.
pub fn part(name: &str, lines: Result<Vec<String>, &Error>) -> String {
    let lines = lines.unwrap_or_else(|error| vec![format!("unknown: {error}")]);
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    names.zip(lines).map(|(name, line)| format!("{name:NAME$}{line}\n")).collect()
}

/// The schema, one statement a line.
pub fn schema(looked: &Looked) -> Vec<String> {
    let pending = match looked.pending.as_slice() {
        [] => "nothing is pending".to_owned(),
        pending => format!("pending: {}", pending.join(", ")),
    };
    let mut lines = vec![format!("version {}, {pending}", looked.version)];
    if let Some(obstacle) = &looked.obstacle {
        lines.push(format!("a run would refuse: {obstacle}"));
    }
    if !looked.unknown.is_empty() {
        lines.push(format!("versions {:?} are a newer release's, and left alone", looked.unknown));
    }
    lines.push(format!("application: {}", looked.goose));
    lines
}

/// The same for programs.
pub fn schema_json(looked: &Looked) -> Value {
    let application = match &looked.goose {
        GooseUp::NothingToDo => "up to date",
        GooseUp::WouldApply(_) => "would migrate",
        GooseUp::WouldFail(_) => "would fail",
    };
    json!({
        "version": looked.version,
        "pending": looked.pending,
        "obstacle": looked.obstacle.as_ref().map(ToString::to_string),
        "unknown_versions": looked.unknown,
        "application": application,
        "application_detail": looked.goose.to_string(),
    })
}

/// The config, one statement a line.
pub fn config(config: &ConfigStatus) -> Vec<String> {
    let path = config.path.display();
    let on_disk = match &config.on_disk {
        Ok(hash) => format!("{path} has SHA-256 {hash}"),
        Err(error) => format!("{path} can't be read: {error}"),
    };
    let verdict = if config.differs() { "differs" } else { "does not differ" };
    vec![on_disk, format!("the parameter has SHA-256 {}: {verdict}", config.in_source)]
}

/// The same for programs.
pub fn config_json(config: &ConfigStatus) -> Value {
    json!({
        "path": config.path.display().to_string(),
        "file_sha256": config.on_disk.as_ref().ok(),
        "file_error": config.on_disk.as_ref().err(),
        "parameter_sha256": config.in_source,
        "differs": config.differs(),
    })
}
