//! `check`: tries everything that a task needs and says what to do about what fails.

use crate::answer::{self, Form};
use crate::check::{self, Options};
use crate::exit::ExitCode;
use crate::settings::Settings;

/// Prints the checks, and says by the code whether any failed.
pub async fn run(settings: &Settings, write: bool, form: Form) -> ExitCode {
    let checked = check::run(settings, Options { write }).await;
    answer::print(&settings.secrets, form, &checked.to_text(), &checked.to_json(), checked.code())
}
