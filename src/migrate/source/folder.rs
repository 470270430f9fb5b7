//! A folder of migrations.
//!
//! Promises to take the files that goose takes: those in the folder itself whose names end
//! with `.sql`, in small letters, hidden ones included; one that is not named like a
//! migration is an error. When the names are refinery's, sub-folders are gone through too,
//! as refinery does; hidden ones are not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{File, Style};
use super::name::{self, Named};
use super::{Error, NameFault};

/// The migrations of a folder; ascending by version. What their texts say is not looked at.
///
/// # Errors
/// The folder or a file can't be read, there is nothing in it, or a file is not named like
/// a migration.
pub fn folder(path: &Path) -> Result<Vec<File>, Error> {
    let entries = list(path)?;
    let goose = entries.iter().find(|entry| entry.is_sql() && name::goose(&entry.name).is_ok());
    let refinery = entries.iter().find(|entry| entry.is_sql() && name::refinery(&entry.name).is_ok());
    let mut files = match (goose, refinery) {
        (Some(goose), Some(refinery)) => {
            return Err(Error::Mixed { goose: goose.shown(), refinery: refinery.shown() });
        }
        (None, Some(_)) => Style::Refinery.read_all(&nested(entries)?)?,
        _ => Style::Goose.read_all(&entries)?,
    };
    if files.is_empty() {
        return Err(Error::Empty { folder: path.display().to_string() });
    }
    // Stable: of two files with the same version the first by name stays the first.
    files.sort_by_key(|file| file.version);
    match files.windows(2).find_map(same_version) {
        Some(duplicate) => Err(duplicate),
        None => Ok(files),
    }
}

fn same_version(neighbours: &[File]) -> Option<Error> {
    let [first, second] = neighbours else { return None };
    (first.version == second.version).then(|| Error::Duplicate {
        version: first.version,
        first: first.path.clone(),
        second: second.path.clone(),
    })
}

/// What stands in a folder.
struct Entry {
    path: PathBuf,
    name: String,
}

impl Entry {
    fn is_sql(&self) -> bool {
        name::parts(&self.name).1 == "sql"
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }
}

/// The entries of a folder by name.
fn list(folder: &Path) -> Result<Vec<Entry>, Error> {
    let read = || -> io::Result<Vec<Entry>> {
        fs::read_dir(folder)?
            .map(|entry| {
                let entry = entry?;
                Ok(Entry { path: entry.path(), name: entry.file_name().to_string_lossy().into_owned() })
            })
            .collect()
    };
    let mut entries = read().map_err(|cause| unreadable(folder, cause))?;
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(entries)
}

/// Entries with those of all sub-folders. Links to folders are not followed.
fn nested(entries: Vec<Entry>) -> Result<Vec<Entry>, Error> {
    let mut all = Vec::new();
    let mut to_see = entries;
    while let Some(entry) = to_see.pop() {
        let is_folder = fs::symlink_metadata(&entry.path).is_ok_and(|found| found.is_dir());
        if is_folder && !entry.is_sql() && !entry.name.starts_with('.') {
            to_see.extend(list(&entry.path)?);
        } else {
            all.push(entry);
        }
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(all)
}

impl Style {
    fn read_all(self, entries: &[Entry]) -> Result<Vec<File>, Error> {
        let mut files = Vec::new();
        for entry in entries {
            if let Some(language) = self.language(&entry.name) {
                return Err(Error::Coded { file: entry.shown(), language });
            }
            if entry.is_sql() {
                files.push(self.read(entry)?);
            }
        }
        Ok(files)
    }

    /// The language of a migration that is a program. Those in Go are looked for everywhere:
    /// to goose they are among the others. It leaves tests alone, and files without a version.
    fn language(self, file_name: &str) -> Option<&'static str> {
        let (stem, extension) = name::parts(file_name);
        match (self, extension) {
            (_, "go") if !stem.ends_with("_test") => name::goose(file_name).is_ok().then_some("Go"),
            (Self::Refinery, "rs") => name::refinery(file_name).is_ok().then_some("Rust"),
            _ => None,
        }
    }

    fn read(self, entry: &Entry) -> Result<File, Error> {
        let path = entry.shown();
        let refuse = |fault| Error::Name { file: path.clone(), fault };
        let Named { version, name } = match self {
            Self::Goose => name::goose(&entry.name),
            Self::Refinery => name::refinery(&entry.name),
        }
        .map_err(refuse)?;
        let content = content(&entry.path)?.ok_or_else(|| refuse(NameFault::NotAFile))?;
        Ok(File { version, name, path, content, style: self })
    }
}

/// A file's content; none of what is no regular file: reading a pipe might never end.
fn content(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let read = || Ok(if fs::metadata(path)?.is_file() { Some(fs::read(path)?) } else { None });
    read().map_err(|cause| unreadable(path, cause))
}

fn unreadable(path: &Path, cause: io::Error) -> Error {
    Error::Unreadable { path: path.display().to_string(), cause }
}

#[cfg(test)]
mod tests;
