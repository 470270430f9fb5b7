//! The reading of goose files: on a corpus of small files, on what random changes make of
//! them, and beside goose's own parser.

#![forbid(unsafe_code)]
// Test code: a panic is how a test fails.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod beside;
mod corpus;
mod folders;
mod limits;
mod mutants;
mod nothing_lost;
mod oracle;

use llm_proxy_init::migrate::source::{self, Error, Script};

/// What we make of a file's content.
fn read(content: &[u8]) -> Result<Script, Error> {
    source::goose("file.sql", content)
}
