//! A statement, and which lines of its file it comes from.

use super::lexer::Lexer;
use super::split::split;

/// What is sent to the server at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The SQL. Between goose's `StatementBegin` and `StatementEnd` it may be several
    /// statements.
    pub sql: String,
    /// The line in the file where it starts, counted from 1: the first line of it that is
    /// not blank or a comment.
    pub line: usize,
    /// The line of the first character.
    first: usize,
    /// Lines of the file within the statement that are no part of it, ascending.
    omitted: Vec<usize>,
}

impl Statement {
    /// A statement whose first character stands in the line `first`.
    pub fn new(sql: String, first: usize) -> Self {
        Self::with_omitted(sql, first, Vec::new())
    }

    /// A statement without some lines (annotations) that stand in the file within it.
    pub(super) fn with_omitted(sql: String, first: usize, omitted: Vec<usize>) -> Self {
        let mut statement = Self { line: first, sql, first, omitted };
        let start = Lexer::new(&statement.sql).first().unwrap_or_default();
        let before = statement.sql.get(..start).unwrap_or_default();
        statement.line = statement.line_after(line_feeds(before));
        statement
    }

    /// The file's line of a character, both counted from 1, as the server counts in the
    /// position of an error. A position beyond the end is in the last line.
    pub fn line_at(&self, position: usize) -> usize {
        let before = self.sql.chars().take(position.saturating_sub(1));
        self.line_after(before.filter(|char| *char == '\n').count())
    }

    /// The SQL without the comments before it.
    pub fn without_heading(&self) -> &str {
        let start = Lexer::new(&self.sql).first().unwrap_or_default();
        self.sql.get(start..).unwrap_or_default()
    }

    /// The single statements that it consists of, each with its line in the file. A text in
    /// which something has no end is one: the server refuses the whole of it.
    pub fn parts(&self) -> Vec<(usize, &str)> {
        let parts = split(&self.sql).unwrap_or_else(|_| vec![(0, self.sql.as_str())]);
        let with_line = |(offset, sql): (usize, _)| {
            let start = offset + Lexer::new(sql).first().unwrap_or_default();
            let before = self.sql.get(..start).unwrap_or_default();
            (self.line_after(line_feeds(before)), sql)
        };
        parts.into_iter().map(with_line).collect()
    }

    fn line_after(&self, line_feeds: usize) -> usize {
        let within = |line: usize, omitted: &usize| line + usize::from(*omitted <= line);
        self.omitted.iter().fold(self.first + line_feeds, within)
    }
}

/// How many lines end in a text.
pub(super) fn line_feeds(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_comments_and_blank_lines_are_not_its_start() {
        let statement = Statement::new("-- one\n\n/* two\n */ SELECT 1,\n  2;".into(), 7);
        assert_eq!(statement.line, 10);
        assert_eq!(statement.line_at(1), 7);
    }

    #[test]
    fn positions_count_characters_not_bytes() {
        let statement = Statement::new("SELECT 'é\u{1f600}é\n', x;".into(), 1);
        let position = statement.sql.chars().position(|char| char == 'x').unwrap() + 1;
        assert_eq!(statement.line_at(position), 2);
        assert_eq!(statement.line_at(position - 4), 1);
        assert_eq!((statement.line_at(0), statement.line_at(1_000)), (1, 2));
    }

    #[test]
    fn omitted_lines_are_counted() {
        let statement = Statement::with_omitted("SELECT\n1,\n2;".into(), 3, vec![4, 5, 7]);
        let lines = [1, 8, 11].map(|position| statement.line_at(position));
        assert_eq!(lines, [3, 6, 8]);
    }

    #[test]
    fn a_statement_of_comments_starts_with_them() {
        assert_eq!(Statement::new("/* a\n".into(), 2).line, 2);
        assert_eq!(Statement::new("\n-- a".into(), 2).line, 2);
    }

    #[test]
    fn its_parts_have_their_own_lines() {
        let sql = "-- both\nSELECT 1; /* why\n */ SELECT $$ a; b $$;\n\nCOMMIT;";
        let parts = ["-- both\nSELECT 1;", "/* why\n */ SELECT $$ a; b $$;", "COMMIT;"];
        let statement = Statement::with_omitted(sql.into(), 3, vec![6]);
        assert_eq!(statement.parts(), [(4, parts[0]), (5, parts[1]), (8, parts[2])]);
        let open = Statement::new("SELECT 1; SELECT '".into(), 1);
        assert_eq!(open.parts(), [(1, "SELECT 1; SELECT '")]);
    }
}
