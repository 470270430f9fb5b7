//! Where migrations come from: a folder of files, or texts that are part of the binary.
//!
//! Promises that a folder is read as goose 3.27 reads it: the same files, the same
//! statements of their `Up` sections, the same refusals, each with file and line. The few
//! differences are on purpose, refuse more and never run anything else; they are listed in
//! docs/design.md. A folder of files named in refinery's way works too. What a file says is
//! looked at when it is to be run, and before anything runs.

mod annotation;
mod error;
mod file;
mod folder;
mod goose;
mod lexer;
mod name;
mod refinery;
mod split;
mod statement;
mod words;

pub use error::{Error, Fault, NameFault, Open};
pub use file::File;
pub use folder::folder;
pub use goose::parse as goose;
pub use refinery::parse as refinery;
pub use statement::Statement;
pub use words::{Word, Words};

/// What a migration consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What is to be run, in this order. None of them is blank.
    pub statements: Vec<Statement>,
    /// Whether all statements and the ledgers' rows are one transaction.
    pub in_transaction: bool,
}
