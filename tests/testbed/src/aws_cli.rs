//! The AWS CLI, for scripts that use it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::aws::REGION;
use crate::{Init, Result, install};

/// An installed AWS CLI.
#[derive(Debug)]
pub struct AwsCli(PathBuf);

impl AwsCli {
    /// The AWS CLI, installed at first use.
    ///
    /// # Errors
    /// It can't be installed.
    pub fn installed() -> Result<Self> {
        Ok(Self(install::aws_cli()?))
    }

    /// The folder of its Python packages.
    ///
    /// # Errors
    /// Python can't say.
    pub fn packages(&self) -> Result<PathBuf> {
        self.path_of("purelib")
    }

    /// The folder of Python's standard library.
    ///
    /// # Errors
    /// Python can't say.
    pub fn standard_library(&self) -> Result<PathBuf> {
        self.path_of("stdlib")
    }

    fn path_of(&self, kind: &str) -> Result<PathBuf> {
        let code = format!("import sysconfig; print(sysconfig.get_path('{kind}'))");
        let said = Command::new(self.0.join("python")).args(["-c", &code]).output()?;
        Ok(String::from_utf8(said.stdout)?.trim().into())
    }

    /// Gives a script `aws`, the programs in `folder` and this machine's, in this order.
    #[must_use]
    pub fn give_to(&self, script: Init, folder: &Path) -> Init {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", self.0.display(), folder.display());
        // The CLI's first version does not know AWS_REGION.
        script.env("PATH", path).env("AWS_DEFAULT_REGION", REGION)
    }
}
