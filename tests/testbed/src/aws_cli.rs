//! The AWS CLI, for scripts that use it.

use std::path::{Path, PathBuf};

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

    /// Gives a script `aws`, the programs in `folder` and this machine's, in this order.
    #[must_use]
    pub fn give_to(&self, script: Init, folder: &Path) -> Init {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", self.0.display(), folder.display());
        // The CLI's first version does not know AWS_REGION.
        script.env("PATH", path).env("AWS_DEFAULT_REGION", REGION)
    }
}
