//! The first words of an SQL statement: enough of its grammar to tell what kind of
//! statement it is, without understanding the rest.
//!
//! Promises to look past white space and comments (nested ones too), to keep quoted names
//! apart from words, and to read no further than it is asked for.

use super::lexer::{Lexer, Token};

/// A word, a quoted name, or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word<'a> {
    /// A keyword, or a name without quotes.
    Plain(&'a str),
    /// A name in double quotes, as it is meant.
    Quoted(String),
    /// A dot.
    Dot,
    /// A comma.
    Comma,
    /// An opening parenthesis.
    Left,
    /// A closing one.
    Right,
    /// Anything else.
    Other,
}

impl Word<'_> {
    /// Whether it is this keyword.
    pub fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Plain(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// The name that it stands for: without quotes, the case of ASCII letters does not matter
    /// to PostgreSQL; that of others does in a database in UTF-8.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Plain(word) => Some(word.to_ascii_lowercase()),
            Self::Quoted(name) => Some(name.clone()),
            Self::Dot | Self::Comma | Self::Left | Self::Right | Self::Other => None,
        }
    }
}

/// The words of a statement, one after the other; they end where the text stops being SQL.
#[derive(Debug)]
pub struct Words<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
}

impl<'a> Words<'a> {
    /// From the beginning.
    pub fn of(text: &'a str) -> Self {
        Self { text, lexer: Lexer::new(text) }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let (token, start, end) = self.lexer.next().ok()??;
        let text = self.text.get(start..end)?;
        Some(match token {
            Token::Word(word) => Word::Plain(word),
            Token::LeftParenthesis => Word::Left,
            Token::RightParenthesis => Word::Right,
            _ if text == "." => Word::Dot,
            _ if text == "," => Word::Comma,
            _ if text.starts_with('"') => {
                let end = self.lexer.rest_of_identifier().ok()?;
                let quoted = self.text.get(start + 1..end.saturating_sub(1))?;
                Word::Quoted(quoted.replace("\"\"", "\""))
            }
            _ => Word::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_space_are_looked_past() {
        let sql = " -- a; b\n/* one /* two */ still */\tCREATE/**/Index \"Odd \"\"name\" ON s.t(x)";
        let words: Vec<Word<'_>> = Words::of(sql).collect();
        assert_eq!(words.first(), Some(&Word::Plain("CREATE")));
        assert!(words.get(1).is_some_and(|word| word.is("index")));
        assert_eq!(words.get(2), Some(&Word::Quoted("Odd \"name".into())));
        assert_eq!(words.get(4).and_then(Word::name), Some("s".into()));
        assert_eq!(words.get(5), Some(&Word::Dot));
        assert_eq!(words.get(7), Some(&Word::Left));
    }

    #[test]
    fn names_are_folded_as_the_server_folds_them() {
        let names: Vec<Option<String>> = Words::of("IDX_Ä \"IDX\" , )").map(|word| word.name()).collect();
        assert_eq!(names, [Some("idx_Ä".into()), Some("IDX".into()), None, None]);
    }

    #[test]
    fn what_is_never_closed_ends_the_words() {
        for sql in ["", "--", "/*", "/* /* */", "\"", "\"a\"\"", "/*/", "'"] {
            assert_eq!(Words::of(sql).next(), None, "{sql}");
        }
    }
}
