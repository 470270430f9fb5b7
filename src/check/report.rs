//! What the checks come to: a table for people, an object for programs, an exit code.

use std::time::Duration;

use serde_json::{Value, json};

use crate::exit::ExitCode;
use crate::wording::millis;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it must be.
    Ok,
    /// A task can do its job, or it could not be found out.
    Warn,
    /// A task will fail.
    Fail,
}

impl Level {
    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How it ended.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to do about it; empty when nothing is.
    pub advice: String,
    /// The code of its class, when it failed.
    pub code: ExitCode,
}

impl Verdict {
    /// As it must be.
    pub fn ok(what: impl Into<String>) -> Self {
        Self { level: Level::Ok, what: what.into(), advice: String::new(), code: ExitCode::Done }
    }

    /// Worth a look.
    pub fn warn(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Warn, advice: advice.into(), ..Self::ok(what) }
    }

    /// A task will fail, with `code`.
    pub fn fail(code: ExitCode, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Fail, advice: advice.into(), code, ..Self::ok(what) }
    }

    /// An error of the job's own: what comes after its last semicolon is the advice, as in
    /// every message of this program.
    pub fn error(code: ExitCode, message: &str) -> Self {
        let (what, advice) = message.rsplit_once("; ").unwrap_or((message, ""));
        Self::fail(code, what, advice)
    }

    /// What could not be tried, since `needed` has failed.
    pub fn not_tried(needed: &str) -> Self {
        Self::warn(format!("not tried: it needs {needed}"), "")
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// What it found.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// All checks, in the order of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// One for each check.
    pub lines: Vec<Line>,
}

impl Checked {
    /// 0 when nothing failed, else the code of the first failure's class.
    pub fn code(&self) -> ExitCode {
        let failed = self.lines.iter().find(|line| line.verdict.level == Level::Fail);
        failed.map_or(ExitCode::Done, |line| line.verdict.code)
    }

    fn count(&self, level: Level) -> usize {
        self.lines.iter().filter(|line| line.verdict.level == level).count()
    }

    /// A table for people, with what to do under what needs it.
    pub fn to_text(&self) -> String {
        let width = self.lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
        let row = |line: &Line| {
            let Verdict { level, what, advice, .. } = &line.verdict;
            let (name, level, took) = (&line.name, level.word(), millis(line.took));
            let row = format!("{level:4}  {name:width$}  {took:>6} ms  {what}\n");
            if advice.is_empty() { row } else { format!("{row}{:width$}                 -> {advice}\n", "") }
        };
        let rows: String = self.lines.iter().map(row).collect();
        let (ok, warn, fail) = (self.count(Level::Ok), self.count(Level::Warn), self.count(Level::Fail));
        format!("{rows}{ok} ok, {warn} to look at, {fail} failed; exit code {}\n", self.code().code())
    }

    /// The same for programs.
    pub fn to_json(&self) -> Value {
        let one = |line: &Line| {
            let Verdict { level, what, advice, code } = &line.verdict;
            json!({
                "check": line.name,
                "level": level.word(),
                "what": what,
                "advice": (!advice.is_empty()).then_some(advice),
                "duration_ms": millis(line.took),
                "exit_code": (*level == Level::Fail).then_some(code.code()),
            })
        };
        json!({
            "checks": self.lines.iter().map(one).collect::<Vec<_>>(),
            "ok": self.count(Level::Ok),
            "warn": self.count(Level::Warn),
            "fail": self.count(Level::Fail),
            "exit_code": self.code().code(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, verdict: Verdict) -> Line {
        Line { name: name.into(), verdict, took: Duration::from_millis(7) }
    }

    #[test]
    fn the_first_failure_gives_the_code() {
        let warned = line("a", Verdict::warn("odd", "look"));
        let first = line("bb", Verdict::error(ExitCode::Missing, "no table; and more; create it"));
        let second = line("c", Verdict::fail(ExitCode::Unavailable, "gone", "wait"));
        let checked = Checked { lines: vec![warned.clone(), first, second] };
        assert_eq!(checked.code(), ExitCode::Missing);
        assert_eq!(Checked { lines: vec![warned] }.code(), ExitCode::Done, "a warning is no failure");
        let text = checked.to_text();
        assert!(text.starts_with("warn  a        7 ms  odd\n                   -> look\n"), "{text}");
        assert!(text.contains("fail  bb       7 ms  no table; and more\n"), "{text}");
        assert!(text.ends_with("0 ok, 1 to look at, 2 failed; exit code 78\n"), "{text}");
        assert_eq!(checked.to_json()["checks"][1]["advice"], "create it");
    }
}
