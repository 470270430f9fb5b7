//! What can be asked for: the job itself, and the commands beside it, one module each.
//! Commands print their answer on stdout; the job has its log there.

mod check;
mod config_validate;
mod install;
mod migrate;
mod status;
mod unlock;

use crate::cli::Task;
use crate::error::Error;
use crate::exit::ExitCode;
use crate::settings::Settings;
use crate::stop::{Cause, Stop};
use crate::{owner, sequence};

/// Does what needs neither settings nor the network; `None` when `task` needs them.
pub fn run_offline(task: &Task) -> Option<ExitCode> {
    match task {
        Task::ConfigValidate { file, format } => Some(config_validate::run(file, *format)),
        Task::Install { folder } => Some(install::run(folder)),
        _ => None,
    }
}

/// Does what needs settings.
///
/// # Errors
/// What ended it; see [`Error`].
pub async fn run(task: &Task, settings: &Settings, stop: &Stop) -> Result<ExitCode, Error> {
    match task {
        Task::Run => {
            let job = async { sequence::run(settings, introduce(settings).await, stop).await };
            crate::install::beside(settings.install_dir.as_deref(), job).await?.log();
            Ok(ExitCode::Done)
        }
        Task::MigrateUp { to } => {
            sequence::migrate_alone(settings, *to, introduce(settings).await, stop).await?.log();
            Ok(ExitCode::Done)
        }
        _ => {
            let stopped = |signal| Error::Stopped(Cause::Signal(signal));
            stop.unless_signalled(look(task, settings)).await.map_err(stopped)?
        }
    }
}

/// What an operator asks for beside the job. It may be dropped where it stands.
async fn look(task: &Task, settings: &Settings) -> Result<ExitCode, Error> {
    match task {
        Task::Check { write, form } => Ok(check::run(settings, *write, *form).await),
        Task::Status { watch, form } => status::run(settings, *watch, *form).await,
        Task::Unlock(consent) => unlock::run(settings, consent).await,
        Task::MigrateStatus { form } => migrate::status(settings, *form).await,
        Task::MigratePlan { to, form } => migrate::plan(settings, *to, *form).await,
        Task::Run | Task::MigrateUp { .. } | Task::ConfigValidate { .. } | Task::Install { .. } => {
            Ok(run_offline(task).unwrap_or(ExitCode::Software))
        }
    }
}

/// Finds out who we are and tells it in the log.
async fn introduce(settings: &Settings) -> String {
    let owner = owner::name(settings.task_metadata_uri.as_deref()).await;
    tracing::Span::current().record("owner", &owner);
    tracing::info!(step = "start", version = env!("CARGO_PKG_VERSION"), "starting as {owner}");
    owner
}
