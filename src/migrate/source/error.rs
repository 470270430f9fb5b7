//! Why migrations can't be read: what is wrong, in which file and line, and what to do.

use std::io;

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder, or a file in it, is missing or can't be read.
    #[error(
        "cannot read {path}: {cause}; check that the folder of migrations is mounted there and readable by \
         the user that this task runs as"
    )]
    Unreadable {
        /// Of the folder or the file.
        path: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The folder is there and holds no migration.
    #[error(
        "{folder} holds no migration: expected are files such as 00001_name.sql (goose) or V1__name.sql \
         (refinery); check that the right folder is mounted"
    )]
    Empty {
        /// The folder.
        folder: String,
    },
    /// A migration is a program.
    #[error(
        "{file} is a migration coded in {language}, and this binary runs SQL only; write it in SQL, or leave \
         this folder's migrations to the application"
    )]
    Coded {
        /// The file.
        file: String,
        /// The programming language.
        language: &'static str,
    },
    /// Both ways of naming files occur.
    #[error(
        "the folder mixes two ways of naming migrations: {goose} is named as for goose, {refinery} as for \
         refinery; rename the files of one kind"
    )]
    Mixed {
        /// A file named in goose's way.
        goose: String,
        /// A file named in refinery's way.
        refinery: String,
    },
    /// Two files have the same version.
    #[error("{first} and {second} both have version {version}; give each migration a number of its own")]
    Duplicate {
        /// What both names say.
        version: i64,
        /// The file that comes first by name.
        first: String,
        /// The other one.
        second: String,
    },
    /// A file whose name is no migration's.
    #[error("{file} {fault}")]
    Name {
        /// The file.
        file: String,
        /// What is wrong with its name.
        fault: NameFault,
    },
    /// A file whose content can't be run.
    #[error("{file}{}: {fault}", .line.map(|line| format!(":{line}")).unwrap_or_default())]
    Invalid {
        /// The file.
        file: String,
        /// The line, counted from 1; none when something is missing from the file as a whole.
        line: Option<usize>,
        /// What is wrong there.
        fault: Fault,
    },
}

impl Error {
    /// Whether the task's surroundings are to blame (a mount, a permission) and not what
    /// the files say.
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}

/// What is wrong with a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// No underscore.
    #[error("has no underscore after a version: name it like 00001_name.sql, or move it out of the folder")]
    NoUnderscore,
    /// What stands before the underscore is no number, or too large a one.
    #[error(
        "does not begin with a version that fits into 64 bits: name it like 00001_name.sql, or move it out \
         of the folder"
    )]
    NoVersion,
    /// Zero or less.
    #[error("has a version below 1, and goose keeps 0 for itself: number the migrations from 1")]
    NotPositive,
    /// Not as refinery wants it, in a folder named in refinery's way.
    #[error(
        "is not named like the others: V, a whole number, two underscores, then letters, digits and \
         underscores, such as V1__name.sql; rename it, or move it out of the folder"
    )]
    NotRefinery,
    /// A folder, a pipe or the like.
    #[error("is named like a migration and is no regular file: rename it, or move it out of the folder")]
    NotAFile,
}

/// What is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// refinery's ledger can't have it.
    #[error("refinery can't record it: {0}; report this as a bug")]
    Unrecordable(String),
    /// The first bytes are U+FEFF.
    #[error("a byte order mark stands before the SQL; save the file as UTF-8 without one")]
    ByteOrderMark,
    /// No `Up` in the whole file.
    #[error("there is no `-- +goose Up` in the file; put it before the SQL")]
    NoUp,
    /// SQL comes before `Up`.
    #[error("SQL stands before `-- +goose Up`; begin the file with that annotation")]
    BeforeUp,
    /// An annotation after a space or a tab.
    #[error("an annotation stands behind blanks; begin the line with `-- +goose`")]
    Indented,
    /// `+goose` and nothing else.
    #[error(
        "an annotation is empty; write one of Up, Down, StatementBegin, StatementEnd, NO TRANSACTION after \
         `-- +goose`"
    )]
    EmptyAnnotation,
    /// `+goose` twice in a line.
    #[error("`+goose` occurs twice in one line; give each annotation a line of its own")]
    TwoAnnotations,
    /// A word that goose doesn't know.
    #[error(
        "{0:?} is no annotation; goose knows Up, Down, StatementBegin, StatementEnd, NO TRANSACTION, ENVSUB ON \
         and ENVSUB OFF, and takes every comment with `+goose` for one"
    )]
    UnknownAnnotation(String),
    /// Not the first `Up`.
    #[error("`-- +goose Up` may occur once only, before everything else; remove this one")]
    SecondUp,
    /// `Down` before `Up`, again, or within a block.
    #[error(
        "`-- +goose Down` may occur once only, after `-- +goose Up` and outside of StatementBegin and End"
    )]
    MisplacedDown,
    /// `StatementBegin` before `Up`, or within a block.
    #[error(
        "`-- +goose StatementBegin` may not stand here; it comes after `-- +goose Up` or `Down`, and each \
         needs its StatementEnd before the next"
    )]
    MisplacedBegin,
    /// `StatementEnd` without its beginning.
    #[error("`-- +goose StatementEnd` without a StatementBegin before it; add that or remove this one")]
    MisplacedEnd,
    /// `StatementBegin` without its end.
    #[error("`-- +goose StatementBegin` has no StatementEnd; add it after the statement")]
    Unended,
    /// A statement that ends with its section.
    #[error(
        "the statement that starts here does not end: goose wants its last line to end with a semicolon, or \
         StatementBegin and StatementEnd around it"
    )]
    Unfinished,
    /// `ENVSUB ON`.
    #[error(
        "ENVSUB ON is not supported: the environment of this task has no place in SQL, as the same migration \
         would do different things in different tasks; write the values out"
    )]
    Environment,
    /// What goose would leave out in silence.
    #[error(
        "goose leaves this line out, because the StatementBegin and StatementEnd before it have nothing \
         between them; remove those two"
    )]
    LostLine,
    /// A line of 4 MiB or more.
    #[error("the line is longer than goose can read (4 MiB); break it up")]
    LongLine,
    /// Bytes that PostgreSQL would refuse.
    #[error("the line is not UTF-8; save the file in that encoding")]
    NotUtf8,
    /// A zero byte.
    #[error("the line contains a zero byte, which no statement can carry; remove it")]
    ZeroByte,
    /// One of goose's annotations in a file that is named in refinery's way.
    #[error(
        "this is one of goose's annotations, but the file is named as for refinery and would run as a whole, \
         `Down` included; name it like 00001_name.sql, or remove the annotations"
    )]
    ForeignAnnotation,
    /// Something in a script without a transaction has no end.
    #[error("{0} that begins here does not end; end it, so that the script can be split into its statements")]
    Unclosed(Open),
}

/// What may be left open at the end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Open {
    /// `'…`
    #[error("a string")]
    String,
    /// `"…`
    #[error("a quoted identifier")]
    Identifier,
    /// `$$…`
    #[error("a dollar-quoted string")]
    DollarQuote,
    /// `/*…`
    #[error("a comment")]
    Comment,
    /// `(…`
    #[error("a parenthesis")]
    Parenthesis,
    /// `BEGIN ATOMIC …`
    #[error("a function body (BEGIN ATOMIC)")]
    Body,
}
