//! The file: written whole or not at all.
//!
//! Promises that a reader sees the old content or the new, never else, whatever
//! happens in between: a temporary file in the same folder gets the content, its
//! final mode and an fsync before it takes the name, and the folder is synced after.
//! Identical content is left alone, modification time included. What runs that were
//! killed have left beside the file is removed.

use std::fs::{self, DirEntry, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::Error;

/// A temporary file is in use for milliseconds. One that is this old was left behind;
/// a younger one may be another task's that writes to the same folder.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(60);

/// What writing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The file has new content.
    Changed,
    /// It had this content already.
    Unchanged,
}

/// Makes the file at `path` have exactly `content` and `mode`. Blocks on the disk.
///
/// # Errors
/// [`Error::Write`] naming the operation and the path; the old file is untouched.
pub fn write(path: &Path, content: &[u8], mode: u32) -> Result<Written, Error> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    remove_left_behind(folder, path);
    if is_already(path, content, mode) {
        return Ok(Written::Unchanged);
    }
    let temporary = Temporary::beside(path);
    let tried = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { action, path, source }
    };
    temporary.fill(content, mode).map_err(tried("write", &temporary.0))?;
    fs::rename(&temporary.0, path).map_err(tried("replace", path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(tried("sync", folder))?;
    Ok(Written::Changed)
}

/// Writes `bytes` of nothing beside `path` and takes them back: whether there is room, and
/// a right to write. Blocks on the disk.
///
/// # Errors
/// What the operating system said.
pub fn try_room(path: &Path, bytes: u64) -> io::Result<()> {
    let nothing = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    Temporary::beside(path).fill(&nothing, 0o600)
}

fn is_already(path: &Path, content: &[u8], mode: u32) -> bool {
    let same_mode = fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o7777 == mode);
    same_mode && fs::read(path).is_ok_and(|found| found == content)
}

/// Removes temporary files of this path that no process can be using any more. Nothing
/// depends on it: what can't be removed stays.
fn remove_left_behind(folder: &Path, path: &Path) {
    let is_old = |entry: &DirEntry| {
        let modified = entry.metadata().and_then(|found| found.modified());
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= LEFT_BEHIND_AFTER))
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if Temporary::is_one_of(path, &entry.file_name().to_string_lossy()) && is_old(&entry) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A file that is removed unless it has been renamed.
struct Temporary(PathBuf);

impl Temporary {
    /// Nobody else has it: by the number of its process alone it would be every container's
    /// that shares the volume, for each counts from 1.
    fn beside(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self(path.with_file_name(format!(".{name}.{}.tmp", Uuid::new_v4().simple())))
    }

    /// Whether `name` is what [`Temporary::beside`] calls a file for `path`.
    fn is_one_of(path: &Path, name: &str) -> bool {
        let target = path.file_name().unwrap_or_default().to_string_lossy();
        let middle = name.strip_prefix('.').and_then(|rest| rest.strip_prefix(&*target));
        let id = middle.and_then(|rest| rest.strip_prefix('.')).and_then(|rest| rest.strip_suffix(".tmp"));
        id.is_some_and(|id| Uuid::try_parse(id).is_ok())
    }

    fn fill(&self, content: &[u8], mode: u32) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&self.0)?;
        file.write_all(content)?;
        // The mode given at creation is cut by the umask.
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing under this name any more.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn only_temporary_files_of_this_path_are_recognised() {
        let path = Path::new("/config/api_providers.yaml");
        let beside = Temporary::beside(path);
        let name = beside.0.file_name().unwrap().to_string_lossy().into_owned();
        assert!(Temporary::is_one_of(path, &name), "{name}");
        for other in
            ["api_providers.yaml", ".api_providers.yaml.tmp", ".api_providers.yaml.x.tmp", ".other.1.tmp"]
        {
            assert!(!Temporary::is_one_of(path, other), "{other}");
        }
    }

    /// As containers that share a volume do: each is process 1 there.
    #[test]
    fn writers_with_the_same_process_id_do_not_meet() {
        let folder = std::env::temp_dir().join(format!("same-process-{:016x}", fastrand::u64(..)));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("api_providers.yaml");
        let contents: Vec<Vec<u8>> = (b'a'..b'e').map(|letter| vec![letter; 100_000]).collect();
        thread::scope(|scope| {
            for content in &contents {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..50 {
                        write(path, content, 0o644).unwrap();
                    }
                });
            }
            for _ in 0..500 {
                let found = fs::read(&path).unwrap_or_else(|_| contents[0].clone());
                assert!(contents.contains(&found), "torn: {} bytes", found.len());
            }
        });
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
