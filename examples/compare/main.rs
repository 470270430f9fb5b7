//! The image beside the one that the script would need: `cargo run --example compare [WEIGHED [RUN]]`.
//!
//! Prints in Markdown what each would hold, measured from the parts themselves, and what
//! a run with nothing to do takes, on the parts of the testbed. Both arguments are binaries
//! from `scripts/static-binary`: one to weigh, which may be for ARM64, and one for this
//! machine to run. Without them it is the one that the toolchain here builds. Needs Debian's
//! packages `awscli`, `binutils` and `time`.

#![forbid(unsafe_code)]

mod debian;
mod runs;
mod sizes;

use std::path::PathBuf;

use testbed::{Result, release_binary};

#[tokio::main]
async fn main() -> Result<()> {
    let mut given = std::env::args().skip(1).map(PathBuf::from);
    let (weighed, run) = match (given.next(), given.next()) {
        (Some(weighed), Some(run)) => (weighed, run),
        (weighed, _) => {
            let built = release_binary()?;
            (weighed.unwrap_or_else(|| built.clone()), built)
        }
    };
    sizes::compare(&weighed)?;
    runs::compare(&run).await
}
