//! The application's rules for `api_providers.yaml`: what it refuses at start, we
//! refuse before it is written.
//!
//! Promises that every problem is reported in one go, each with its line, column,
//! path and rule. What the application accepts passes, and is shown as the application
//! reads it; what is surely a mistake all the same (a key that it doesn't know, a method
//! that is none) is reported as a warning.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value as Json};

use super::yaml::{self, Content, Node, Place, Value};
use mapping::Entry;

mod advice;
mod duration;
mod mapping;

/// What a check has found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// The config as the application reads it: aliases followed, keys merged, what it
    /// ignores left out. Whole only without problems.
    pub reading: Json,
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
    match yaml::read(text) {
        Ok(Some(document)) => {
            checker.findings.reading = checker.document(document.root());
            if let Some(at) = document.next_start() {
                checker.warn_at(
                    at,
                    "",
                    "begins another document, which the application does not read".into(),
                );
            }
        }
        Ok(None) => checker.report_at((1, 1), "", "is empty: `apis` must name at least one provider"),
        Err(malformed) => {
            checker.report_at(malformed.at, "", &format!("is no valid YAML: {}", malformed.reason));
        }
    }
    checker.findings
}

#[derive(Default)]
struct Checker {
    findings: Findings,
    merging: mapping::Merging,
}

