//! A file with goose's annotations: its `Up` section in statements.
//!
//! Promises what goose 3.27's parser would send to the server. It goes by lines: a
//! statement ends with a line whose last word, comments apart, ends with a semicolon, be
//! that within quotes or not, or with `StatementEnd`. Comments and blank lines before a
//! statement are no part of it, those within are. Only refusals are added: of `ENVSUB ON`,
//! of a line that goose would lose, and of bytes that the server would refuse.

use super::annotation::{self, Annotation};
use super::statement::line_feeds;
use super::{Error, Fault, Script, Statement};

/// goose's line buffer, line feed included.
const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// Reads a file's content.
///
/// # Errors
/// goose would refuse it; see above for what is refused besides.
pub fn parse(file: &str, content: &[u8]) -> Result<Script, Error> {
    let reading = Reading::of(content).map_err(|Refusal { line, fault }| Error::Invalid {
        file: file.to_owned(),
        line,
        fault,
    })?;
    Ok(Script { statements: reading.statements, in_transaction: !reading.no_transaction })
}

/// What is refused, and in which line.
struct Refusal {
    line: Option<usize>,
    fault: Fault,
}

/// How far the file is read.
#[derive(Default)]
struct Reading {
    section: Section,
    block: Block,
    pending: Pending,
    statements: Vec<Statement>,
    no_transaction: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Section {
    /// Before `Up`.
    #[default]
    Head,
    Up,
    Down,
}

/// Where we are between `StatementBegin` and `StatementEnd`.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Block {
    #[default]
    None,
    /// It began in this line.
    Open(usize),
    /// It is over and had nothing in it.
    EndedEmpty,
}

/// Lines that are not a statement yet.
#[derive(Default)]
struct Pending {
    sql: String,
    first: usize,
    omitted: Vec<usize>,
}

impl Reading {
    fn of(content: &[u8]) -> Result<Self, Refusal> {
        let mut reading = Self::default();
        let lines = content.strip_suffix(b"\n").unwrap_or(content).split(|byte| *byte == b'\n');
        for (number, line) in (1..).zip(lines) {
            if line.len() >= LONGEST_LINE {
                return refuse(number, Fault::LongLine);
            }
            reading.line(number, line.strip_suffix(b"\r").unwrap_or(line))?;
        }
        reading.end()
    }

    fn line(&mut self, number: usize, bytes: &[u8]) -> Result<(), Refusal> {
        // What is no UTF-8 is neither blank nor part of an annotation, to goose too.
        let line = String::from_utf8_lossy(bytes);
        if annotation::is_annotation(&line) {
            return self.annotation(number, &line);
        }
        match self.section {
            Section::Head if annotation::is_comment(&line) || line.trim().is_empty() => Ok(()),
            Section::Head if line.starts_with('\u{feff}') => refuse(number, Fault::ByteOrderMark),
            Section::Head => refuse(number, Fault::BeforeUp),
            Section::Up => self.sql(number, &line, bytes),
            Section::Down => Ok(()),
        }
    }

    fn annotation(&mut self, number: usize, line: &str) -> Result<(), Refusal> {
        let is_open = matches!(self.block, Block::Open(_));
        match annotation::read(line).or_else(|fault| refuse(number, fault))? {
            Annotation::Up if self.section == Section::Head => self.section = Section::Up,
            Annotation::Up => return refuse(number, Fault::SecondUp),
            Annotation::Down if self.section == Section::Up && !is_open => {
                self.refuse_pending()?;
                self.section = Section::Down;
            }
            Annotation::Down => return refuse(number, Fault::MisplacedDown),
            Annotation::Begin if self.section != Section::Head && !is_open => {
                self.block = Block::Open(number);
            }
            Annotation::Begin => return refuse(number, Fault::MisplacedBegin),
            Annotation::End if is_open => {
                self.block = if self.pending.is_empty() { Block::EndedEmpty } else { Block::None };
                self.finish();
                return Ok(());
            }
            Annotation::End => return refuse(number, Fault::MisplacedEnd),
            Annotation::NoTransaction => self.no_transaction = true,
            Annotation::EnvironmentOn => return refuse(number, Fault::Environment),
            Annotation::EnvironmentOff => {}
        }
        self.pending.omit(number);
        Ok(())
    }

    /// A line of the section `Up`.
    fn sql(&mut self, number: usize, line: &str, bytes: &[u8]) -> Result<(), Refusal> {
        if self.pending.is_empty() && (line.is_empty() || annotation::is_comment(line)) {
            return Ok(());
        }
        if self.block == Block::EndedEmpty {
            // goose drops the first line that is neither empty nor a comment.
            self.block = Block::None;
            return if line.trim().is_empty() { Ok(()) } else { refuse(number, Fault::LostLine) };
        }
        if std::str::from_utf8(bytes).is_err() {
            return refuse(number, Fault::NotUtf8);
        }
        if line.contains('\0') {
            return refuse(number, Fault::ZeroByte);
        }
        self.pending.push(number, line);
        if self.block == Block::None && ends_statement(line) {
            self.finish();
        }
        Ok(())
    }

    /// Makes the pending lines a statement, if there is anything in them.
    fn finish(&mut self) {
        let Pending { sql, first, omitted } = std::mem::take(&mut self.pending);
        let trimmed = sql.trim_start();
        if !trimmed.is_empty() {
            let blank = sql.get(..sql.len() - trimmed.len()).unwrap_or_default();
            let statement = trimmed.trim_end().to_owned();
            self.statements.push(Statement::with_omitted(statement, first + line_feeds(blank), omitted));
        }
    }

    /// Refuses lines that no statement has come of.
    fn refuse_pending(&mut self) -> Result<(), Refusal> {
        let statements = self.statements.len();
        self.finish();
        match self.statements.get(statements) {
            Some(unfinished) => refuse(unfinished.line, Fault::Unfinished),
            None => Ok(()),
        }
    }

    fn end(mut self) -> Result<Self, Refusal> {
        if let Block::Open(line) = self.block {
            return refuse(line, Fault::Unended);
        }
        if self.section == Section::Head {
            return Err(Refusal { line: None, fault: Fault::NoUp });
        }
        self.refuse_pending()?;
        Ok(self)
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.sql.is_empty()
    }

    fn push(&mut self, number: usize, line: &str) {
        if self.is_empty() {
            self.first = number;
        }
        self.sql.push_str(line);
        self.sql.push('\n');
    }

    /// Notes a line that is no part of the statement, if there is one already.
    fn omit(&mut self, number: usize) {
        if !self.is_empty() {
            self.omitted.push(number);
        }
    }
}

fn refuse<T>(line: usize, fault: Fault) -> Result<T, Refusal> {
    Err(Refusal { line: Some(line), fault })
}

/// Whether a statement is over after this line: its last word before a word that begins
/// with `--` ends with a semicolon.
fn ends_statement(line: &str) -> bool {
    let words = line.split_whitespace().take_while(|word| !word.starts_with("--"));
    words.last().is_some_and(|word| word.ends_with(';'))
}

#[cfg(test)]
mod tests;
