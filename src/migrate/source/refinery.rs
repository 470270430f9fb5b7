//! A file that is named in refinery's way: plain SQL.
//!
//! Promises its single statements, so that an error belongs to one of them. They are run in a
//! transaction, as refinery does it, unless the first line is the comment `-- no transaction`
//! (case and blanks don't matter).

use super::lexer::Unclosed;
use super::split::split;
use super::statement::line_feeds;
use super::{Error, Fault, Script, Statement, annotation};

/// Reads a text.
///
/// # Errors
/// Something in it could never run, or would run otherwise than meant.
pub fn parse(file: &str, text: &str) -> Result<Script, Error> {
    let refuse = |(line, fault)| Error::Invalid { file: file.to_owned(), line: Some(line), fault };
    check(text).map_err(refuse)?;
    let statements = single(text).map_err(refuse)?;
    Ok(Script { statements, in_transaction: !is_marked(text) })
}

fn check(text: &str) -> Result<(), (usize, Fault)> {
    if text.starts_with('\u{feff}') {
        return Err((1, Fault::ByteOrderMark));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if line.contains('\0') {
            return Err((number, Fault::ZeroByte));
        }
        if annotation::is_annotation(line) {
            return Err((number, Fault::ForeignAnnotation));
        }
    }
    Ok(())
}

/// Whether the first line says that there shall be no transaction.
fn is_marked(text: &str) -> bool {
    let comment = text.lines().next().and_then(|line| line.trim().strip_prefix("--"));
    let words = comment.unwrap_or_default().split_whitespace().map(str::to_ascii_lowercase);
    words.eq(["no", "transaction"])
}

fn single(text: &str) -> Result<Vec<Statement>, (usize, Fault)> {
    let line_of = |offset| 1 + line_feeds(text.get(..offset).unwrap_or_default());
    let pieces = split(text).map_err(|Unclosed { open, at }| (line_of(at), Fault::Unclosed(open)))?;
    let (mut line, mut read) = (1, 0);
    let statement = |(offset, sql): (usize, &str)| {
        line += line_feeds(text.get(read..offset).unwrap_or_default());
        read = offset;
        Statement::new(sql.to_owned(), line)
    };
    Ok(pieces.into_iter().map(statement).collect())
}

#[cfg(test)]
mod tests;
