//! Secrets: the texts that must not leave the process.
//!
//! Promises that a text which carries a known secret, plain or as JSON escapes it, is
//! blanked, and that the secrets themselves can't be printed by mistake. Log lines and
//! the commands' answers pass through here.

use std::fmt;
use std::sync::Arc;

/// What stands in place of a secret.
pub const BLANK: &str = "***";
/// Shorter secrets are not looked for: blanking them would blank half of every line.
const SHORTEST: usize = 4;

/// Everything that is secret in this run.
#[derive(Clone, Default)]
pub struct Secrets(Arc<[String]>);

impl Secrets {
    /// Collects them.
    pub fn new(secrets: Vec<String>) -> Self {
        let as_in_json = |secret: &String| {
            let quoted = serde_json::Value::from(secret.as_str()).to_string();
            quoted.trim_matches('"').to_owned()
        };
        let mut all: Vec<String> = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST).collect();
        all.extend(all.iter().map(as_in_json).collect::<Vec<_>>());
        // The longest first: one secret may contain another.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        Self(all.into())
    }

    /// The text without them.
    pub fn blank(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), BLANK))
    }
}

/// Whether a text whose meaning is not known may carry a password: a URL, or anything with
/// an `@`, before which users and passwords stand.
pub fn may_carry_one(text: &str) -> bool {
    text.contains("://") || text.contains('@')
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blanked_plain_and_as_json_has_them() {
        let secrets = Secrets::new(vec!["open\"sesame".into(), "open".into(), "abc".into()]);
        assert_eq!(secrets.blank("x open\"sesame y"), "x *** y");
        assert_eq!(secrets.blank(r#"{"m":"open\"sesame"}"#), r#"{"m":"***"}"#);
        assert_eq!(secrets.blank("abc open"), "abc ***");
        assert!(!format!("{secrets:?}").contains("sesame"));
    }
}
