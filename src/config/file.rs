//! The file: written whole or not at all.
//!
//! Promises that a reader sees the old content or the new, never else, whatever
//! happens in between: a temporary file in the same folder gets the content, its
//! final mode and an fsync before it takes the name, and the folder is synced after.
//! Identical content is left alone, modification time included.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Error;

/// Readable by every user of the task: the proxy runs as another one.
const MODE: u32 = 0o644;

/// What writing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The file has new content.
    Changed,
    /// It had this content already.
    Unchanged,
}

/// Makes the file at `path` have exactly `content`. Blocks on the disk.
///
/// # Errors
/// [`Error::Write`] naming the operation and the path; the old file is untouched.
pub fn write(path: &Path, content: &[u8]) -> Result<Written, Error> {
    if is_already(path, content) {
        return Ok(Written::Unchanged);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = Temporary::beside(path);
    let tried = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { action, path, source }
    };
    temporary.fill(content).map_err(tried("write", &temporary.0))?;
    fs::rename(&temporary.0, path).map_err(tried("replace", path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(tried("sync", folder))?;
    Ok(Written::Changed)
}

fn is_already(path: &Path, content: &[u8]) -> bool {
    let same_mode = fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o7777 == MODE);
    same_mode && fs::read(path).is_ok_and(|found| found == content)
}

/// A file that is removed unless it has been renamed.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self(path.with_file_name(format!(".{name}.{}.tmp", std::process::id())))
    }

    fn fill(&self, content: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&self.0)?;
        file.write_all(content)?;
        // The mode given at creation is cut by the umask.
        file.set_permissions(Permissions::from_mode(MODE))?;
        file.sync_all()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing under this name any more.
        let _ = fs::remove_file(&self.0);
    }
}
