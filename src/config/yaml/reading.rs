//! From the parser's events to a document.
//!
//! Promises that each node is checked for what the application's reader does not take
//! ([`narrow`]), and has its place among the others.

use std::collections::HashMap;

use saphyr_parser::{Event, ScalarStyle, Span};

use super::narrow::{self, Written};
use super::{Document, Kind, Malformed, Place, Scalar, Stored, place};

/// What the parser gives to nodes without an anchor.
const NO_ANCHOR: usize = 0;

/// A document that is being read.
#[derive(Default)]
pub struct Reading {
    document: Document,
    /// The text, after a line feed: its first line begins as all others do.
    chars: Vec<char>,
    /// Up to where the text has been looked at.
    seen: usize,
    /// The collections that are not at their end yet.
    open: Vec<Open>,
    /// The places of nodes by their anchors.
    anchors: HashMap<usize, usize>,
}

struct Open {
    place: usize,
    is_in_brackets: bool,
}

impl Reading {
    /// A reading of `text` that has met no event yet.
    pub fn new(text: &str) -> Self {
        Self { chars: std::iter::once('\n').chain(text.chars()).collect(), ..Self::default() }
    }

    /// What has been read.
    pub fn end(self) -> Document {
        self.document
    }

    /// Takes the parser's next event.
    ///
    /// # Errors
    /// The application's reader does not take what it is for.
    pub fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Malformed> {
        let refused = |reason: &str| Malformed { at: place(span.start), reason: reason.to_owned() };
        match event {
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::DocumentStart(_) => self.document.starts.push(place(span.start)),
            Event::DocumentEnd | Event::StreamEnd => {
                return narrow::check_gap(self.gap(span)).map_err(refused);
            }
            _ => {}
        }
        let is_plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
        let Some((kind, anchor)) = self.node_of(event) else { return Ok(()) };
        let (start, end) = (span.start.index() + 1, span.end.index() + 1);
        let written = Written {
            gap: self.gap(span),
            text: self.chars.get(start..end).unwrap_or_default(),
            rest: self.chars.get(end..).unwrap_or_default(),
            is_in_brackets: self.is_in_brackets(),
            is_plain,
            is_key: self.is_key_next(),
        };
        written.check().map_err(refused)?;
        let opens_bracket = matches!(written.text.iter().rev().find(|c| !c.is_whitespace()), Some('[' | '{'));
        let is_in_brackets = written.is_in_brackets || opens_bracket;
        self.seen = end;
        self.add(kind, anchor, place(span.start), is_in_brackets);
        Ok(())
    }

    /// What a node's event begins, and the number of its anchor.
    fn node_of(&self, event: Event<'_>) -> Option<(Kind, usize)> {
        Some(match event {
            // The parser refuses aliases without an anchor.
            Event::Alias(anchor) => (Kind::Alias(self.anchors.get(&anchor).copied()?), NO_ANCHOR),
            Event::Scalar(text, style, anchor, tag) => {
                (Kind::Scalar(Scalar::new(text.into_owned(), style, tag.as_deref())), anchor)
            }
            Event::SequenceStart(anchor, _) => (Kind::Sequence(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => (Kind::Mapping(Vec::new()), anchor),
            _ => return None,
        })
    }

    /// Ends the innermost collection; one without brackets ends where nothing is.
    fn close(&mut self, span: Span) {
        self.open.pop();
        if !span.is_empty() {
            self.seen = span.end.index() + 1;
        }
    }

    /// What has come since the last node.
    fn gap(&self, next: Span) -> &[char] {
        self.chars.get(self.seen..=next.start.index()).unwrap_or_default()
    }

    fn is_in_brackets(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_in_brackets)
    }

    fn is_key_next(&self) -> bool {
        let parent = self.open.last().and_then(|open| self.document.nodes.get(open.place));
        matches!(parent, Some(Stored { kind: Kind::Mapping(members), .. }) if members.len() % 2 == 0)
    }

    fn add(&mut self, kind: Kind, anchor: usize, at: Place, is_in_brackets: bool) {
        let nodes = &mut self.document.nodes;
        let new = nodes.len();
        let parent = self.open.last().and_then(|open| nodes.get_mut(open.place)).map(|node| &mut node.kind);
        if let Some(Kind::Sequence(members) | Kind::Mapping(members)) = parent {
            members.push(new);
        }
        if matches!(kind, Kind::Sequence(_) | Kind::Mapping(_)) {
            self.open.push(Open { place: new, is_in_brackets });
        }
        if anchor != NO_ANCHOR {
            self.anchors.insert(anchor, new);
        }
        nodes.push(Stored { at, kind });
    }
}
