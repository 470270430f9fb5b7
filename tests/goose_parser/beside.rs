//! Our reading of a file beside goose's.

use llm_proxy_init::migrate::source::{Error, Fault};

use super::oracle::{Accepted, Verdict};
use super::read;

/// How the two readings compare, when nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// The same statements.
    Accepted,
    /// Both refuse.
    Refused,
    /// We refuse on purpose.
    Stricter,
}

/// Compares the readings.
///
/// # Errors
/// They differ where they must not; says how.
pub fn compare(content: &[u8], theirs: &Verdict) -> Result<Agreement, String> {
    match (read(content), theirs) {
        (Ok(ours), Ok(theirs)) => {
            let statements: Vec<&[u8]> = ours.statements.iter().map(|one| one.sql.as_bytes()).collect();
            // Nothing between StatementBegin and StatementEnd is a statement to goose.
            let expected: Vec<&[u8]> =
                theirs.statements.iter().map(Vec::as_slice).filter(|one| !one.is_empty()).collect();
            if (statements, ours.in_transaction) == (expected, theirs.in_transaction) {
                Ok(Agreement::Accepted)
            } else {
                let shown: Vec<_> =
                    theirs.statements.iter().map(|one| String::from_utf8_lossy(one)).collect();
                Err(format!("{:?} instead of {shown:?}", ours.statements))
            }
        }
        (Err(_), Err(_)) => Ok(Agreement::Refused),
        (Err(ours), Ok(theirs)) if is_on_purpose(&ours, theirs) => Ok(Agreement::Stricter),
        (Err(ours), Ok(_)) => Err(format!("refused here only: {ours}")),
        (Ok(_), Err(theirs)) => Err(format!("refused by goose only: {theirs}")),
    }
}

/// All the differences there are, each shown to be one by what goose would run.
fn is_on_purpose(ours: &Error, theirs: &Accepted) -> bool {
    let Error::Invalid { fault, .. } = ours else { return false };
    let any = |is_so: fn(&[u8]) -> bool| theirs.statements.iter().any(|one| is_so(one));
    match fault {
        // SQL depends on no environment.
        Fault::Environment => true,
        // goose runs an empty statement instead of the line.
        Fault::LostLine => any(<[u8]>::is_empty),
        // The server refuses both.
        Fault::NotUtf8 => any(|one| std::str::from_utf8(one).is_err()),
        Fault::ZeroByte => any(|one| one.contains(&0)),
        _ => false,
    }
}