/// Checks a value and returns it as the application reads it.
type Check = fn(&mut Checker, Node<'_>, &str) -> Json;

const TOP_LEVEL: &[(&str, Check)] =
    &[("default_api", |checker, node, path| checker.string(node, path)), ("apis", Checker::apis)];

const REQUIRED: &[&str] = &["base_url", "allowed_endpoints", "allowed_methods"];

const PROVIDER: &[(&str, Check)] = &[
    ("base_url", |checker, node, path| {
        checker.advise(node, path, advice::on_base_url);
        checker.filled_string(node, path)
    }),
    ("allowed_endpoints", |checker, node, path| {
        checker.advise(node, path, advice::on_endpoint);
        checker.filled_strings(node, path)
    }),
    ("allowed_methods", |checker, node, path| {
        checker.advise(node, path, advice::on_method);
        checker.filled_strings(node, path)
    }),
    ("timeouts", |checker, node, path| checker.members(node, path, TIMEOUTS)),
    ("connection", |checker, node, path| checker.members(node, path, CONNECTION)),
    ("param_whitelist", Checker::whitelist),
    ("allowed_origins", Checker::strings),
    ("required_headers", Checker::strings),
];

const TIMEOUTS: &[(&str, Check)] = &[
    ("request", Checker::duration),
    ("response_header", Checker::duration),
    ("idle_connection", Checker::duration),
    ("flush_interval", Checker::duration),
];

const CONNECTION: &[(&str, Check)] =
    &[("max_idle_conns", Checker::integer), ("max_idle_conns_per_host", Checker::integer)];

impl Checker {
    fn document(&mut self, root: Node<'_>) -> Json {
        if is_null(root) {
            self.report(root, "", "is empty: `apis` must name at least one provider");
            return Json::Null;
        }
        let reading = self.members(root, "", TOP_LEVEL);
        let Json::Object(members) = &reading else { return reading };
        let Some(apis) = members.get("apis") else {
            self.report(root, "apis", "is missing: at least one provider is required");
            return reading;
        };
        let names: Vec<&str> = apis.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let default = members.get("default_api").and_then(Json::as_str).unwrap_or_default();
        if !default.is_empty() && !names.contains(&default) {
            let rule = format!("names {default:?}, which is not among apis: {}", names.join(", "));
            self.report(mapping::value_of(root, "default_api").unwrap_or(root), "default_api", &rule);
        }
        reading
    }

    fn apis(&mut self, apis: Node<'_>, path: &str) -> Json {
        let providers = if is_null(apis) { Map::new().into() } else { self.each(apis, path, Self::provider) };
        if providers.as_object().is_some_and(Map::is_empty) {
            self.report(apis, path, "must name at least one provider");
        }
        providers
    }

    fn provider(&mut self, provider: Node<'_>, path: &str) -> Json {
        if is_null(provider) {
            self.report(provider, path, "must be a mapping");
        }
        let reading = self.members(provider, path, PROVIDER);
        if let Json::Object(members) = &reading {
            for key in REQUIRED.iter().filter(|key| !members.contains_key(**key)) {
                self.report(provider, &below(path, key), "is required");
            }
        }
        reading
    }

    fn whitelist(&mut self, whitelist: Node<'_>, path: &str) -> Json {
        if is_null(whitelist) {
            return Json::Null;
        }
        self.each(whitelist, path, Self::strings)
    }

    /// Checks a mapping with any keys.
    fn each(&mut self, node: Node<'_>, path: &str, check: Check) -> Json {
        let Some(entries) = self.entries(node, path) else { return Json::Null };
        let read = |Entry { name, value, .. }| {
            let reading = check(self, value, &below(path, &name));
            (name, reading)
        };
        Json::Object(entries.into_iter().map(read).collect())
    }

    /// Checks a mapping with fixed keys, and warns of those that the application ignores.
    /// Nothing is as good as no mapping at all.
    fn members(&mut self, node: Node<'_>, path: &str, known: &[(&str, Check)]) -> Json {
        if is_null(node) {
            return Json::Null;
        }
        let Some(entries) = self.entries(node, path) else { return Json::Null };
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let mut reading = Map::new();
        for Entry { name, key, value } in entries {
            let path = below(path, &name);
            if let Some((_, check)) = known.iter().find(|(known, _)| *known == name) {
                reading.insert(name, check(self, value, &path));
            } else if let Some(advice) = advice::on_key(&name, &names) {
                self.warn(key, &path, advice);
            }
        }
        Json::Object(reading)
    }

    fn string(&mut self, node: Node<'_>, path: &str) -> Json {
        let Some(scalar) = node.scalar() else {
            self.report(node, path, "must be a string");
            return Json::Null;
        };
        match scalar.as_text() {
            Ok(text) => Json::from(text),
            Err(reason) => {
                self.report(node, path, &reason);
                Json::Null
            }
        }
    }

    fn filled_string(&mut self, node: Node<'_>, path: &str) -> Json {
        if text(node).is_some_and(|text| text.is_empty()) {
            self.report(node, path, "must not be empty");
        }
        self.string(node, path)
    }

    /// The application's reader leaves out entries that are nothing.
    fn strings(&mut self, node: Node<'_>, path: &str) -> Json {
        let Content::Sequence(items) = node.content() else {
            if !is_null(node) {
                self.report(node, path, "must be a list of strings");
            }
            return Json::Null;
        };
        let items = items.into_iter().enumerate();
        let strings = items.map(|(index, item)| self.string(item, &format!("{path}[{index}]")));
        Json::Array(strings.filter(|string| !string.is_null()).collect())
    }

    fn filled_strings(&mut self, node: Node<'_>, path: &str) -> Json {
        let is_empty = match node.content() {
            Content::Sequence(items) => items.into_iter().all(is_null),
            _ => is_null(node),
        };
        if is_empty {
            self.report(node, path, "must have at least one entry");
        }
        self.strings(node, path)
    }

    fn duration(&mut self, node: Node<'_>, path: &str) -> Json {
        match value(node) {
            Some(Value::Null) => Json::Null,
            Some(Value::Text(text)) if duration::is_valid(&text) => Json::from(text),
            _ => {
                self.report(node, path, "must be a Go duration such as 120s, 10ms or 1m30s");
                Json::Null
            }
        }
    }

    /// Numbers with a fraction lose it in the application's reader.
    fn integer(&mut self, node: Node<'_>, path: &str) -> Json {
        /// The least number that 64 bits with a sign can't hold.
        const TOO_MUCH: f64 = 9_223_372_036_854_775_808.0;
        let integer = match value(node) {
            Some(Value::Null) => return Json::Null,
            Some(Value::Integer(integer)) => i64::try_from(integer).ok(),
            #[expect(clippy::cast_possible_truncation)]
            Some(Value::Float(number)) if number < TOO_MUCH => Some(number as i64),
            _ => None,
        };
        if integer.is_none() {
            self.report(node, path, "must be an integer");
        }
        integer.into()
    }

    fn report(&mut self, node: Node<'_>, path: &str, rule: &str) {
        self.report_at(node.at(), path, rule);
    }

    fn report_at(&mut self, (line, column): Place, path: &str, rule: &str) {
        self.findings.problems.push(Finding { line, column, path: path.into(), rule: rule.into() });
    }

    fn warn(&mut self, node: Node<'_>, path: &str, rule: String) {
        self.warn_at(node.at(), path, rule);
    }

    fn warn_at(&mut self, (line, column): Place, path: &str, rule: String) {
        self.findings.warnings.push(Finding { line, column, path: path.into(), rule });
    }

    /// Warns of values that are no sensible ones for their key.
    fn advise(&mut self, node: Node<'_>, path: &str, advice: fn(&str) -> Option<String>) {
        let items = match node.content() {
            Content::Sequence(items) => items,
            _ => vec![node],
        };
        for item in items.into_iter().filter(|item| !is_null(*item)) {
            if let Some(advice) = text(item).and_then(|text| advice(&text)) {
                self.warn(item, path, advice);
            }
        }
    }
}

/// The path of what is called `name` in `path`.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn value(node: Node<'_>) -> Option<Value<'_>> {
    node.scalar()?.value().ok()
}

fn is_null(node: Node<'_>) -> bool {
    value(node) == Some(Value::Null)
}

/// What a field for a text gets; nothing is as good as an empty one.
fn text(node: Node<'_>) -> Option<Cow<'_, str>> {
    node.scalar()?.as_text().ok().map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests;
