//! Lines about as long as goose can read them, which would be too much for the corpus.

use testbed::Result;

use super::beside::{Agreement, compare};
use super::oracle::{About, ask};
use super::read;

const LONGEST: usize = 4 * 1024 * 1024 - 1;

#[test]
fn lines_are_as_long_as_goose_s_at_most() -> Result<()> {
    let mut cases = Vec::new();
    for (length, is_accepted) in
        [(LONGEST - 1, true), (LONGEST, true), (LONGEST + 1, false), (LONGEST + 2, false)]
    {
        for end in ["", "\n", "\nSELECT 1;"] {
            cases.push((file("SELECT 1", length, ";", end), is_accepted));
            cases.push((file("-- a comment", length, "", end), is_accepted));
        }
        cases.push((file("SELECT 1;", length, "\r", "\n"), is_accepted));
    }
    for (content, is_accepted) in &cases {
        assert_eq!(read(content).is_ok(), *is_accepted, "{} bytes", content.len());
    }
    let (contents, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let Some(verdicts) = ask(About::File, contents.clone())? else { return Ok(()) };
    for ((content, theirs), is_accepted) in contents.iter().zip(verdicts).zip(expected) {
        let agreement = if is_accepted { Agreement::Accepted } else { Agreement::Refused };
        let found = compare(content, &theirs).unwrap_or_else(|_| panic!("{} bytes differ", content.len()));
        assert_eq!(found, agreement, "{} bytes", content.len());
    }
    Ok(())
}

/// A file with one line of that length.
fn file(start: &str, length: usize, last: &str, end: &str) -> Vec<u8> {
    let fill = " ".repeat(length - start.len() - last.len());
    format!("-- +goose Up\n{start}{fill}{last}{end}").into_bytes()
}
