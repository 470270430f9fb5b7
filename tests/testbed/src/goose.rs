//! goose, the application's migrator, built from its module when Go is there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, go, home, versions};

/// An installed goose.
#[derive(Debug)]
pub struct Goose(PathBuf);

impl Goose {
    /// goose, built at first use; `None`, with a word on stderr, where there is no Go.
    ///
    /// # Errors
    /// Go is there and can't build it.
    pub fn installed() -> Result<Option<Self>> {
        if !go::is_there("nothing is compared with goose") {
            return Ok(None);
        }
        let _lock = home::lock_cache()?;
        let folder = home::cache()?.join(versions::GOOSE.replace(['/', '@'], "-"));
        let program = folder.join("goose");
        if !program.exists() {
            eprintln!("testbed: building {}", versions::GOOSE);
            let built = Command::new("go")
                .args(["install", "-tags", versions::GOOSE_TAGS, versions::GOOSE])
                .env("GOBIN", &folder)
                .output()?;
            if !built.status.success() {
                return Err(String::from_utf8_lossy(&built.stderr).into());
            }
        }
        Ok(Some(Self(program)))
    }

    /// The folder that it is in, for a `PATH`.
    pub fn folder(&self) -> &Path {
        self.0.parent().unwrap_or(&self.0)
    }

    /// Runs a command over a folder of migrations; returns what goose said.
    ///
    /// # Errors
    /// goose failed; its words are in the message.
    pub async fn run(&self, folder: &Path, database_url: &str, command: &[&str]) -> Result<String> {
        let mut goose = tokio::process::Command::new(&self.0);
        let said =
            goose.arg("-dir").arg(folder).args(["postgres", database_url]).args(command).output().await?;
        let words = [said.stdout, said.stderr].concat();
        let words = String::from_utf8_lossy(&words).into_owned();
        if said.status.success() { Ok(words) } else { Err(words.into()) }
    }
}
