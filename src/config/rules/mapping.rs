//! The entries of a mapping, those included that merge keys (`<<`) bring.
//!
//! Promises the precedence of the application's reader: an entry of the mapping's own
//! wins over a merged one, and an earlier merged one over a later. A name may be defined
//! only once in each mapping.

use super::{Checker, below, is_null, text};
use crate::config::yaml::{Content, Node, Scalar};

/// How deep mappings may be merged into each other. The application's reader refuses
/// those that contain themselves.
const DEEPEST: usize = 100;
/// How many mappings may be merged in all, where the application's reader has another
/// measure against documents that blow themselves up.
const MOST: usize = 10_000;

/// A name and what it stands for.
pub struct Entry<'a> {
    pub name: String,
    pub key: Node<'a>,
    pub value: Node<'a>,
}

/// What has been merged so far.
#[derive(Default)]
pub struct Merging {
    depth: usize,
    count: usize,
}

impl Checker {
    /// The entries of what must be a mapping; `None`, and a problem, if it is none.
    pub fn entries<'a>(&mut self, mapping: Node<'a>, path: &str) -> Option<Vec<Entry<'a>>> {
        let Content::Mapping(pairs) = mapping.content() else {
            self.report(mapping, path, "must be a mapping");
            return None;
        };
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let (mut names, mut merged): (Vec<(String, Node<'a>)>, _) = (Vec::new(), None);
        for (key, value) in pairs {
            let is_merge = key.scalar().is_some_and(Scalar::is_merge);
            let Some(name) = self.name(key, path) else { continue };
            if let Some((_, first)) = names.iter().find(|(known, _)| *known == name) {
                let rule = format!("defines {name:?} again, after line {}", first.at().0);
                self.report(key, path, &rule);
                continue;
            }
            names.push((name.clone(), key));
            if is_merge {
                merged = Some(value);
            } else {
                entries.push(Entry { name, key, value });
            }
        }
        if let Some(merged) = merged {
            self.merge(merged, &below(path, "<<"), &mut entries);
        }
        Some(entries)
    }

    /// The name that a key is. The application's reader passes over keys that are nothing.
    fn name(&mut self, key: Node<'_>, path: &str) -> Option<String> {
        let name = text(key).map(std::borrow::Cow::into_owned);
        if name.is_none() {
            self.report(key, path, "has a key that is no text");
        }
        name.filter(|_| !is_null(key))
    }

    /// Adds the entries of a mapping, or of a list of mappings, whose names are new.
    fn merge<'a>(&mut self, merged: Node<'a>, path: &str, entries: &mut Vec<Entry<'a>>) {
        self.merging.count += 1;
        if self.merging.depth == DEEPEST || self.merging.count == MOST {
            self.report(merged, path, "merges too many mappings, or one into itself");
        }
        if self.merging.depth >= DEEPEST || self.merging.count >= MOST {
            return;
        }
        let sources = match merged.content() {
            // A list must stand here itself.
            Content::Sequence(sources) if !merged.is_alias() => sources,
            _ => vec![merged],
        };
        self.merging.depth += 1;
        for source in sources {
            for entry in self.entries(source, path).into_iter().flatten() {
                if entries.iter().all(|known| known.name != entry.name) {
                    entries.push(entry);
                }
            }
        }
        self.merging.depth -= 1;
    }
}

/// The value of a mapping's own entry.
pub fn value_of<'a>(mapping: Node<'a>, name: &str) -> Option<Node<'a>> {
    let Content::Mapping(pairs) = mapping.content() else { return None };
    pairs.into_iter().find(|(key, _)| text(*key).is_some_and(|text| text == name)).map(|(_, value)| value)
}
