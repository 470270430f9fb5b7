//! goose itself, as a judge: a Go program beside this file, built as a part of goose.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use testbed::{Goose, Result, ask_oracle};

/// What goose accepts, or why it doesn't.
pub type Verdict = std::result::Result<Accepted, String>;

/// What goose makes of a question.
pub struct Accepted {
    /// Of a file: its `Up` section.
    pub statements: Vec<Vec<u8>>,
    /// Of a file.
    pub in_transaction: bool,
    /// Of a folder: the order in which it is run.
    pub versions: Vec<i64>,
}

/// What a question is about.
#[derive(Clone, Copy)]
pub enum About {
    /// A file's content.
    File,
    /// The path of a folder.
    Folder,
}

/// goose's verdicts; `None`, with a word on stderr, where there is no Go.
pub fn ask(about: About, questions: Vec<Vec<u8>>) -> Result<Option<Vec<Verdict>>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goose_parser/oracle/main.go");
    let Some(program) = Goose::program_within(&source)? else { return Ok(None) };
    let mark = match about {
        About::File => "f",
        About::Folder => "d",
    };
    let answers = ask_oracle(&program, mark, questions)?;
    answers.iter().map(|line| verdict(line)).collect::<Result<_>>().map(Some)
}

fn verdict(line: &str) -> Result<Verdict> {
    let answer: Value = serde_json::from_str(line)?;
    if let Some(reason) = answer.get("refused") {
        return Ok(Err(reason.to_string()));
    }
    let items = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let bytes = |item: &Value| Ok(BASE64_STANDARD.decode(item.as_str().unwrap_or_default())?);
    Ok(Ok(Accepted {
        statements: items("statements").iter().map(bytes).collect::<Result<_>>()?,
        in_transaction: answer["in_transaction"] == true,
        versions: items("versions").iter().filter_map(Value::as_i64).collect(),
    }))
}
