//! Folders beside goose: which files are taken, in which order, and which are refused.

use std::fs;
use std::path::Path;

use llm_proxy_init::migrate::source::{self, Error, File};
use testbed::Result;

use super::oracle::{About, ask};

const VALID: &str = "-- +goose Up\nSELECT 1;\n";
const INVALID: &str = "SELECT 1;\n";

/// File names (folders end with a slash), and the versions that are run; none when the
/// folder is refused.
const FOLDERS: &[(&[&str], Option<&[i64]>)] = &[
    (&["00001_a.sql", "00002_b.sql"], Some(&[1, 2])),
    (&["10_a.sql", "9_b.sql", "0008_c.sql"], Some(&[8, 9, 10])),
    (&["20261123140000_stamp.sql", "1_a.sql"], Some(&[1, 20_261_123_140_000])),
    (&["9223372036854775807_last.sql"], Some(&[i64::MAX])),
    (&["9223372036854775808_over.sql"], None),
    (&["+1_signed.sql"], Some(&[1])),
    (&["1_.sql"], Some(&[1])),
    (&["1_a_b.c.sql"], Some(&[1])),
    (&["1_a.sql", "0_zero.sql"], None),
    (&["1_a.sql", "-1_negative.sql"], None),
    (&["1_a.sql", "001_again.sql"], None),
    (&["1_a.sql", "00001.sql"], None),
    (&["1_a.sql", "schema.sql"], None),
    (&["1_a.sql", "schema_dump.sql"], None),
    (&["1_a.sql", ".sql"], None),
    (&["1_a.sql", ".2_hidden.sql"], None),
    (&["1_a.sql", "2_upper.SQL"], Some(&[1])),
    (&["1_a.sql", "2_saved.sql~", "2_saved.sql.bak", "README.md", "Makefile"], Some(&[1])),
    (&["1_a.sql", "sub/", "sub/2_b.sql"], Some(&[1])),
    (&["1_a.sql", "sub/", "sub/V2__b.sql"], Some(&[1])),
    (&["1_a.sql", "2_folder.sql/"], None),
    (&["1_a.sql", "folder.sql/"], None),
    (&["1_a.sql", "2_coded.go"], None),
    (&["2_coded.go"], None),
    (&["1_a.sql", "2_folder.go/"], None),
    (&["1_a.sql", "2_coded_test.go", "embed.go", "helper_b.go", "0_zero.go"], Some(&[1])),
    (&["1_a.sql", "V2__coded.rs"], Some(&[1])),
    (&["1_a.sql", "2_invalid.sql"], None),
    (&["1_größer.sql"], Some(&[1])),
    (&["README.md"], None),
    (&["sub/", "sub/1_a.sql"], None),
    (&[], None),
];

#[test]
fn goose_takes_the_same_files() -> Result<()> {
    let root = std::env::temp_dir().join(format!("llm-proxy-init-folders-{}", uuid::Uuid::new_v4().simple()));
    let result = compare(&root);
    fs::remove_dir_all(&root)?;
    result
}

fn compare(root: &Path) -> Result<()> {
    let folders = FOLDERS.iter().enumerate().map(|(number, (names, _))| {
        let folder = root.join(number.to_string());
        write(&folder, names).map(|()| folder)
    });
    let mut folders = folders.collect::<Result<Vec<_>>>()?;
    let mut expected: Vec<_> = FOLDERS.iter().map(|(_, versions)| versions.map(<[i64]>::to_vec)).collect();
    folders.extend([root.join("missing"), root.join("0/00001_a.sql")]);
    expected.extend([None, None]);
    for (folder, expected) in folders.iter().zip(&expected) {
        let ours = source::folder(folder).and_then(|files| understood(&files));
        assert_eq!(ours.as_ref().ok(), expected.as_ref(), "{}: {ours:?}", folder.display());
    }
    let questions = folders.iter().map(|folder| folder.as_os_str().as_encoded_bytes().to_vec()).collect();
    let Some(verdicts) = ask(About::Folder, questions)? else { return Ok(()) };
    for ((folder, expected), theirs) in folders.iter().zip(expected).zip(verdicts) {
        let theirs = theirs.map(|accepted| accepted.versions);
        assert_eq!(theirs.as_ref().ok(), expected.as_ref(), "{}: {theirs:?}", folder.display());
    }
    Ok(())
}

fn understood(files: &[File]) -> std::result::Result<Vec<i64>, Error> {
    files.iter().map(|file| file.script().map(|_| file.version)).collect()
}

fn write(folder: &Path, names: &[&str]) -> Result<()> {
    fs::create_dir_all(folder)?;
    for name in names {
        let path = folder.join(name);
        if name.ends_with('/') {
            fs::create_dir(path)?;
        } else {
            fs::write(path, if name.contains("invalid") { INVALID } else { VALID })?;
        }
    }
    Ok(())
}
