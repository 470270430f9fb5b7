//! Faults between the program and AWS, and the rules that say which requests they hit.
//!
//! A rule is written as it is spoken: the fault, then where.
//! `Fault::DropAnswer.on("PutItem").containing("attribute_not_exists").nth(1)`

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client's connection is closed; the emulator never gets the request.
    DropRequest,
    /// The emulator serves the request; the client's connection is closed instead of
    /// bringing the answer.
    DropAnswer,
    /// The emulator gets the request later, even if the client has gone meanwhile.
    DelayRequest(Duration),
    /// The emulator serves the request at once; the client gets the answer later.
    DelayAnswer(Duration),
    /// The client gets status 500, `InternalServerError`; the emulator gets nothing.
    Status500,
    /// The client gets `ThrottlingException`; the emulator gets nothing.
    Throttle,
    /// The client gets `AccessDeniedException`, as from a role without the right; the
    /// emulator gets nothing.
    Deny,
    /// The client gets `ConditionalCheckFailedException` without the item that stands there;
    /// the emulator gets nothing.
    RefuseUntold,
    /// The emulator serves the request; the answer bears this date.
    Date(&'static str),
    /// The emulator serves the request; the client gets the answer's head and half of
    /// its body, then its connection is closed.
    Cut,
}

impl Fault {
    /// Hits every request of an operation, such as `PutItem`.
    pub fn on(self, operation: &str) -> Rule {
        Rule { operation: Some(operation.to_owned()), ..self.on_any() }
    }

    /// Hits every request.
    pub fn on_any(self) -> Rule {
        Rule { fault: self, operation: None, texts: Vec::new(), hit: 1..=usize::MAX, allowance: None, met: 0 }
    }
}

/// A fault and the requests that it hits. Each rule counts the requests that it could
/// hit, from 1 and from the moment on at which it is injected.
#[derive(Debug, Clone)]
#[must_use]
pub struct Rule {
    fault: Fault,
    operation: Option<String>,
    /// What the body must contain (`true`) or must not (`false`).
    texts: Vec<(String, bool)>,
    hit: RangeInclusive<usize>,
    allowance: Option<Allowance>,
    met: usize,
}

impl Rule {
    /// Only requests with `text` in their body.
    pub fn containing(mut self, text: &str) -> Self {
        self.texts.push((text.to_owned(), true));
        self
    }

    /// Only requests without `text` in their body.
    pub fn not_containing(mut self, text: &str) -> Self {
        self.texts.push((text.to_owned(), false));
        self
    }

    /// Only the `n`th of them.
    pub fn nth(self, n: usize) -> Self {
        Self { hit: n..=n, ..self }
    }

    /// Only the first `n` of them.
    pub fn first(self, n: usize) -> Self {
        Self { hit: 1..=n, ..self }
    }

    /// The `n`th of them and all after it.
    pub fn from_nth(self, n: usize) -> Self {
        Self { hit: n..=usize::MAX, ..self }
    }

    /// Only those beyond so many a second, as a service's quota has it.
    pub fn above(self, per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        let allowance = Allowance { per_second, left: per_second, since: Instant::now() };
        Self { allowance: Some(allowance), ..self }
    }

    /// Counts a request if it is one of the rule's, and says what to do to it.
    pub(crate) fn meet(&mut self, operation: &str, body: &str) -> Option<Fault> {
        let is_mine = self.operation.as_deref().is_none_or(|mine| mine == operation)
            && self.texts.iter().all(|(text, wanted)| body.contains(text) == *wanted);
        self.met += usize::from(is_mine);
        let is_hit = is_mine && self.hit.contains(&self.met);
        let is_allowed = is_hit && self.allowance.as_mut().is_some_and(Allowance::take);
        (is_hit && !is_allowed).then_some(self.fault)
    }
}

/// What a quota leaves: a bucket that fills up to one second's worth.
#[derive(Debug, Clone)]
struct Allowance {
    per_second: f64,
    left: f64,
    since: Instant,
}

impl Allowance {
    /// Takes one out; false when there is none.
    fn take(&mut self) -> bool {
        let now = Instant::now();
        let earned = now.duration_since(self.since).as_secs_f64() * self.per_second;
        self.left = (self.left + earned).min(self.per_second);
        self.since = now;
        let is_allowed = self.left >= 1.0;
        self.left -= if is_allowed { 1.0 } else { 0.0 };
        is_allowed
    }
}
