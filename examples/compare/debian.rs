//! The AWS CLI in its second version, which Alpine ships too, from Debian's packages.
//!
//! Both build it from source for the system's Python. Debian's can be had wherever `apt-get`
//! works, and its lists tell which files belong to what.

use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::Result;

/// The interpreter with its standard library; what else begins like this needs it.
const PYTHON: &str = r"(lib)?python3([.][0-9]+)?(-minimal|-stdlib)?";
const DEPENDS: &str = "apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks \
                       --no-replaces --no-enhances";

/// Files of the image that the script needs.
#[derive(Clone, Copy)]
pub enum Part {
    /// The AWS CLI and the Python packages that it depends on.
    AwsCli,
    /// Python itself.
    Python,
    /// The libraries in C that Python needs, without the one of C.
    Libraries,
}

impl Part {
    /// Its files, without documents.
    ///
    /// # Errors
    /// The AWS CLI is not installed as a package.
    pub fn files(self) -> Result<Vec<PathBuf>> {
        let packages = self.packages();
        let list =
            format!("dpkg --status awscli >/dev/null && {packages} | xargs dpkg --listfiles | sort --unique");
        let files = sh(&list).map_err(|error| format!("{error} (Debian: apt-get install awscli)"))?;
        let is_document =
            |file: &str| file.starts_with("/usr/share/doc") || file.starts_with("/usr/share/man");
        let files = files.lines().filter(|file| !is_document(file)).map(PathBuf::from);
        Ok(files.filter(|file| file.is_file()).collect())
    }

    /// A command that lists its packages.
    fn packages(self) -> String {
        let all = format!("{DEPENDS} --recurse awscli | grep -E '^(awscli|(lib)?python3[a-z0-9.+-]*)$'");
        let python = format!("{all} | grep -E '^{PYTHON}$'");
        match self {
            Self::AwsCli => format!("{all} | grep -Ev '^{PYTHON}$'"),
            Self::Python => python,
            Self::Libraries => format!(
                "{python} | xargs {DEPENDS} | sed -nE 's/^ *Depends: (z?lib[a-z0-9.+-]*)$/\\1/p' |
                 grep -Ev '^(libc6|{PYTHON})$' | sed \"s/$/:$(dpkg --print-architecture)/\""
            ),
        }
    }
}

/// The byte code of these files, which Debian's packages make when they are installed.
///
/// # Errors
/// Python can't say how it names it.
pub fn byte_code(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let tag = sh("/usr/bin/python3 -c 'import sys; print(sys.implementation.cache_tag)'")?;
    let extension = format!("{}.pyc", tag.trim());
    let of_source = |file: &PathBuf| {
        let name = Path::new(file.file_name()?).with_extension(&extension);
        Some(file.parent()?.join("__pycache__").join(name))
    };
    Ok(files.iter().filter_map(of_source).filter(|file| file.is_file()).collect())
}

/// What a command for bash prints.
pub fn sh(command: &str) -> Result<String> {
    let said = Command::new("bash").args(["-o", "pipefail", "-c", command]).output()?;
    if said.status.success() {
        Ok(String::from_utf8(said.stdout)?)
    } else {
        Err(format!("{}\nin: {command}", String::from_utf8_lossy(&said.stderr).trim()).into())
    }
}
