//! The application's rules for `api_providers.yaml`: what it refuses at start, we
//! refuse before it is written.
//!
//! Promises that every problem is reported in one go, each with its line, column,
//! path and rule. What the application accepts passes; what is surely a mistake all the
//! same (a key that it doesn't know, a method that is none) is reported as a warning.

use std::fmt;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

mod advice;
mod duration;

/// What a check has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What the application would refuse; none when the config is valid.
    pub problems: Vec<Finding>,
    /// What it accepts and nobody can have meant.
    pub warnings: Vec<Finding>,
}

/// One thing in a config and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
    /// For example `apis.openai.base_url`; empty for the document as a whole.
    pub path: String,
    /// What must hold, or what is odd.
    pub rule: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{} ", self.path)?;
        }
        f.write_str(&self.rule)
    }
}

/// Checks a config.
pub fn check(text: &str) -> Findings {
    let mut checker = Checker::default();
    if let Some(at) = text.find(is_forbidden) {
        let before = &text[..at];
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        checker.report_at(
            (before.matches('\n').count() + 1, column),
            "",
            "is no valid YAML: a control character",
        );
        return checker.findings;
    }
    // A byte order mark is no part of the document.
    match MarkedYaml::load_from_str(text.trim_start_matches('\u{feff}')) {
        Ok(documents) => match documents.first() {
            Some(document) => checker.document(document),
            None => checker.report_at((1, 1), "", "is empty: `apis` must name at least one provider"),
        },
        Err(error) => {
            let at = error.marker();
            let rule = format!("is no valid YAML: {}", error.info());
            checker.report_at((at.line(), at.col() + 1), "", &rule);
        }
    }
    checker.findings
}

/// Characters that a YAML stream must not contain (YAML 1.2.2, section 5.1).
fn is_forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
}

type Node<'a> = MarkedYaml<'a>;

#[derive(Default)]
struct Checker {
    findings: Findings,
}

const TOP_LEVEL: &[&str] = &["default_api", "apis"];
const TIMEOUTS: &[&str] = &["request", "response_header", "idle_connection", "flush_interval"];
const CONNECTION: &[&str] = &["max_idle_conns", "max_idle_conns_per_host"];

impl Checker {
    fn document(&mut self, document: &Node<'_>) {
        if !document.data.is_mapping() {
            return self.report(document, "", "must be a mapping with the key `apis`");
        }
        self.advise_on_keys(document, "", TOP_LEVEL);
        let Some(apis) = get(document, "apis") else {
            return self.report(document, "apis", "is missing: at least one provider is required");
        };
        let names = self.apis(apis);
        let Some(default) = get(document, "default_api") else { return };
        match text(default) {
            Some(name) if name.is_empty() || names.iter().any(|known| known == name) => {}
            Some(name) => {
                let rule = format!("names {name:?}, which is not among apis: {}", names.join(", "));
                self.report(default, "default_api", &rule);
            }
            None => self.string(default, "default_api"),
        }
    }

    /// Checks every provider; returns their names.
    fn apis(&mut self, apis: &Node<'_>) -> Vec<String> {
        if !apis.data.is_mapping() {
            self.report(apis, "apis", "must be a mapping of names to providers");
            return Vec::new();
        }
        let providers = entries(apis);
        if providers.is_empty() {
            self.report(apis, "apis", "must name at least one provider");
        }
        let mut names = Vec::new();
        for (key, provider) in providers {
            let name = text(key).unwrap_or("?").to_owned();
            self.provider(provider, &format!("apis.{name}"));
            names.push(name);
        }
        names
    }

    fn provider(&mut self, provider: &Node<'_>, path: &str) {
        if !provider.data.is_mapping() {
            return self.report(provider, path, "must be a mapping");
        }
        let known: Vec<&str> = REQUIRED.iter().chain(OPTIONAL).map(|(key, _)| *key).collect();
        self.advise_on_keys(provider, path, &known);
        for (key, check) in REQUIRED.iter().chain(OPTIONAL) {
            let path = format!("{path}.{key}");
            match get(provider, key) {
                Some(value) => check(self, value, &path),
                None if REQUIRED.iter().any(|(required, _)| required == key) => {
                    self.report(provider, &path, "is required");
                }
                None => {}
            }
        }
    }

    fn string(&mut self, node: &Node<'_>, path: &str) {
        if !node.data.is_value() {
            self.report(node, path, "must be a string");
        }
    }

    fn filled_string(&mut self, node: &Node<'_>, path: &str) {
        self.string(node, path);
        if node.data.is_null() || text(node) == Some("") {
            self.report(node, path, "must not be empty");
        }
    }

