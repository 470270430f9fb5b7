//! Where migrations come from: a folder of files, or texts that are part of the binary.
//!
//! Promises that a folder is read as goose 3.27 reads it: the same files, the same
//! statements of their `Up` sections, the same refusals, each with file and line. The few
//! differences are on purpose, refuse more and never run anything else; they are listed in
//! docs/design.md. A folder of files named in refinery's way works too. The whole folder is
//! read and checked before anything of it runs.

mod annotation;
mod error;
mod folder;
mod goose;
mod lexer;
mod name;
mod refinery;
mod split;
mod statement;
mod words;

pub use error::{Error, Fault, NameFault, Open};
pub use folder::folder;
pub use goose::parse as goose;
pub use refinery::parse as embedded;
pub use statement::Statement;
pub use words::{Word, Words};

/// One migration as it is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// From the file's name; 1 or more.
    pub version: i64,
    /// The part of the file's name after the version, without `.sql`.
    pub name: String,
    /// What a log shows: the file's path, or its name alone when it is part of the binary.
    pub file: String,
    /// What is to be run, in this order. None of them is blank.
    pub statements: Vec<Statement>,
    /// Whether all statements and the ledgers' rows are one transaction.
    pub in_transaction: bool,
    /// The whole text of the file. Bytes that are not UTF-8 (goose allows them where
    /// nothing is run) are replaced.
    pub text: String,
}
