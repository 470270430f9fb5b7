//! Answers: what a command prints on stdout, for people or for programs.
//!
//! Promises that no answer carries a secret, and that one which can't be printed is an
//! error of its own.

use std::io::{self, Write};

use serde_json::Value;

use crate::exit::ExitCode;
use crate::secrets::Secrets;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// One JSON object in one line, for programs.
    Json,
}

/// Prints an answer, and returns `code` if that works.
pub fn print(secrets: &Secrets, form: Form, text: &str, json: &Value, code: ExitCode) -> ExitCode {
    let answer = match form {
        Form::Text => secrets.blank(text),
        Form::Json => format!("{}\n", secrets.blank(&json.to_string())),
    };
    match io::stdout().write_all(answer.as_bytes()) {
        Ok(()) => code,
        Err(_) => ExitCode::CannotWrite,
    }
}
