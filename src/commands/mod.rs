//! What can be asked for: the job itself, and the commands beside it, one module each.
//! Commands print their answer on stdout; the job has its log there.

mod config_validate;
mod migrate;

use std::io::{self, Write};

use crate::cli::Task;
use crate::error::Error;
use crate::exit::ExitCode;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::{owner, sequence};

/// Does what needs neither settings nor the network; `None` when `task` needs them.
pub fn run_offline(task: &Task) -> Option<ExitCode> {
    match task {
        Task::ConfigValidate { file, format } => Some(config_validate::run(file, *format)),
        _ => None,
    }
}

/// Does what needs settings.
///
/// # Errors
/// What ended it; see [`Error`].
pub async fn run(task: &Task, settings: &Settings, stop: &Stop) -> Result<ExitCode, Error> {
    match task {
        Task::ConfigValidate { file, format } => return Ok(config_validate::run(file, *format)),
        Task::Run => sequence::run(settings, introduce(settings).await, stop).await?.log(),
        Task::MigrateUp { to } => {
            sequence::migrate_alone(settings, *to, introduce(settings).await, stop).await?.log();
        }
        Task::MigrateStatus { json } => return print(&migrate::status(settings, *json).await?),
        Task::MigratePlan { to, json } => return print(&migrate::plan(settings, *to, *json).await?),
    }
    Ok(ExitCode::Done)
}

/// Prints a command's answer. Nobody may be listening any more.
fn print(answer: &str) -> Result<ExitCode, Error> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(answer.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(ExitCode::Done),
        Err(error) => Err(Error::Answer(error)),
    }
}

/// Finds out who we are and tells it in the log.
async fn introduce(settings: &Settings) -> String {
    let owner = owner::name(settings.task_metadata_uri.as_deref()).await;
    tracing::Span::current().record("owner", &owner);
    tracing::info!(step = "start", version = env!("CARGO_PKG_VERSION"), "starting as {owner}");
    owner
}
