//! `install`: copies the program to a folder. It needs no network, no settings and no log.

use std::path::Path;

use crate::config::Written;
use crate::exit::ExitCode;
use crate::install::install;

/// Copies, and says where to.
pub fn run(folder: &Path) -> ExitCode {
    match install(folder) {
        Ok((path, Written::Changed)) => println!("copied to {}", path.display()),
        Ok((path, Written::Unchanged)) => println!("{} is this program already", path.display()),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::CannotWrite;
        }
    }
    ExitCode::Done
}
