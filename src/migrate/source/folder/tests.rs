//! Folders beside goose are in `tests/goose_parser`; here are those named in refinery's way,
//! and the words of each refusal.

use super::*;

/// A folder that is gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("llm-proxy-init-{}", uuid::Uuid::new_v4().simple()));
        for (name, content) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self(folder)
    }

    /// The refusal, with the folder's name as `/m`.
    fn refusal(&self) -> String {
        let understood = |files: Vec<File>| files.iter().try_for_each(|file| file.script().map(|_| ()));
        let error = folder(&self.0).and_then(understood).unwrap_err();
        assert!(!error.is_environment(), "{error}");
        error.to_string().replace(&self.0.display().to_string(), "/m")
    }

    fn versions(&self) -> Vec<i64> {
        folder(&self.0).unwrap().iter().map(|file| file.version).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const GOOSE: &str = "-- +goose Up\nSELECT 1;\n";
const PLAIN: &str = "SELECT 1;\n";

#[test]
fn files_know_their_path_and_name() {
    let files = Folder::with(&[("00002_b.sql", GOOSE), ("00001_a_b.sql", GOOSE)]);
    let found = folder(&files.0).unwrap();
    let first = found.first().unwrap();
    assert_eq!((first.version, first.name.as_str()), (1, "a_b"));
    assert_eq!(first.path, files.0.join("00001_a_b.sql").display().to_string());
    assert_eq!(files.versions(), [1, 2]);
}

#[test]
fn names_of_refinery_are_taken_with_sub_folders() {
    let files = Folder::with(&[
        ("V10__a.sql", PLAIN),
        ("V9__b.sql", "-- no transaction\nVACUUM;VACUUM;"),
        ("U3__c.sql", PLAIN),
        ("sub/deep/V4__d.sql", PLAIN),
        ("..data/V10__a.sql", PLAIN),
        ("README.md", "no migration"),
        ("V5__upper.SQL", "no migration"),
    ]);
    assert_eq!(files.versions(), [3, 4, 9, 10]);
    let found = folder(&files.0).unwrap();
    let in_transaction: Vec<bool> = found.iter().map(|file| file.script().unwrap().in_transaction).collect();
    assert_eq!(in_transaction, [true, true, false, true]);
}

#[cfg(unix)]
#[test]
fn links_to_files_are_followed_and_pipes_are_not_read() {
    let files = Folder::with(&[("..data/00001_a.sql", GOOSE)]);
    std::os::unix::fs::symlink("..data/00001_a.sql", files.0.join("00001_a.sql")).unwrap();
    assert_eq!(files.versions(), [1]);
    std::os::unix::fs::symlink("/dev/zero", files.0.join("00002_b.sql")).unwrap();
    assert!(files.refusal().starts_with("/m/00002_b.sql is named like a migration and is no regular file"));
}

#[test]
fn refusals_name_the_files_and_say_what_to_do() {
    for (files, message) in [
        (
            &[("00001_a.sql", GOOSE), ("V2__b.sql", PLAIN)][..],
            "the folder mixes two ways of naming migrations: /m/00001_a.sql is named as for goose, /m/V2__b.sql as for \
             refinery; rename the files of one kind",
        ),
        (
            &[("001_a.sql", GOOSE), ("1_b.sql", GOOSE)],
            "/m/001_a.sql and /m/1_b.sql both have version 1; give each migration a number of its own",
        ),
        (
            &[("V1__a.sql", PLAIN), ("sub/V1__a.sql", PLAIN)],
            "/m/V1__a.sql and /m/sub/V1__a.sql both have version 1; give each migration a number of its own",
        ),
        (
            &[("00001_a.sql", GOOSE), ("00002_b.go", "")],
            "/m/00002_b.go is a migration coded in Go, and this binary runs SQL only; write it in SQL, or leave this \
             folder's migrations to the application",
        ),
        (
            &[("V1__a.sql", PLAIN), ("V2__b.rs", "")],
            "/m/V2__b.rs is a migration coded in Rust, and this binary runs SQL only; write it in SQL, or leave this \
             folder's migrations to the application",
        ),
        (
            &[("00001_a.sql", GOOSE), ("schema.sql", PLAIN)],
            "/m/schema.sql has no underscore after a version: name it like 00001_name.sql, or move it out of the folder",
        ),
        (
            &[("V1__a.sql", PLAIN), ("V2_b.sql", PLAIN)],
            "/m/V2_b.sql is not named like the others: V, a whole number, two underscores, then letters, digits and \
             underscores, such as V1__name.sql; rename it, or move it out of the folder",
        ),
        (
            &[("README.md", "")],
            "/m holds no migration: expected are files such as 00001_name.sql (goose) or V1__name.sql (refinery); check \
             that the right folder is mounted",
        ),
        (
            &[("V1__a.sql", GOOSE)],
            "/m/V1__a.sql:1: this is one of goose's annotations, but the file is named as for refinery and would run as \
             a whole, `Down` included; name it like 00001_name.sql, or remove the annotations",
        ),
        (
            &[("00001_a.sql", "-- +goose Up\n-- +goose down\n-- +goose Up\n")],
            "/m/00001_a.sql:3: `-- +goose Up` may occur once only, before everything else; remove this one",
        ),
    ] {
        assert_eq!(Folder::with(files).refusal(), message);
    }
}

#[test]
fn other_encodings_are_refused_with_their_line() {
    let files = Folder::with(&[("V1__a.sql", PLAIN)]);
    fs::write(files.0.join("V1__a.sql"), b"SELECT 1;\n\nSELECT '\xf6';\n").unwrap();
    assert_eq!(files.refusal(), "/m/V1__a.sql:3: the line is not UTF-8; save the file in that encoding");
}

#[test]
fn what_cannot_be_read_is_the_environment_s_fault() {
    let files = Folder::with(&[("00001_a.sql", GOOSE)]);
    let missing = files.0.join("missing");
    let error = folder(&missing).unwrap_err();
    assert!(error.is_environment());
    let start = format!("cannot read {}: No such file or directory (os error 2); check", missing.display());
    assert!(error.to_string().starts_with(&start), "{error}");
    assert!(folder(&files.0.join("00001_a.sql")).unwrap_err().is_environment());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", files.0.join("00002_b.sql")).unwrap();
        assert!(folder(&files.0).unwrap_err().is_environment());
    }
}
