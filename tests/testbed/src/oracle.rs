//! An oracle: a program that answers each question with one line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::Result;

/// Asks everything at once; the answers are in the order of the questions. Before each
/// question goes a line with `mark` and its length in bytes.
///
/// # Errors
/// The program can't be run, or does not answer each question.
pub fn ask_oracle(program: &Path, mark: &str, questions: Vec<Vec<u8>>) -> Result<Vec<String>> {
    let mut oracle = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut asked = oracle.stdin.take().ok_or("no stdin")?;
    let answers = BufReader::new(oracle.stdout.take().ok_or("no stdout")?);
    let count = questions.len();
    let mark = mark.to_owned();
    let asking = thread::spawn(move || {
        questions.iter().try_for_each(|question| {
            writeln!(asked, "{mark}{}", question.len())?;
            asked.write_all(question)
        })
    });
    let answers = answers.lines().collect::<std::io::Result<Vec<_>>>()?;
    asking.join().map_err(|_| "asking failed")??;
    oracle.wait()?;
    if answers.len() != count {
        return Err(format!("{} answers to {count} questions", answers.len()).into());
    }
    Ok(answers)
}
