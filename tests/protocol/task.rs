//! One task: what it is doing, what it waits for, what its database session is doing.
//!
//! Promises that a session lives on the server and goes on by itself: a statement that
//! was sent is carried out at any later moment, whatever has become of the task, until
//! the session has ended. A request goes on by itself in the same way.

use super::machine::{Id, Leased, SCRIPT, Stored, Waiting};
use super::scenario::Kind;

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// It wants the lock; a put may be under way.
    Waiting,
    /// It holds the lock and works; a renewal may be under way.
    Working,
    /// It has stopped early and ends its own database session.
    Ending,
    /// It gives the lock back; the delete may be under way.
    Releasing,
    /// It has left, or was killed.
    Gone,
}

/// What a session has come to. From [`Session::Fenced`] on it holds the fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Session {
    /// There is none, or none that matters.
    Ended,
    /// It has changed nothing yet. Next: end the superseded sessions, take the fence.
    Open,
    /// Next: read the ledger and begin, if there is anything to do.
    Fenced,
    /// A migration is open. Next: commit.
    Migrating,
    /// Everything is migrated.
    Finished,
}

/// What is asked of DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// Put where there is none.
    PutIfAbsent,
    /// Put in place of what was seen.
    PutInsteadOf(Stored),
    /// The same, but what was seen will never stand there again.
    PutInVain,
    /// Put the next heartbeat.
    Renew,
    /// Delete our own.
    Delete,
    /// The script's put: where there is none, or one that had expired so many units from
    /// now (the time at which the script read its clock).
    ScriptPut(i8),
    /// The script's delete.
    ScriptDelete,
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    /// Who sent it.
    pub by: Id,
    /// What it asks.
    pub what: What,
    /// The heartbeat that it writes.
    pub heartbeat: u8,
    /// The expiry that it writes, in units from now.
    pub expires: i8,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// It was done.
    Done,
    /// The condition did not hold for this item.
    Refused(Option<Stored>),
}

/// A request under way, or its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flight {
    /// The request.
    pub request: Request,
    /// How long ago it was sent.
    pub age: u8,
    /// The answer, once it has been applied.
    pub answer: Option<Answer>,
}

/// A task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// What it is.
    pub kind: Kind,
    /// What it is doing.
    pub mode: Mode,
    /// Whether its last request had no answer.
    pub unanswered: bool,
    /// Its request to DynamoDB.
    pub flight: Option<Flight>,
    /// What it knows while it waits.
    pub waiting: Waiting,
    /// Its lease while it works; of the script, the age alone.
    pub lease: Option<Leased>,
    /// Its database session.
    pub session: Session,
    /// Whether a statement is under way in it.
    pub statement: bool,
    /// Whose sessions it has to end first.
    pub superseded: Option<Id>,
    /// Whose item its own stands in place of, in truth, until it works.
    pub replaced: Option<Id>,
}

