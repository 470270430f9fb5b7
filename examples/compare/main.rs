//! The image beside the one that the script would need: `cargo run --example compare [BINARY]`.
//!
//! Prints in Markdown what each would hold, measured from the parts themselves, and what
//! a run with nothing to do takes, on the parts of the testbed. BINARY is one for ARM64
//! from `scripts/static-binary`, for the size; without it this machine's is weighed.
//! Needs Debian's package `time`.

#![forbid(unsafe_code)]

mod runs;
mod sizes;

use std::path::PathBuf;

use testbed::{Result, release_binary};

#[tokio::main]
async fn main() -> Result<()> {
    let program = release_binary()?;
    let weighed = std::env::args().nth(1).map_or_else(|| program.clone(), PathBuf::from);
    sizes::compare(&weighed)?;
    runs::compare(&program).await
}
