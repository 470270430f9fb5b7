//! The application's own YAML library, as a judge: a Go program beside this file.

use std::path::Path;

use serde_json::Value;
use testbed::{Result, ask_oracle};

/// A text that is not accepted, or what it is read as.
pub type Verdict = std::result::Result<Value, String>;

/// What the application makes of each text; `None`, with a word on stderr, where there
/// is no Go.
pub fn ask(texts: Vec<Vec<u8>>) -> Result<Option<Vec<Verdict>>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers/oracle");
    let Some(program) = testbed::go_program(&source)? else { return Ok(None) };
    let answers = ask_oracle(&program, "", texts)?;
    answers.iter().map(|line| verdict(line)).collect::<Result<_>>().map(Some)
}

fn verdict(line: &str) -> Result<Verdict> {
    let mut answer: Value = serde_json::from_str(line)?;
    Ok(match answer.get("refused") {
        Some(reason) => Err(reason.to_string()),
        None => Ok(answer["reading"].take()),
    })
}
