//! The corpus: small files, each with a text beside it that says why it gets its verdict,
//! then the verdict, then what becomes of it: the statements with their lines, or the line
//! and the fault.

use llm_proxy_init::migrate::source::{Error, Script};
use testbed::{Case, Result};

use super::beside::{Agreement, compare};
use super::oracle::{About, ask};
use super::{nothing_lost, read};

const ACCEPTED: &str = "accepted";
const NO_TRANSACTION: &str = "accepted, without a transaction";
const REFUSED: &str = "refused";
/// The verdict on what we refuse on purpose.
const STRICTER: &str = "refused, though goose accepts it";

/// The whole corpus, in the order of the names.
pub fn all() -> Result<Vec<Case>> {
    testbed::corpus("tests/goose_parser/corpus", "sql")
}

#[test]
fn every_file_gets_its_verdict_and_its_statements() -> Result<()> {
    let corpus = all()?;
    assert!(corpus.len() >= 60, "{} files", corpus.len());
    for Case { file, verdict, findings, reason, content } in corpus {
        assert!(reason.ends_with('.'), "{file:?} gives no reason");
        let (verdicts, found) = match read(&content) {
            Ok(script) if script.in_transaction => ([ACCEPTED; 2], statements(&script)),
            Ok(script) => ([NO_TRANSACTION; 2], statements(&script)),
            Err(error) => ([REFUSED, STRICTER], vec![fault(&error)]),
        };
        assert!(verdicts.contains(&verdict.as_str()), "{file:?}: {verdict} {found:?}");
        assert_eq!(found, findings, "{file:?}: {reason}");
    }
    Ok(())
}

fn statements(script: &Script) -> Vec<String> {
    script.statements.iter().map(|one| format!("{} {:?}", one.line, one.sql)).collect()
}

fn fault(error: &Error) -> String {
    match error {
        Error::Invalid { line: Some(line), fault, .. } => format!("{line} {fault:?}"),
        Error::Invalid { line: None, fault, .. } => format!("{fault:?}"),
        _ => format!("{error:?}"),
    }
}

#[test]
fn no_file_loses_sql() -> Result<()> {
    for case in all()? {
        if let Ok(script) = read(&case.content) {
            nothing_lost::check(&case.content, &script);
        }
    }
    Ok(())
}

#[test]
fn goose_agrees_with_every_verdict() -> Result<()> {
    let corpus = all()?;
    let contents = corpus.iter().map(|case| case.content.clone()).collect();
    let Some(verdicts) = ask(About::File, contents)? else { return Ok(()) };
    for (case, theirs) in corpus.iter().zip(verdicts) {
        let expected = match case.verdict.as_str() {
            ACCEPTED | NO_TRANSACTION => Agreement::Accepted,
            REFUSED => Agreement::Refused,
            _ => Agreement::Stricter,
        };
        assert_eq!(compare(&case.content, &theirs), Ok(expected), "{:?}", case.file);
    }
    Ok(())
}