impl Task {
    /// A task that has just started.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            mode: if kind == Kind::Nobody { Mode::Gone } else { Mode::Waiting },
            unanswered: false,
            flight: None,
            waiting: Waiting::default(),
            lease: None,
            session: Session::Ended,
            statement: false,
            superseded: None,
            replaced: None,
        }
    }

    /// A number that tells most tasks apart, whatever their names.
    pub fn digest(&self) -> u64 {
        let (_, watched, watched_for) = self.waiting.watched.unwrap_or((0, u8::MAX, 0));
        let [lease, age, renewing] = self
            .lease
            .map_or([u8::MAX; 3], |lease| [lease.heartbeat, lease.age, lease.renewing.unwrap_or(u8::MAX)]);
        let [what, heartbeat, sent, answer] = self.flight.map_or([u8::MAX; 4], |flight| {
            let answer = u8::from(flight.answer.is_some()) + u8::from(flight.answer == Some(Answer::Done));
            [flight.request.what.number(), flight.request.heartbeat, flight.age, answer]
        });
        let state = (self.mode as u8) << 4 | self.session as u8;
        let flags = u8::from(self.is_script()) << 3
            | u8::from(self.unanswered) << 2
            | u8::from(self.statement) << 1
            | u8::from(self.superseded.is_some());
        let (skew, puts) = (self.skew().cast_unsigned(), self.waiting.puts);
        mixed(
            [skew, state, flags, puts, watched, watched_for, lease, age],
            [renewing, what, heartbeat, sent, answer, 0, 0, 0],
        )
    }

    /// How far its wall clock is ahead.
    pub fn skew(&self) -> i8 {
        match self.kind {
            Kind::Nobody => 0,
            Kind::Binary(skew) | Kind::Script(skew) => skew,
        }
    }

    /// Whether it is `init.sh`.
    pub fn is_script(&self) -> bool {
        matches!(self.kind, Kind::Script(_))
    }

    /// Whether it works, and its lease runs by its own clock.
    pub fn works_within(&self, lease: u8) -> bool {
        self.mode == Mode::Working && !self.is_script() && self.lease.is_some_and(|held| held.age < lease)
    }

    /// Whether its session keeps all others from migrating.
    pub fn has_fence(&self) -> bool {
        self.session >= Session::Fenced
    }

    /// Whether it has left and its session can change nothing any more.
    pub fn is_dead(&self) -> bool {
        self.session == Session::Ended && self.mode != Mode::Waiting
    }

    /// Leaves for good; its session goes on if it can change anything.
    pub fn leave(&mut self) {
        let session = if self.has_fence() || self.statement { self.session } else { Session::Ended };
        let superseded = self.superseded.filter(|_| session == Session::Open);
        let (statement, kind) = (self.statement, self.kind);
        *self = Self { mode: Mode::Gone, session, statement, superseded, ..Self::new(kind) };
    }

    /// The same with every token renamed.
    pub fn renamed(mut self, name: &impl Fn(Id) -> Id) -> Self {
        self.waiting.watched = self.waiting.watched.map(|(token, beat, age)| (name(token), beat, age));
        self.waiting.superseded = self.waiting.superseded.map(name);
        self.superseded = self.superseded.map(name);
        self.replaced = self.replaced.map(name);
        if let Some(flight) = &mut self.flight {
            flight.request = flight.request.renamed(name);
            if let Some(Answer::Refused(Some(item))) = &mut flight.answer {
                *item = item.renamed(name);
            }
        }
        self
    }
}

/// One number of many small ones; nobody here attacks it.
pub fn mixed(some: [u8; 8], others: [u8; 8]) -> u64 {
    let odd = 0x517c_c1b7_2722_0a95;
    (u64::from_le_bytes(some).wrapping_mul(odd).rotate_left(29) ^ u64::from_le_bytes(others))
        .wrapping_mul(odd)
}

impl What {
    /// A number that tells most requests apart.
    pub fn number(self) -> u8 {
        match self {
            Self::PutIfAbsent => 0,
            Self::PutInsteadOf(_) => 1,
            Self::PutInVain => 2,
            Self::Renew => 3,
            Self::Delete => 4,
            Self::ScriptPut(_) => 5,
            Self::ScriptDelete => 6,
        }
    }
}

impl Request {
    /// Whether it may make an item out of nothing or out of another's.
    pub fn is_put(self) -> bool {
        matches!(self.what, What::PutIfAbsent | What::PutInsteadOf(_))
    }

    /// The same with every token renamed.
    pub fn renamed(self, name: &impl Fn(Id) -> Id) -> Self {
        let what = match self.what {
            What::PutInsteadOf(seen) => What::PutInsteadOf(seen.renamed(name)),
            other => other,
        };
        Self { by: name(self.by), what, ..self }
    }
}

impl Stored {
    /// The same with its token renamed.
    pub fn renamed(self, name: &impl Fn(Id) -> Id) -> Self {
        Self { token: if self.token == SCRIPT { SCRIPT } else { name(self.token) }, ..self }
    }
}