    fn strings(&mut self, node: &Node<'_>, path: &str) {
        match node.data.as_vec() {
            Some(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.string(item, &format!("{path}[{index}]"));
                }
            }
            None if node.data.is_null() => {}
            None => self.report(node, path, "must be a list of strings"),
        }
    }

    fn filled_strings(&mut self, node: &Node<'_>, path: &str) {
        self.strings(node, path);
        if node.data.is_null() || node.data.as_vec().is_some_and(Vec::is_empty) {
            self.report(node, path, "must have at least one entry");
        }
    }

    fn whitelist(&mut self, node: &Node<'_>, path: &str) {
        if !node.data.is_mapping() && !node.data.is_null() {
            self.report(node, path, "must be a mapping of names to lists of strings");
        }
        for (key, list) in entries(node) {
            self.strings(list, &format!("{path}.{}", text(key).unwrap_or("?")));
        }
    }

    fn timeouts(&mut self, node: &Node<'_>, path: &str) {
        self.members(node, path, TIMEOUTS, |checker, value, path| {
            if !text(value).is_some_and(duration::is_valid) {
                checker.report(value, path, "must be a Go duration such as 120s, 10ms or 1m30s");
            }
        });
    }

    fn connection(&mut self, node: &Node<'_>, path: &str) {
        self.members(node, path, CONNECTION, |checker, value, path| {
            if !value.data.is_integer() {
                checker.report(value, path, "must be an integer");
            }
        });
    }

    /// Checks those of `keys` that an optional mapping has; a null is as good as absent.
    fn members(
        &mut self,
        node: &Node<'_>,
        path: &str,
        keys: &[&str],
        check: impl Fn(&mut Self, &Node<'_>, &str),
    ) {
        if node.data.is_null() {
            return;
        }
        if !node.data.is_mapping() {
            return self.report(node, path, "must be a mapping");
        }
        self.advise_on_keys(node, path, keys);
        for key in keys {
            if let Some(value) = get(node, key).filter(|value| !value.data.is_null()) {
                check(self, value, &format!("{path}.{key}"));
            }
        }
    }

    fn report(&mut self, node: &Node<'_>, path: &str, rule: &str) {
        let start = node.span.start;
        self.report_at((start.line(), start.col() + 1), path, rule);
    }

    fn report_at(&mut self, (line, column): (usize, usize), path: &str, rule: &str) {
        self.findings.problems.push(Finding { line, column, path: path.into(), rule: rule.into() });
    }

    fn warn(&mut self, node: &Node<'_>, path: &str, rule: String) {
        let (line, column) = (node.span.start.line(), node.span.start.col() + 1);
        self.findings.warnings.push(Finding { line, column, path: path.into(), rule });
    }

    /// Warns of keys that the application ignores.
    fn advise_on_keys(&mut self, mapping: &Node<'_>, path: &str, known: &[&str]) {
        for (key, _) in entries(mapping) {
            if let Some(advice) = text(key).and_then(|name| advice::on_key(name, known)) {
                let name = text(key).unwrap_or_default();
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                self.warn(key, &path, advice);
            }
        }
    }

    /// Warns of values that are no sensible ones for their key.
    fn advise(&mut self, node: &Node<'_>, path: &str, advice: fn(&str) -> Option<String>) {
        let items = node.data.as_vec().map_or(std::slice::from_ref(node), Vec::as_slice);
        for item in items {
            if let Some(advice) = text(item).and_then(advice) {
                self.warn(item, path, advice);
            }
        }
    }
}

type Check = fn(&mut Checker, &Node<'_>, &str);

const REQUIRED: &[(&str, Check)] = &[
    ("base_url", |checker, node, path| {
        checker.filled_string(node, path);
        checker.advise(node, path, advice::on_base_url);
    }),
    ("allowed_endpoints", |checker, node, path| {
        checker.filled_strings(node, path);
        checker.advise(node, path, advice::on_endpoint);
    }),
    ("allowed_methods", |checker, node, path| {
        checker.filled_strings(node, path);
        checker.advise(node, path, advice::on_method);
    }),
];

const OPTIONAL: &[(&str, Check)] = &[
    ("timeouts", |checker, node, path| checker.timeouts(node, path)),
    ("connection", |checker, node, path| checker.connection(node, path)),
    ("param_whitelist", |checker, node, path| checker.whitelist(node, path)),
    ("allowed_origins", |checker, node, path| checker.strings(node, path)),
    ("required_headers", |checker, node, path| checker.strings(node, path)),
];

/// The entries of a mapping, those that merge keys (`<<`) bring included: an entry of
/// its own wins over a merged one, and an earlier merged one over a later.
fn entries<'a, 'input>(mapping: &'a Node<'input>) -> Vec<(&'a Node<'input>, &'a Node<'input>)> {
    let Some(own) = mapping.data.as_mapping() else { return Vec::new() };
    let is_merge = |key: &Node<'_>| text(key) == Some("<<");
    let mut all: Vec<_> = own.iter().filter(|(key, _)| !is_merge(key)).collect();
    for (_, merged) in own.iter().filter(|(key, _)| is_merge(key)) {
        let sources = merged.data.as_vec().map_or(std::slice::from_ref(merged), Vec::as_slice);
        for (key, value) in sources.iter().flat_map(entries) {
            if all.iter().all(|(known, _)| known.data != key.data) {
                all.push((key, value));
            }
        }
    }
    all
}

fn get<'a, 'input>(mapping: &'a Node<'input>, key: &str) -> Option<&'a Node<'input>> {
    entries(mapping).into_iter().find(|(name, _)| text(name) == Some(key)).map(|(_, value)| value)
}

fn text<'a>(node: &'a Node<'_>) -> Option<&'a str> {
    match &node.data {
        YamlData::Value(Scalar::String(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
