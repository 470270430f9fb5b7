//! A corpus: small files, each with a text beside it that says why it gets its verdict, then
//! the verdict, then what is to be found.

use std::fs;
use std::path::PathBuf;

use crate::{Result, home};

/// A file of a corpus.
#[derive(Debug)]
pub struct Case {
    /// Where it is.
    pub file: PathBuf,
    /// What it holds.
    pub content: Vec<u8>,
    /// Why it gets its verdict.
    pub reason: String,
    /// The verdict.
    pub verdict: String,
    /// What is to be found, a line each.
    pub findings: Vec<String>,
}

/// The corpus in a folder of the repository: its files with that extension, in the order of
/// their names.
///
/// # Errors
/// A file can't be read, or has no text beside it with a reason and a verdict.
pub fn corpus(folder: &str, extension: &str) -> Result<Vec<Case>> {
    let files = fs::read_dir(home::repository().join(folder))?;
    let files = files.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut files: Vec<_> =
        files.into_iter().filter(|file| file.extension() == Some(extension.as_ref())).collect();
    files.sort();
    files.into_iter().map(case).collect()
}

fn case(file: PathBuf) -> Result<Case> {
    let expected = fs::read_to_string(file.with_extension("txt"))?;
    let mut lines = expected.lines().map(str::to_owned);
    let (Some(reason), Some(verdict)) = (lines.next(), lines.next()) else {
        return Err(format!("{} has no reason or no verdict", file.display()).into());
    };
    Ok(Case { content: fs::read(&file)?, file, reason, verdict, findings: lines.collect() })
}
