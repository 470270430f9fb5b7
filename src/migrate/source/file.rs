//! A migration's file as it was found, not understood yet.
//!
//! What is applied already need not be understood: goose looks at a file when its turn has
//! come, and so may a folder have old files in it that could not be run today.

use std::borrow::Cow;

use super::statement::line_feeds;
use super::{Error, Fault, Script, goose, refinery};

/// A file that is named like a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// From its name; 1 or more.
    pub version: i64,
    /// The part of its name after the version, without `.sql`.
    pub name: String,
    /// What a log shows: its path, or its name alone when it is part of the binary.
    pub path: String,
    pub(super) content: Vec<u8>,
    pub(super) style: Style,
}

/// How a file is named, and so how it is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `00001_name.sql`, with annotations.
    Goose,
    /// `V1__name.sql`, plain SQL.
    Refinery,
}

impl File {
    /// A text that is part of the binary, named in refinery's way.
    pub fn embedded(file_name: &str, version: i64, name: &str, text: &str) -> Self {
        let (name, path, content) = (name.to_owned(), file_name.to_owned(), text.as_bytes().to_vec());
        Self { version, name, path, content, style: Style::Refinery }
    }

    /// Its whole text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.content)
    }

    /// What is to be run.
    ///
    /// # Errors
    /// It is no valid migration.
    pub fn script(&self) -> Result<Script, Error> {
        match self.style {
            Style::Goose => goose::parse(&self.path, &self.content),
            Style::Refinery => refinery::parse(&self.path, self.as_utf8()?),
        }
    }

    fn as_utf8(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.content).map_err(|error| {
            let valid = self.content.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + line_feeds(&String::from_utf8_lossy(valid));
            Error::Invalid { file: self.path.clone(), line: Some(line), fault: Fault::NotUtf8 }
        })
    }
}
