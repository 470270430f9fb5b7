//! The environment: an empty variable of libpq's is an unset one, for the driver too.
//!
//! Promises that after [`drop_empty`] none of them is set and empty. The driver reads them
//! by itself, takes an empty one for a value (the name of a file, say), and has no
//! way to be told otherwise. A process can't take variables from itself safely, because
//! another thread may be reading them; but it can start its program anew without them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{env, io};

/// What the names of libpq's variables begin with (PostgreSQL documentation, "Environment
/// Variables").
const PREFIX: &[u8] = b"PG";

/// Why the empty variables are still there.
#[derive(Debug, thiserror::Error)]
#[error(
    "{names}: empty, which the database driver does not take for unset, and starting anew without failed: \
     {source}; remove what is empty from the task definition"
)]
pub struct Error {
    /// The variables.
    names: String,
    /// What the operating system said.
    source: io::Error,
}

/// Starts the program anew, as the same process, if there are such variables; returns if
/// there are none.
///
/// # Errors
/// The program can't be started.
pub fn drop_empty() -> Result<(), Error> {
    let names = empty_ones(env::vars_os());
    if names.is_empty() {
        return Ok(());
    }
    let source = match env::current_exe() {
        Ok(program) => start_without(&names, &program),
        Err(error) => error,
    };
    Err(Error { names: names.join(OsStr::new(", ")).to_string_lossy().into_owned(), source })
}

fn empty_ones(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<OsString> {
    let is_empty_one =
        |(name, value): &(OsString, OsString)| value.is_empty() && name.as_bytes().starts_with(PREFIX);
    let mut names: Vec<OsString> = variables.filter(is_empty_one).map(|(name, _)| name).collect();
    names.sort();
    names
}

/// Becomes `program`; comes back only if that fails.
fn start_without(names: &[OsString], program: &Path) -> io::Error {
    let mut command = Command::new(program);
    for name in names {
        command.env_remove(name);
    }
    let mut arguments = env::args_os();
    if let Some(own_name) = arguments.next() {
        command.arg0(own_name);
    }
    command.args(arguments).exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libpqs_variables_that_are_empty_are_dropped() {
        let variables = [("PGUSER", ""), ("PGHOST", "db"), ("LOCK_ID", ""), ("XPG", ""), ("PGDATABASE", "")];
        let names = empty_ones(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        assert_eq!(names, ["PGDATABASE", "PGUSER"]);
    }
}
