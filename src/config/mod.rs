//! The provider config: from where it is kept to the file that the proxy reads.
//!
//! Promises that the proxy never sees a file that it would refuse: a value is
//! fetched ([`source`]) decrypted, checked by the application's own rules ([`rules`]) and only
//! then written ([`mod@file`]), whole or not at all. On any error the old file stays.

pub mod file;
pub mod packed;
mod parameter;
pub mod rules;
mod source;
pub mod validate;
mod yaml;

use std::path::PathBuf;

use sha2::{Digest, Sha256};

pub use file::Written;
pub use parameter::read as read_parameter;
use rules::{Finding, Findings};
pub use source::fetch;

use crate::aws;

/// Why there is no new config file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parameter could not be read.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// The parameter is no single text.
    #[error("parameter {parameter} is a {found}; store the config as String or SecureString")]
    WrongType {
        /// The parameter.
        parameter: String,
        /// The type it has.
        found: String,
    },
    /// The proxy would refuse this config.
    #[error(
        "the provider config in {source_name} is invalid and was not written: {}; \
         correct it and start the task again",
        list(problems)
    )]
    Invalid {
        /// Where it is from, a parameter with its version.
        source_name: String,
        /// Everything that is wrong.
        problems: Vec<Finding>,
    },
    /// The value is packed and can't be unpacked.
    #[error("{source_name} is packed, and {reason}; store the output of `gzip -9 < FILE | base64`")]
    Packed {
        /// Where it is from, a parameter with its version.
        source_name: String,
        /// What is wrong.
        reason: String,
    },
    /// The file that it is to come from can't be read.
    #[error("can't read {path}: {source}; correct CONFIG_PARAMETER, or mount the file")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file system refused.
    #[error("can't {action} {path}: {source}; make the folder a volume that this user may write")]
    Write {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

fn list(problems: &[Finding]) -> String {
    problems.iter().map(Finding::to_string).collect::<Vec<_>>().join("; ")
}

/// A provider config that the proxy will accept.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    text: String,
    warnings: Vec<Finding>,
}

impl ProviderConfig {
    /// Accepts `text` if the proxy would.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong.
    pub fn check(text: String, source_name: String) -> Result<Self, Error> {
        let Findings { problems, warnings, .. } = rules::check(&text);
        if problems.is_empty() {
            Ok(Self { text, warnings })
        } else {
            Err(Error::Invalid { source_name, problems })
        }
    }

    /// What the proxy accepts and nobody can have meant.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// The file's content.
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The content's SHA-256, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        Sha256::digest(self.bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
