//! `status`: who holds the lock, how schema and config stand.

use crate::answer::{self, Form};
use crate::error::Error;
use crate::exit::ExitCode;
use crate::settings::Settings;
use crate::status;

/// Prints the status.
///
/// # Errors
/// AWS is not configured.
pub async fn run(settings: &Settings, watch: bool, form: Form) -> Result<ExitCode, Error> {
    let status = status::find(settings, watch).await?;
    Ok(answer::print(&settings.secrets, form, &status.to_text(), &status.to_json(), status.code()))
}
