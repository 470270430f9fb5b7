//! The corpus: small files, each with a text beside it that says why it gets its verdict,
//! then the verdict, then everything that is to be found.

use std::process::Command;

use serde_json::Value;
use testbed::{Case, Result};

use super::oracle::ask;
use super::reading;
use super::written::written;

/// The verdict on what we refuse on purpose.
const STRICTER: &str = "refused, though the application accepts it";

/// The whole corpus, in the order of the names.
pub fn all() -> Result<Vec<Case>> {
    testbed::corpus("tests/providers/corpus", "yaml")
}

#[test]
fn every_file_gets_its_verdict_and_its_messages() -> Result<()> {
    let corpus = all()?;
    assert!(corpus.len() >= 60, "{} files", corpus.len());
    for Case { file, verdict, findings, reason, .. } in corpus {
        assert!(reason.ends_with('.'), "{file:?} gives no reason");
        let said = Command::new(env!("CARGO_BIN_EXE_llm-proxy-init"))
            .args(["config", "validate", "--format", "json"])
            .arg(&file)
            .output()?;
        let code = if verdict == "accepted" { 0 } else { 65 };
        assert_eq!(said.status.code(), Some(code), "{file:?}: {reason}");
        let report: Value = serde_json::from_slice(&said.stdout)?;
        let found: Vec<String> =
            lines(&report, "problem").into_iter().chain(lines(&report, "warning")).collect();
        assert_eq!(found, findings, "{file:?}: {reason}");
    }
    Ok(())
}

fn lines(report: &Value, kind: &str) -> Vec<String> {
    let line = |found: &Value| {
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        let message = format!("{} {}", text("path"), text("rule"));
        format!("{kind} {}:{} {}", found["line"], found["column"], message.trim())
    };
    report[format!("{kind}s")].as_array().into_iter().flatten().map(line).collect()
}

#[test]
fn what_is_accepted_means_the_same_when_written_anew() -> Result<()> {
    let readings: Vec<Value> = all()?.iter().filter_map(|case| reading(&case.content)).collect();
    assert!(readings.len() >= 30, "{} are accepted", readings.len());
    for first in readings {
        let anew = written(&first);
        assert_eq!(reading(anew.as_bytes()), Some(first), "{anew}");
    }
    Ok(())
}

#[test]
fn the_application_s_reader_agrees_with_every_verdict() -> Result<()> {
    let corpus = all()?;
    let Some(verdicts) = ask(corpus.iter().map(|case| case.content.clone()).collect())? else {
        return Ok(());
    };
    for (case, verdict) in corpus.iter().zip(verdicts) {
        let is_accepted = case.verdict == "accepted" || case.verdict == STRICTER;
        assert_eq!(verdict.is_ok(), is_accepted, "{:?}: {verdict:?}", case.file);
    }
    Ok(())
}
