//! Validation offline: a file checked as the container would check it, so that a pull
//! request is refused instead of a task's start.
//!
//! Promises the same verdict as [`ProviderConfig::check`](super::ProviderConfig::check)
//! gives, shown for people, for programs or as annotations of a GitHub pull request, and
//! says how the size compares with what a parameter holds.

use std::fmt::Write;

use serde_json::json;

use super::rules::{self, Finding, Findings};
use super::yaml;

/// What a parameter of the standard tier holds, in bytes (AWS Systems Manager quotas).
pub const STANDARD_TIER: usize = 4 * 1024;
/// What a parameter of the advanced tier holds, in bytes.
pub const ADVANCED_TIER: usize = 8 * 1024;

/// How findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people: the offending line with a caret.
    Text,
    /// One JSON object.
    Json,
    /// Workflow commands that GitHub shows as annotations.
    Github,
}

/// What a validation has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the proxy would accept the file.
    pub is_valid: bool,
    /// What to print.
    pub report: String,
}

/// Checks the content of the file called `name`.
pub fn validate(name: &str, content: &[u8], format: Format) -> Verdict {
    let (text, findings) = match std::str::from_utf8(content) {
        Ok(text) => (text, rules::check(text)),
        Err(error) => {
            let readable = String::from_utf8_lossy(content.get(..error.valid_up_to()).unwrap_or_default());
            ("", no_text_after(&readable))
        }
    };
    let report = match format {
        Format::Text => for_people(name, text, content.len(), &findings),
        Format::Json => as_json(name, content.len(), &findings),
        Format::Github => as_annotations(name, &findings),
    };
    Verdict { is_valid: findings.problems.is_empty(), report }
}

/// The finding for content that is no UTF-8 after `readable`.
fn no_text_after(readable: &str) -> Findings {
    let (line, column) = yaml::place_after(readable);
    let rule = "is no UTF-8 text".to_owned();
    Findings { problems: vec![Finding { line, column, path: String::new(), rule }], ..Findings::default() }
}

/// Problems and warnings in the order of their lines.
fn in_order(findings: &Findings) -> Vec<(&'static str, &Finding)> {
    let problems = findings.problems.iter().map(|finding| ("error", finding));
    let mut all: Vec<_> =
        problems.chain(findings.warnings.iter().map(|finding| ("warning", finding))).collect();
    all.sort_by_key(|(_, finding)| (finding.line, finding.column));
    all
}

fn message(finding: &Finding) -> String {
    format!("{} {}", finding.path, finding.rule).trim_start().to_owned()
}

fn for_people(name: &str, text: &str, bytes: usize, findings: &Findings) -> String {
    let mut report = String::new();
    for (kind, finding) in in_order(findings) {
        let Finding { line, column, .. } = finding;
        let _ = writeln!(report, "{name}:{line}:{column}: {kind}: {}", message(finding));
        if let Some(offending) = text.lines().nth(line - 1) {
            // Tabs stay tabs, so that the caret stands below what it points to.
            let pad: String =
                offending.chars().take(column - 1).map(|c| if c == '\t' { c } else { ' ' }).collect();
            let _ = writeln!(report, "  | {offending}\n  | {pad}^");
        }
    }
    let verdict =
        if findings.problems.is_empty() { "valid" } else { "invalid: the proxy would refuse to start" };
    let _ = writeln!(report, "{name}: {verdict}; {}", size(bytes));
    report
}

fn size(bytes: usize) -> String {
    let fit = match tier(bytes) {
        Some("standard") => "fits a standard parameter",
        Some(_) => "needs a parameter of the advanced tier",
        None => "fits no parameter: store the output of `gzip -9 < FILE | base64`",
    };
    format!("{bytes} bytes, {fit} ({STANDARD_TIER} standard, {ADVANCED_TIER} advanced)")
}

/// The smallest tier that holds so many bytes.
fn tier(bytes: usize) -> Option<&'static str> {
    let tiers = [(STANDARD_TIER, "standard"), (ADVANCED_TIER, "advanced")];
    tiers.into_iter().find(|(most, _)| bytes <= *most).map(|(_, tier)| tier)
}

fn as_json(name: &str, bytes: usize, findings: &Findings) -> String {
    let list = |findings: &[Finding]| -> Vec<serde_json::Value> {
        let one = |f: &Finding| json!({"line": f.line, "column": f.column, "path": f.path, "rule": f.rule});
        findings.iter().map(one).collect()
    };
    let report = json!({
        "file": name,
        "valid": findings.problems.is_empty(),
        "bytes": bytes,
        "tier": tier(bytes),
        "problems": list(&findings.problems),
        "warnings": list(&findings.warnings),
        "reading": findings.reading,
    });
    format!("{report}\n")
}

/// Workflow commands (GitHub documentation, "Workflow commands for GitHub Actions").
fn as_annotations(name: &str, findings: &Findings) -> String {
    let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| escape(text).replace(':', "%3A").replace(',', "%2C");
    let line = |(kind, finding): (&str, &Finding)| {
        let (line, column) = (finding.line, finding.column);
        format!("::{kind} file={},line={line},col={column}::{}\n", property(name), escape(&message(finding)))
    };
    in_order(findings).into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: &str =
        "apis:\n  a:\n    base_url: ''\n    allowed_endpoints: [/v1]\n    allowed_methods: [get]\n";

    #[test]
    fn people_see_the_line_and_the_place() {
        let verdict = validate("providers.yaml", ODD.as_bytes(), Format::Text);
        assert!(!verdict.is_valid);
        let expected = "\
providers.yaml:3:15: error: apis.a.base_url must not be empty
  |     base_url: ''
  |               ^
providers.yaml:5:23: warning: apis.a.allowed_methods \"get\" is no HTTP method (they are upper case)
  |     allowed_methods: [get]
  |                       ^
providers.yaml: invalid: the proxy would refuse to start; 84 bytes, fits a standard parameter (4096 standard, 8192 advanced)
";
        assert_eq!(verdict.report, expected);
    }

    #[test]
    fn programs_get_one_object() {
        let verdict = validate("f", ODD.as_bytes(), Format::Json);
        let report: serde_json::Value = serde_json::from_str(&verdict.report).unwrap();
        assert_eq!(report["valid"], false);
        assert_eq!(report["tier"], "standard");
        assert_eq!(report["problems"][0]["path"], "apis.a.base_url");
        assert_eq!(report["warnings"][0]["line"], 5);
        assert_eq!(report["reading"]["apis"]["a"]["allowed_methods"][0], "get");
    }

    #[test]
    fn annotations_are_escaped() {
        let verdict = validate("a,b.yaml", ODD.as_bytes(), Format::Github);
        let first = verdict.report.lines().next();
        assert_eq!(first, Some("::error file=a%2Cb.yaml,line=3,col=15::apis.a.base_url must not be empty"));
    }

    #[test]
    fn what_is_no_text_is_refused_where_it_stops_being_one() {
        let verdict = validate("f", b"apis:\n  \xff", Format::Text);
        assert!(!verdict.is_valid);
        assert!(verdict.report.starts_with("f:2:3: error: is no UTF-8 text\n"), "{}", verdict.report);
    }

    #[test]
    fn sizes_are_told_against_the_tiers() {
        assert!(size(4096).contains("standard parameter"));
        assert!(size(4097).contains("advanced tier"));
        assert!(size(8193).contains("gzip"));
    }
}
