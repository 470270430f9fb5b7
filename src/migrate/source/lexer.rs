//! PostgreSQL's tokens, as far as one must know them to see where a statement ends.
//!
//! Follows the server's lexical rules (PostgreSQL documentation, "Lexical Structure", with
//! `standard_conforming_strings` on, as it is by default). Every byte is looked at a bounded
//! number of times.

use super::Open;

/// What may stand between tokens.
pub const BLANKS: [char; 6] = [' ', '\t', '\n', '\r', '\x0b', '\x0c'];

/// What a statement is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A keyword or an identifier without quotes.
    Word(&'a str),
    /// `;`
    Semicolon,
    /// `(`
    LeftParenthesis,
    /// `)`
    RightParenthesis,
    /// A string, a quoted identifier, part of a number or of an operator.
    Other,
}

/// Something without an end, and the offset of its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclosed {
    /// What it is.
    pub open: Open,
    /// Where it begins.
    pub at: usize,
}

/// Goes through a text, token by token.
#[derive(Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Begins at the beginning.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The offset of the first token; none when there is nothing but blanks and comments.
    pub fn first(mut self) -> Option<usize> {
        self.skip().ok()?;
        self.peek(0).map(|_| self.at)
    }

    /// The next token with the offsets of its beginning and its end; none at the end of the text.
    ///
    /// # Errors
    /// It has no end.
    pub fn next(&mut self) -> Result<Option<(Token<'a>, usize, usize)>, Unclosed> {
        self.skip()?;
        let start = self.at;
        let Some(byte) = self.peek(0) else { return Ok(None) };
        self.at += 1;
        let token = match byte {
            b';' => Token::Semicolon,
            b'(' => Token::LeftParenthesis,
            b')' => Token::RightParenthesis,
            b'\'' => self.quoted(b'\'', Open::String, start)?,
            b'"' => self.quoted(b'"', Open::Identifier, start)?,
            b'$' => self.dollar(start)?,
            byte if begins_word(byte) => self.word(start)?,
            _ => Token::Other,
        };
        Ok(Some((token, start, self.at)))
    }

    /// Goes over what is left of a quoted identifier: a doubled quote in it was its end so far.
    /// Returns where it ends.
    ///
    /// # Errors
    /// It has no end.
    pub fn rest_of_identifier(&mut self) -> Result<usize, Unclosed> {
        while self.peek(0) == Some(b'"') {
            let start = self.at;
            self.at += 1;
            self.quoted(b'"', Open::Identifier, start)?;
        }
        Ok(self.at)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    /// Goes over blanks and comments.
    fn skip(&mut self) -> Result<(), Unclosed> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(byte), _) if is_blank(byte) => self.at += 1,
                (Some(b'-'), Some(b'-')) => self.skip_while(|byte| !matches!(byte, b'\n' | b'\r')),
                (Some(b'/'), Some(b'*')) => self.block_comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// Goes over a comment, and over those nested in it.
    fn block_comment(&mut self) -> Result<(), Unclosed> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            let step = match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    2
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    2
                }
                (Some(_), _) => 1,
                (None, _) => return Err(Unclosed { open: Open::Comment, at: start }),
            };
            self.at += step;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Goes over what is quoted, its first quote apart. A doubled quote is for this purpose
    /// the end of one string and the beginning of another.
    fn quoted(&mut self, quote: u8, open: Open, start: usize) -> Result<Token<'a>, Unclosed> {
        self.skip_while(|byte| byte != quote);
        self.close(open, start)?;
        Ok(Token::Other)
    }

    /// Goes over a closing quote.
    fn close(&mut self, open: Open, start: usize) -> Result<(), Unclosed> {
        if self.peek(0).is_none() {
            return Err(Unclosed { open, at: start });
        }
        self.at += 1;
        Ok(())
    }

    /// Goes over a string with backslash escapes, its first quote apart, and over the strings
    /// that continue it.
    fn escaped(&mut self, start: usize) -> Result<(), Unclosed> {
        loop {
            self.skip_while(|byte| !matches!(byte, b'\'' | b'\\'));
            if self.peek(0) == Some(b'\\') {
                self.at = self.text.len().min(self.at + 2);
                continue;
            }
            self.close(Open::String, start)?;
            if self.peek(0) == Some(b'\'') {
                self.at += 1;
            } else if !self.continues() {
                return Ok(());
            }
        }
    }

    /// Whether a string goes on after its closing quote: blanks and comments follow, a line
    /// ends among them, then there is another quote. If so, goes on within it.
    fn continues(&mut self) -> bool {
        let end = self.at;
        let mut ahead = Self { text: self.text, at: end };
        loop {
            ahead.skip_while(is_blank);
            if (ahead.peek(0), ahead.peek(1)) != (Some(b'-'), Some(b'-')) {
                break;
            }
            ahead.skip_while(|byte| !matches!(byte, b'\n' | b'\r'));
        }
        let between = self.text.get(end..ahead.at).unwrap_or_default();
        let does = ahead.peek(0) == Some(b'\'') && between.contains(['\n', '\r']);
        if does {
            self.at = ahead.at + 1;
        }
        does
    }

    /// Goes over a dollar-quoted string, a parameter (`$1`), or a lonely `$`.
    fn dollar(&mut self, start: usize) -> Result<Token<'a>, Unclosed> {
        if self.peek(0).is_some_and(begins_word) {
            self.skip_while(|byte| begins_word(byte) || byte.is_ascii_digit());
        }
        if self.peek(0) != Some(b'$') {
            return Ok(Token::Other);
        }
        self.at += 1;
        let delimiter = self.text.get(start..self.at).unwrap_or_default();
        let body = self.text.get(self.at..).unwrap_or_default();
        let length = body.find(delimiter).ok_or(Unclosed { open: Open::DollarQuote, at: start })?;
        self.at += length + delimiter.len();
        Ok(Token::Other)
    }

    /// Goes over a word, and over the string that it may be the prefix of.
    fn word(&mut self, start: usize) -> Result<Token<'a>, Unclosed> {
        self.skip_while(|byte| begins_word(byte) || byte.is_ascii_digit() || byte == b'$');
        let word = self.text.get(start..self.at).unwrap_or_default();
        if word.eq_ignore_ascii_case("e") && self.peek(0) == Some(b'\'') {
            self.at += 1;
            self.escaped(start)?;
            return Ok(Token::Other);
        }
        Ok(Token::Word(word))
    }
}

fn is_blank(byte: u8) -> bool {
    BLANKS.contains(&char::from(byte))
}

/// Whether a word may begin so; beyond ASCII every character is a letter to the server.
fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}
