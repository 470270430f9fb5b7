//! The world: the item, the tasks, the requests that nobody waits for any more.
//!
//! Promises that what DynamoDB does is one atomic step when a request arrives, and that
//! there is no time but ages, each capped where no decision depends on more.

use std::hash::{Hash, Hasher};

use super::machine::{Id, SCRIPT, Stored};
use super::scenario::{Broken, Scenario, Variant};
use super::task::{Answer, Flight, Mode, Request, Session, Task, What, mixed};

/// Places for requests that nobody waits for.
pub const STRAYS: usize = 4;
/// An expiry that never comes.
pub const NEVER: i8 = 100;
/// No decision depends on how much longer ago something expired.
const LONG_AGO: i8 = -3;
/// All tasks.
pub const IDS: [Id; 3] = [0, 1, 2];

/// A world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// What stands in the table.
    pub item: Option<Stored>,
    /// The tasks.
    pub tasks: [Task; 3],
    /// Requests that will arrive some time, or never.
    pub strays: [Option<Request>; STRAYS],
    /// Whether the migration is committed.
    pub migrated: bool,
    /// Requests or answers that may still be lost.
    pub lost: u8,
    /// Requests that may still be delayed.
    pub late: u8,
    /// Failures of a database connection that may still happen.
    pub cut: u8,
    /// Tasks that may still be killed.
    pub crashes: u8,
    /// Signals that may still come.
    pub signals: u8,
    /// What a step has broken.
    pub broken: Option<Broken>,
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for task in &self.tasks {
            state.write_u64(task.digest());
        }
        let Stored { token, heartbeat, expires } =
            self.item.unwrap_or(Stored { token: SCRIPT, heartbeat: u8::MAX, expires: 0 });
        let mut strays = [0; 8];
        for (digest, stray) in strays.iter_mut().zip(self.strays.iter().flatten()) {
            *digest = stray.by << 6 | stray.what.number() << 3 | stray.heartbeat;
        }
        let left = self.lost << 6 | self.late << 4 | self.cut << 2 | self.crashes;
        state.write_u64(mixed(
            [token, heartbeat, expires.cast_unsigned(), left, self.signals, self.migrated.into(), 0, 0],
            strays,
        ));
    }
}

