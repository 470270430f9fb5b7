//! The rules for the provider config, on a corpus of small files, on what random changes
//! make of them, and beside the YAML library that the application reads them with.

#![forbid(unsafe_code)]
// Test code: a panic is how a test fails.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod corpus;
mod mutants;
mod oracle;
mod written;

use llm_proxy_init::config::rules;
use serde_json::Value;

/// The reading of a text that is accepted.
fn reading(content: &[u8]) -> Option<Value> {
    let findings = rules::check(std::str::from_utf8(content).ok()?);
    findings.problems.is_empty().then_some(findings.reading)
}
