//! YAML as the application's reader takes it (gopkg.in/yaml.v3), with the place of
//! everything.
//!
//! Promises that only the first document of a stream is read, that aliases lead to what
//! they name, that a scalar means what it means to that reader ([`scalar`]), and that what
//! its narrower syntax refuses is refused ([`narrow`]). Where its syntax is the wider one
//! (line breaks of YAML 1.1, more than 255 levels of brackets), the parser's counts.

mod narrow;
mod reading;
mod scalar;

use saphyr_parser::{Marker, Parser, ScanError};

use reading::Reading;
pub use scalar::{Scalar, Value};

/// Line and column, both counted from 1.
pub type Place = (usize, usize);

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Where it was noticed.
    pub at: Place,
    /// What is wrong.
    pub reason: String,
}

/// A document.
#[derive(Debug, Default)]
pub struct Document {
    /// Its root first; what belongs to further documents stands at the end, unused.
    nodes: Vec<Stored>,
    /// Where each document of the stream begins.
    starts: Vec<Place>,
}

#[derive(Debug)]
struct Stored {
    at: Place,
    kind: Kind,
}

/// What a node is; others are told by their places in the document.
#[derive(Debug)]
enum Kind {
    Alias(usize),
    Scalar(Scalar),
    Sequence(Vec<usize>),
    /// Keys and values by turns.
    Mapping(Vec<usize>),
}

/// A node of a document.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document,
    place: usize,
}

/// What a node holds.
#[derive(Debug)]
pub enum Content<'a> {
    /// A text, which may mean something else.
    Scalar(&'a Scalar),
    /// A list.
    Sequence(Vec<Node<'a>>),
    /// Keys and values, in the order in which they stand there.
    Mapping(Vec<(Node<'a>, Node<'a>)>),
}

/// Reads the first document; `None` if there is none. What follows it must be well-formed
/// too: the application's reader looks into it, though not to its end.
///
/// # Errors
/// The text is no YAML, or only in the eyes of some readers.
pub fn read(text: &str) -> Result<Option<Document>, Malformed> {
    // A byte order mark is no part of the document.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    refuse_odd_characters(text)?;
    refuse_odd_heads(text)?;
    let mut reading = Reading::new(text);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| malformed(&error))?;
        reading.take(event, span)?;
    }
    let document = reading.end();
    Ok(if document.nodes.is_empty() { None } else { Some(document) })
}

fn malformed(error: &ScanError) -> Malformed {
    Malformed { at: place(*error.marker()), reason: error.info().to_owned() }
}

fn place(marker: Marker) -> Place {
    (marker.line(), marker.col() + 1)
}

/// The place that follows a text.
pub fn place_after(text: &str) -> Place {
    let column = text.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (text.matches('\n').count() + 1, column)
}

/// Refuses what no YAML stream may contain (YAML 1.2.2, section 5.1), and the line breaks
/// of YAML 1.1, at which the application's reader begins a new line and others don't.
fn refuse_odd_characters(text: &str) -> Result<(), Malformed> {
    let reason = |c: char| match c {
        '\t' | '\n' | '\r' => None,
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some("is a line break to some readers only"),
        '\u{feff}' => Some("is a byte order mark, which belongs to the beginning"),
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => Some("is a control character"),
        _ => None,
    };
    let odd = text.char_indices().find_map(|(at, c)| Some((at, c, reason(c)?)));
    let Some((at, c, reason)) = odd else { return Ok(()) };
    let at = place_after(text.get(..at).unwrap_or_default());
    Err(Malformed { at, reason: format!("U+{:04X} {reason}", u32::from(c)) })
}

/// Refuses what the application's reader does not take before a document: directives
/// other than `%YAML 1.1` and `%TAG`, and the end of a document that has not begun.
fn refuse_odd_heads(text: &str) -> Result<(), Malformed> {
    let is_head =
        |line: &str| line.trim().is_empty() || line.starts_with(['#', '%']) || line.starts_with("...");
    for (index, line) in text.lines().enumerate().take_while(|(_, line)| is_head(line)) {
        let mut words = line.split_whitespace();
        let is_fine = match words.next() {
            Some("%YAML") => words.next() == Some("1.1"),
            Some("%TAG") | None => true,
            Some(other) => other.starts_with('#'),
        };
        if !is_fine {
            let reason =
                "only %YAML 1.1 and %TAG may come before the document: leave this line out".to_owned();
            return Err(Malformed { at: (index + 1, 1), reason });
        }
    }
    Ok(())
}

impl Document {
    /// Its outermost node.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, place: 0 }
    }

    /// Where the next document begins, which is not read.
    pub fn next_start(&self) -> Option<Place> {
        self.starts.get(1).copied()
    }
}

impl<'a> Node<'a> {
    /// Where it stands; an alias is where that stands which it names.
    pub fn at(self) -> Place {
        self.target().map_or((1, 1), |node| node.at)
    }

    /// What it holds; an alias holds what it names.
    pub fn content(self) -> Content<'a> {
        let node = |place: &usize| Node { document: self.document, place: *place };
        match self.target().map(|node| &node.kind) {
            Some(Kind::Scalar(scalar)) => Content::Scalar(scalar),
            Some(Kind::Sequence(members)) => Content::Sequence(members.iter().map(node).collect()),
            Some(Kind::Mapping(members)) => {
                let pairs = members.as_chunks().0;
                Content::Mapping(pairs.iter().map(|[key, value]| (node(key), node(value))).collect())
            }
            Some(Kind::Alias(_)) | None => Content::Sequence(Vec::new()),
        }
    }

    /// Its meaning, if it is a scalar that has one.
    pub fn scalar(self) -> Option<&'a Scalar> {
        match self.content() {
            Content::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it is an alias of what it holds.
    pub fn is_alias(self) -> bool {
        matches!(self.document.nodes.get(self.place), Some(Stored { kind: Kind::Alias(_), .. }))
    }

    fn target(self) -> Option<&'a Stored> {
        let nodes = &self.document.nodes;
        match nodes.get(self.place)? {
            Stored { kind: Kind::Alias(target), .. } => nodes.get(*target),
            node => Some(node),
        }
    }
}