impl World {
    /// The beginning.
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            item: None,
            tasks: scenario.tasks.map(Task::new),
            strays: [None; STRAYS],
            migrated: false,
            lost: scenario.lost,
            late: scenario.late,
            cut: scenario.cut,
            crashes: scenario.crashes,
            signals: scenario.signals,
            broken: None,
        }
    }

    /// The task.
    pub fn task(&self, id: Id) -> &Task {
        &self.tasks[usize::from(id)]
    }

    /// The task, to change.
    pub fn task_mut(&mut self, id: Id) -> &mut Task {
        &mut self.tasks[usize::from(id)]
    }

    /// Whether nobody does anything any more.
    pub fn is_over(&self) -> bool {
        self.tasks.iter().all(|task| task.mode == Mode::Gone)
    }

    /// What is broken here of what the scenario forbids.
    pub fn check(&self, scenario: &Scenario) -> Option<Broken> {
        scenario.never.iter().copied().find(|broken| match broken {
            Broken::TwoTransactions => self.count(|task| task.session == Session::Migrating) > 1,
            Broken::TwoLeases => self.count(|task| task.works_within(scenario.lease)) > 1,
            Broken::BesideScript => {
                self.count(|task| task.is_script() && task.mode == Mode::Working) > 0
                    && self.count(|task| task.works_within(scenario.lease)) > 0
            }
            other => self.broken == Some(*other),
        })
    }

    /// How many tasks are so.
    pub fn count(&self, is_so: impl Fn(&Task) -> bool) -> usize {
        self.tasks.iter().filter(|task| is_so(task)).count()
    }

    /// What a task's put says of its expiry, when it is sent now.
    pub fn expiry(&self, id: Id, scenario: &Scenario) -> i8 {
        scenario.ttl.map_or(NEVER, |ttl| ttl + self.task(id).skew())
    }

    /// A request arrives.
    pub fn apply(&mut self, request: Request, variant: Variant) -> Answer {
        if !self.allows(request, variant) {
            return Answer::Refused(self.item);
        }
        let token = if matches!(request.what, What::ScriptPut(_)) { SCRIPT } else { request.by };
        self.note(request);
        self.item = match request.what {
            What::Delete | What::ScriptDelete => None,
            _ => Some(Stored { token, heartbeat: request.heartbeat, expires: request.expires }),
        };
        Answer::Done
    }

    /// Whether the request's condition holds, as `src/lock/store.rs` and the script word it.
    pub fn allows(&self, request: Request, variant: Variant) -> bool {
        let Some(item) = self.item else {
            let takes_anything = variant == Variant::TakeOverAnything && request.is_put();
            return takes_anything
                || matches!(request.what, What::PutIfAbsent | What::ScriptPut(_) | What::ScriptDelete);
        };
        let is_ours = item.token == request.by;
        match request.what {
            What::PutIfAbsent | What::PutInVain => false,
            What::PutInsteadOf(seen) => variant == Variant::TakeOverAnything || is_that(item, seen, variant),
            What::Renew => {
                (is_ours || variant == Variant::RenewAnything)
                    && (item.heartbeat < request.heartbeat || variant == Variant::RenewBackwards)
            }
            What::Delete => is_ours || variant == Variant::ReleaseAnything,
            What::ScriptPut(clock) => item.expires < clock,
            What::ScriptDelete => true,
        }
    }

    /// Keeps in mind what a request that is applied does to others.
    fn note(&mut self, request: Request) {
        let Some(item) = self.item else { return };
        if request.what == What::Delete && item.token != request.by {
            self.broken = Some(Broken::ForeignDelete);
        }
        if item.token != SCRIPT && item.token != request.by {
            self.task_mut(item.token).replaced = None;
            if matches!(request.what, What::PutInsteadOf(_)) && self.task(request.by).mode != Mode::Gone {
                self.task_mut(request.by).replaced = Some(item.token);
            }
        }
    }

    /// A task's session ends: what is open in it is rolled back.
    pub fn end_session(&mut self, id: Id) {
        let task = self.task_mut(id);
        task.session = Session::Ended;
        task.statement = false;
        task.superseded = None;
    }

    /// A request goes on without anybody who waits for it.
    pub fn stray(&mut self, request: Request) {
        let place = self.strays.iter_mut().find(|place| place.is_none());
        *place.expect("there are places enough for strays") = Some(request);
    }

    /// A task stops looking for the answer to what is under way.
    pub fn abandon(&mut self, id: Id) {
        let flight = self.task_mut(id).flight.take().filter(|flight| flight.answer.is_none());
        if let Some(Flight { request, .. }) = flight {
            self.stray(request);
        }
    }

    /// Time passes.
    pub fn age(&mut self, scenario: &Scenario) {
        let older = |age: &mut u8, cap: u8| *age = cap.min(*age + 1);
        for task in &mut self.tasks {
            let script = scenario.ttl.filter(|_| task.is_script()).map(i8::unsigned_abs);
            let cap = script.unwrap_or(scenario.lease);
            if let Some(flight) = &mut task.flight {
                older(&mut flight.age, cap);
            }
            if let Some((_, _, age)) = &mut task.waiting.watched {
                older(age, cap);
            }
            if let Some(lease) = &mut task.lease {
                older(&mut lease.age, cap);
                lease.renewing.iter_mut().for_each(|age| older(age, cap));
            }
        }
        if scenario.ttl.is_some() {
            self.expiries(|at, least| *at = least.max(*at - 1));
        }
    }

    /// Visits everything that is told in wall-clock time, with the least that it may come to.
    fn expiries(&mut self, mut visit: impl FnMut(&mut i8, i8)) {
        let flights = self.tasks.iter_mut().filter_map(|task| task.flight.as_mut());
        let mut items: Vec<_> = self.item.iter_mut().collect();
        let mut requests: Vec<_> = self.strays.iter_mut().flatten().collect();
        for flight in flights {
            requests.push(&mut flight.request);
            if let Some(Answer::Refused(Some(item))) = &mut flight.answer {
                items.push(item);
            }
        }
        for request in requests {
            visit(&mut request.expires, LONG_AGO);
            match &mut request.what {
                What::PutInsteadOf(seen) => items.push(seen),
                // What expired long ago has expired for the script too.
                What::ScriptPut(clock) => visit(clock, LONG_AGO + 1),
                _ => {}
            }
        }
        for item in items {
            visit(&mut item.expires, LONG_AGO);
        }
    }
}

/// Whether `item` is the very one seen.
fn is_that(item: Stored, seen: Stored, variant: Variant) -> bool {
    item.token == seen.token
        && match item.token {
            SCRIPT => item.expires == seen.expires,
            _ => item.heartbeat == seen.heartbeat || variant == Variant::TakeOverAnyHeartbeat,
        }
}
