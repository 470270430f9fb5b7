//! A script in its single statements.
//!
//! Promises that a semicolon ends a statement where it does so for PostgreSQL: not within
//! strings, quoted identifiers, comments, parentheses (`CREATE RULE … DO (…; …)`) and
//! function bodies of the SQL standard (`BEGIN ATOMIC …; … END`). Nothing but blanks,
//! comments and lonely semicolons is left out.

use super::Open;
use super::lexer::{BLANKS, Lexer, Token, Unclosed};

/// The statements of a text, each with its offset. Comments before a statement belong to it.
///
/// # Errors
/// Something has no end.
pub fn split(text: &str) -> Result<Vec<(usize, &str)>, Unclosed> {
    let mut lexer = Lexer::new(text);
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut progress = Progress::default();
    while let Some((token, at, end)) = lexer.next()? {
        if progress.step(token, at) {
            pieces.extend(piece(text, start, end, &progress));
            progress = Progress::default();
            start = end;
        }
    }
    progress.end()?;
    pieces.extend(piece(text, start, text.len(), &progress));
    Ok(pieces)
}

fn piece<'a>(text: &'a str, start: usize, end: usize, progress: &Progress) -> Option<(usize, &'a str)> {
    if progress.is_blank() {
        return None;
    }
    let piece = text.get(start..end)?;
    let trimmed = piece.trim_start_matches(BLANKS);
    Some((start + piece.len() - trimmed.len(), trimmed.trim_end_matches(BLANKS)))
}

/// How far a statement is read.
#[derive(Default)]
struct Progress {
    previous: Previous,
    /// Its first word is CREATE: only then there can be a body.
    creates: bool,
    /// Offsets of the parentheses that are open.
    parentheses: Vec<usize>,
    /// Offset of a body that is open.
    body: Option<usize>,
}

/// What the last token was, as far as it matters to the next.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Previous {
    #[default]
    Nothing,
    Begin,
    /// In a body, a statement may begin here, or the body's END come. The END of a CASE and
    /// one that is a name come elsewhere, as every statement of a body has its semicolon.
    Boundary,
    Other,
}

impl Progress {
    /// Takes a token in. Whether the statement is over with it.
    fn step(&mut self, token: Token<'_>, at: usize) -> bool {
        let is_outside = self.parentheses.is_empty();
        self.previous = match token {
            Token::Semicolon if is_outside && self.body.is_none() => return true,
            Token::Semicolon if is_outside => Previous::Boundary,
            Token::Word(word) => self.word(word, at),
            Token::LeftParenthesis => {
                self.parentheses.push(at);
                Previous::Other
            }
            Token::RightParenthesis => {
                self.parentheses.pop();
                Previous::Other
            }
            Token::Semicolon | Token::Other => Previous::Other,
        };
        false
    }

    fn word(&mut self, word: &str, at: usize) -> Previous {
        let is = |keyword| word.eq_ignore_ascii_case(keyword);
        if self.previous == Previous::Nothing {
            self.creates = is("create");
        }
        if self.body.is_some() {
            if is("end") && self.previous == Previous::Boundary {
                self.body = None;
            }
            return Previous::Other;
        }
        if is("atomic") && self.previous == Previous::Begin && self.may_have_body() {
            self.body = Some(at);
            return Previous::Boundary;
        }
        if is("begin") { Previous::Begin } else { Previous::Other }
    }

    fn may_have_body(&self) -> bool {
        self.creates && self.parentheses.is_empty()
    }

    fn is_blank(&self) -> bool {
        self.previous == Previous::Nothing
    }

    fn end(&self) -> Result<(), Unclosed> {
        let parenthesis = self.parentheses.first().map(|at| Unclosed { open: Open::Parenthesis, at: *at });
        let body = self.body.map(|at| Unclosed { open: Open::Body, at });
        body.or(parenthesis).map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests;
