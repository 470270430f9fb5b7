//! goose's annotations: comments that steer it.
//!
//! Promises the readings of goose 3.27's `extractAnnotation`, odd ones included: `--` may
//! occur anywhere in the line, `+goose` too, and case does not matter, except that of
//! `+goose`.

use super::Fault;

/// What an annotation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Annotation {
    /// Statements to apply the migration follow.
    Up,
    /// Statements to take it back follow.
    Down,
    /// Everything up to [`Annotation::End`] is one statement.
    Begin,
    /// The statement is over.
    End,
    /// The migration is run outside a transaction.
    NoTransaction,
    /// Variables of the environment are put in from here on.
    EnvironmentOn,
    /// They are no longer put in.
    EnvironmentOff,
}

const NAMES: &[(&str, Annotation)] = &[
    ("Up", Annotation::Up),
    ("Down", Annotation::Down),
    ("StatementBegin", Annotation::Begin),
    ("StatementEnd", Annotation::End),
    ("NO TRANSACTION", Annotation::NoTransaction),
    ("ENVSUB ON", Annotation::EnvironmentOn),
    ("ENVSUB OFF", Annotation::EnvironmentOff),
];

const MARK: &str = "+goose";

/// Whether a line is a comment and nothing else.
pub fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("--")
}

/// Whether goose takes a line for an annotation, be it a valid one or not.
pub fn is_annotation(line: &str) -> bool {
    is_comment(line) && line.contains(MARK)
}

/// What a line says that [`is_annotation`].
///
/// # Errors
/// goose refuses it.
pub fn read(line: &str) -> Result<Annotation, Fault> {
    if line.starts_with([' ', '\t']) {
        return Err(Fault::Indented);
    }
    let text = line.replace("--", "").replacen(MARK, "", 1);
    if text.contains(MARK) {
        return Err(Fault::TwoAnnotations);
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::EmptyAnnotation);
    }
    let known = NAMES.iter().find(|(name, _)| is_same(name, text));
    known.map(|(_, annotation)| *annotation).ok_or_else(|| Fault::UnknownAnnotation(shortened(text)))
}

/// Equal but for case, by Unicode's simple folding: of the letters that occur in names of
/// annotations only `s` has a third form, the long s.
fn is_same(name: &str, text: &str) -> bool {
    let folded = |char: char| if char == '\u{17f}' { 's' } else { char.to_ascii_lowercase() };
    name.chars().map(folded).eq(text.chars().map(folded))
}

/// Enough of a text for a message.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() { start + "..." } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_their_case() {
        for (line, annotation) in [
            ("-- +goose Up", Annotation::Up),
            ("--+goose up", Annotation::Up),
            ("--\t+goose\tUP\t ", Annotation::Up),
            ("-- +goose DOWN", Annotation::Down),
            ("-- +goose statementbegin", Annotation::Begin),
            ("-- +goose \u{17f}tatementEnd", Annotation::End),
            ("-- +goose no transaction", Annotation::NoTransaction),
            ("-- +goose envsub on", Annotation::EnvironmentOn),
            ("-- +goose ENVSUB OFF", Annotation::EnvironmentOff),
        ] {
            assert!(is_annotation(line), "{line}");
            assert_eq!(read(line), Ok(annotation), "{line}");
        }
    }

    #[test]
    fn dashes_and_the_mark_may_stand_anywhere() {
        for line in
            ["---- +goose Up --", "-- Up +goose", "-- U+goosep", "--+goose U--p", "\u{a0}-- +goose Up"]
        {
            assert!(is_annotation(line), "{line}");
            assert_eq!(read(line), Ok(Annotation::Up), "{line}");
        }
    }

    #[test]
    fn what_goose_refuses_is_refused() {
        let unknown = |text: &str| Fault::UnknownAnnotation(text.into());
        for (line, fault) in [
            (" -- +goose Up", Fault::Indented),
            ("\t-- +goose Up", Fault::Indented),
            ("-- +goose", Fault::EmptyAnnotation),
            ("-- +goose Up +goose Down", Fault::TwoAnnotations),
            ("-- +goose NO  TRANSACTION", unknown("NO  TRANSACTION")),
            ("-- +goose Up;", unknown("Up;")),
            ("--- +goose Up", unknown("-  Up")),
            ("-- see +goose docs", unknown("see  docs")),
        ] {
            assert!(is_annotation(line), "{line}");
            assert_eq!(read(line), Err(fault), "{line}");
        }
        for line in
            ["-- +Goose Up", "+goose Up", "- - +goose Up", "SELECT 1; -- +goose Up", "/* -- +goose Up */"]
        {
            assert!(!is_annotation(line), "{line}");
        }
    }

    #[test]
    fn a_long_line_is_not_repeated_in_full() {
        let Err(Fault::UnknownAnnotation(told)) = read(&format!("-- +goose {}", "é".repeat(1_000))) else {
            panic!("an unknown annotation is accepted");
        };
        assert_eq!(told.chars().count(), 63);
    }
}
