//! `config validate`: checks a provider config as a task would. It needs no network, no
//! settings and no log.

use std::io::{self, Read, Write};

use crate::config::validate::{Format, Verdict, validate};
use crate::exit::ExitCode;

/// The name by which standard input is asked for.
const STDIN: &str = "-";

/// Prints what is wrong with `file`, and says by the code whether it is valid.
pub fn run(file: &str, format: Format) -> ExitCode {
    let content = match read(file) {
        Ok(content) => content,
        Err(error) => {
            eprintln!("can't read {file}: {error}; name a file, or - for standard input");
            return ExitCode::Usage;
        }
    };
    let Verdict { is_valid, report } = validate(file, &content, format);
    match (io::stdout().write_all(report.as_bytes()), is_valid) {
        (Ok(()), true) => ExitCode::Done,
        (Ok(()), false) => ExitCode::InvalidData,
        (Err(_), _) => ExitCode::CannotWrite,
    }
}

fn read(file: &str) -> io::Result<Vec<u8>> {
    if file != STDIN {
        return std::fs::read(file);
    }
    let mut content = Vec::new();
    io::stdin().lock().read_to_end(&mut content)?;
    Ok(content)
}
