//! goose, the application's migrator, built from its module when Go is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::init::STUCK;
use crate::{Result, World, go, home, versions};

/// An installed goose.
#[derive(Debug)]
pub struct Goose(PathBuf);

impl Goose {
    /// goose, built at first use; `None`, with a word on stderr, where there is no Go.
    ///
    /// # Errors
    /// Go is there and can't build it.
    pub fn installed() -> Result<Option<Self>> {
        if !go::is_there("nothing is compared with goose")? {
            return Ok(None);
        }
        let _lock = home::lock_cache()?;
        let folder = home::cache()?.join(versions::GOOSE.replace(['/', '@'], "-"));
        let program = folder.join("goose");
        if !program.exists() {
            eprintln!("testbed: building {}", versions::GOOSE);
            let install = ["install", "-tags", versions::GOOSE_TAGS, versions::GOOSE];
            go::run(Command::new("go").args(install).env("GOBIN", &folder))?;
        }
        Ok(Some(Self(program)))
    }

    /// A program from the Go file `source`, built as a part of goose's module: it may use
    /// packages that are goose's own. `None`, with a word on stderr, where there is no Go.
    ///
    /// # Errors
    /// Go is there and can't build it.
    pub fn program_within(source: &Path) -> Result<Option<PathBuf>> {
        if !go::is_there("nothing is compared with goose's parser")? {
            return Ok(None);
        }
        let _lock = home::lock_cache()?;
        let module = versions::GOOSE.replace("/cmd/goose", "");
        let folder = home::cache()?.join(format!("{}-within", module.replace(['/', '@'], "-")));
        copy_module(&module, &folder)?;
        let package = folder.join("within");
        fs::create_dir_all(&package)?;
        fs::copy(source, package.join("main.go"))?;
        let program = folder.join("within.program");
        go::run(Command::new("go").args(["build", "-o"]).arg(&program).arg("./within").current_dir(&folder))?;
        Ok(Some(program))
    }

    /// The folder that it is in, for a `PATH`.
    pub fn folder(&self) -> &Path {
        self.0.parent().unwrap_or(&self.0)
    }

    /// Writes the migrations of this repository as goose has its files, into a folder of the
    /// world's.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn migrations(world: &World<'_>) -> Result<PathBuf> {
        let folder = world.config_folder().join("migrations");
        fs::create_dir(&folder)?;
        for entry in fs::read_dir(home::repository().join("migrations"))? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let (version, name) = name.split_once("__").ok_or("a migration without a version")?;
            let version: usize = version.trim_start_matches('V').parse()?;
            let sql = fs::read_to_string(&path)?;
            let up = format!("-- +goose Up\n-- +goose StatementBegin\n{sql}\n-- +goose StatementEnd\n");
            fs::write(folder.join(format!("{version:05}_{name}.sql")), up)?;
        }
        Ok(folder)
    }

    /// Runs a command over a folder of migrations; returns what goose said.
    ///
    /// # Errors
    /// goose failed; its words are in the message. Or it does not end.
    pub async fn run(&self, folder: &Path, database_url: &str, command: &[&str]) -> Result<String> {
        let mut goose = tokio::process::Command::new(&self.0);
        goose.arg("-dir").arg(folder).args(["postgres", database_url]).args(command).kill_on_drop(true);
        let said = tokio::time::timeout(STUCK, goose.output()).await.map_err(|_| "goose does not end")??;
        let words = [said.stdout, said.stderr].concat();
        let words = String::from_utf8_lossy(&words).into_owned();
        if said.status.success() { Ok(words) } else { Err(words.into()) }
    }
}

/// Copies a module out of Go's cache, where nothing can be added to it. What is needed only
/// to test it is left out.
fn copy_module(module: &str, to: &Path) -> Result<()> {
    let mark = to.join("copied");
    if mark.exists() {
        return Ok(());
    }
    let downloaded = Command::new("go").args(["mod", "download", "-json", module]).output()?;
    let found: Value = serde_json::from_slice(&downloaded.stdout)?;
    let from = found
        .get("Dir")
        .and_then(Value::as_str)
        .ok_or_else(|| format!("{module} is not to be had: {found}"))?;
    copy_go_files(Path::new(from), to)?;
    for file in ["go.mod", "go.sum"] {
        fs::write(to.join(file), fs::read(Path::new(from).join(file))?)?;
    }
    Ok(fs::write(mark, [])?)
}

fn copy_go_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, to) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        let is_test = path.to_string_lossy().ends_with("_test.go");
        if path.is_dir() {
            copy_go_files(&path, &to)?;
        } else if path.extension() == Some("go".as_ref()) && !is_test {
            fs::write(&to, fs::read(&path)?)?;
        }
    }
    Ok(())
}
