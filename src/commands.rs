//! Commands beside the run: what they read and print. `config validate` needs no
//! network, no settings and no log.

use std::io::{self, Read, Write};

use clap::ArgMatches;

use crate::config::validate::{Format, Verdict, validate};
use crate::exit::ExitCode;

/// The name by which standard input is asked for.
const STDIN: &str = "-";

/// Does what a command asks for; `None` when none was given, so that the job is to run.
pub fn run(matches: &ArgMatches) -> Option<ExitCode> {
    let (_, config) = matches.subcommand().filter(|(name, _)| *name == "config")?;
    let (_, arguments) = config.subcommand()?;
    let file = arguments.get_one::<String>("file").map_or(STDIN, String::as_str);
    let format = match arguments.get_one::<String>("format").map(String::as_str) {
        Some("json") => Format::Json,
        Some("github") => Format::Github,
        _ => Format::Text,
    };
    Some(config_validate(file, format))
}

fn config_validate(file: &str, format: Format) -> ExitCode {
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
