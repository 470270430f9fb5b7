//! The config file under SIGKILL: a reader sees the old content or the new, never else.

#![forbid(unsafe_code)]
// Test code: a panic is how a test fails.
#![allow(clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use llm_proxy_init::config::file::write;

/// Tells this program, started again, to be the writer, and of which file.
const FILE_TO_WRITE: &str = "TORN_TEST_FILE";
const KILLS: usize = 1_000;

/// Two contents of several pages, so that a torn write would show.
fn contents() -> [String; 2] {
    ["old", "new"].map(|word| format!("# {word}\n").repeat(4_000))
}

/// Not a test by itself: what the other one starts and kills.
#[test]
fn writer() {
    let Some(path) = std::env::var_os(FILE_TO_WRITE) else { return };
    let [old, new] = contents();
    loop {
        write(Path::new(&path), new.as_bytes(), 0o644).expect("the folder is writable");
        write(Path::new(&path), old.as_bytes(), 0o644).expect("the folder is writable");
    }
}

fn start_writer(path: &Path) -> Child {
    let program = std::env::current_exe().expect("this program has a path");
    let mut writer = Command::new(program);
    writer.args(["--exact", "writer", "--nocapture"]).env(FILE_TO_WRITE, path);
    writer.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
}

fn temporary_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "tmp")).collect()
}

#[test]
fn a_reader_sees_the_old_or_the_new_whenever_the_writer_is_killed() {
    let folder = std::env::temp_dir().join(format!("llm-proxy-init-torn-{}", std::process::id()));
    fs::create_dir(&folder).expect("a new folder");
    let path = folder.join("api_providers.yaml");
    let contents = contents();
    write(&path, contents[0].as_bytes(), 0o644).expect("written");
    let mut caught_writing = 0;
    for _ in 0..KILLS {
        let mut writer = start_writer(&path);
        // Not synchronisation: the moment of the kill is what is varied.
        thread::sleep(Duration::from_micros(fastrand::u64(1_000..12_000)));
        writer.kill().expect("it runs");
        writer.wait().expect("it ends");
        let seen = fs::read_to_string(&path).expect("the file is always there");
        assert!(contents.contains(&seen), "torn: {} bytes", seen.len());
        let left = temporary_files(&folder);
        caught_writing += usize::from(!left.is_empty());
        for path in left {
            fs::remove_file(path).expect("removable");
        }
    }
    fs::remove_dir_all(&folder).expect("removable");
    println!("{caught_writing} of {KILLS} kills came in the middle of a write");
    assert!(caught_writing > KILLS / 20, "too few kills came in the middle of a write: {caught_writing}");
}
