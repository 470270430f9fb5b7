//! The application's own YAML library, as a judge: a Go program beside this file.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;
use testbed::Result;

/// A text that is not accepted, or what it is read as.
pub type Verdict = std::result::Result<Value, String>;

/// What the application makes of each text; `None`, with a word on stderr, where there
/// is no Go.
pub fn ask(texts: Vec<Vec<u8>>) -> Result<Option<Vec<Verdict>>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers/oracle");
    let Some(program) = testbed::go_program(&source)? else { return Ok(None) };
    let mut oracle = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut questions = oracle.stdin.take().ok_or("no stdin")?;
    let answers = BufReader::new(oracle.stdout.take().ok_or("no stdout")?);
    let count = texts.len();
    let asking = thread::spawn(move || {
        texts.iter().try_for_each(|text| {
            writeln!(questions, "{}", text.len())?;
            questions.write_all(text)
        })
    });
    let verdicts = answers.lines().map(|line| verdict(&line?)).collect::<Result<Vec<_>>>()?;
    asking.join().map_err(|_| "asking failed")??;
    oracle.wait()?;
    if verdicts.len() != count {
        return Err(format!("{} answers to {count} questions", verdicts.len()).into());
    }
    Ok(Some(verdicts))
}

fn verdict(line: &str) -> Result<Verdict> {
    let mut answer: Value = serde_json::from_str(line)?;
    Ok(match answer.get("refused") {
        Some(reason) => Err(reason.to_string()),
        None => Ok(answer["reading"].take()),
    })
}
