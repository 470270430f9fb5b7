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
    /// Open CASEs in the body: they have an END too.
    cases: usize,
}

/// What the last token was, as far as it matters to the next.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Previous {
    #[default]
    Nothing,
    /// A name must follow, whatever it looks like: `AS` or a dot.
    BeforeName,
    Begin,
    /// In a body, a statement may begin here, or the body's END come.
    Boundary,
    Other,
}

impl Progress {
    /// Takes a token in. Whether the statement is over with it.
    fn step(&mut self, token: Token<'_>, at: usize) -> bool {
        let is_outside = self.parentheses.is_empty();
        let next = match token {
            Token::Semicolon if is_outside && self.body.is_none() => return true,
            Token::Semicolon if is_outside => Previous::Boundary,
            Token::Word(word) if self.previous != Previous::BeforeName => self.word(word, at),
            Token::Dot => Previous::BeforeName,
            Token::LeftParenthesis => {
                self.parentheses.push(at);
                Previous::Other
            }
            Token::RightParenthesis => {
                self.parentheses.pop();
                Previous::Other
            }
            Token::Word(_) | Token::Semicolon | Token::Other => Previous::Other,
        };
        self.previous = next;
        false
    }

    fn word(&mut self, word: &str, at: usize) -> Previous {
        let is = |keyword| word.eq_ignore_ascii_case(keyword);
        if self.previous == Previous::Nothing {
            self.creates = is("create");
        }
        if is("as") {
            return Previous::BeforeName;
        }
        if self.body.is_some() {
            self.word_of_body(word);
        } else if is("begin") {
            return Previous::Begin;
        } else if is("atomic") && self.previous == Previous::Begin && self.may_have_body() {
            self.body = Some(at);
            return Previous::Boundary;
        }
        Previous::Other
    }

    fn may_have_body(&self) -> bool {
        self.creates && self.parentheses.is_empty()
    }

    /// CASE and END are reserved, so they are names only after `AS` and dots, or, END, where
    /// no END can be meant.
    fn word_of_body(&mut self, word: &str) {
        let is_end = word.eq_ignore_ascii_case("end");
        if word.eq_ignore_ascii_case("case") {
            self.cases += 1;
        } else if is_end && self.cases > 0 {
            self.cases -= 1;
        } else if is_end && self.previous == Previous::Boundary {
            self.body = None;
        }
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
