//! What may happen next.
//!
//! Promises that a task may take its next step, or not, at any moment, so that every
//! pause is covered; that it looks at its clock before it sends a statement, and stops
//! when its lease is over; and that a statement is carried out at any later moment, so
//! that a pause between looking and acting is covered too.
//!
//! `src/lock/mod.rs`, `src/lock/keeping.rs` and `src/sequence.rs` have this order of
//! steps; what follows from an answer is in [`super::answers`].

use super::answers::{read, send, stop, told};
use super::machine::{self, Id};
use super::scenario::{Broken, Scenario, Variant};
use super::task::{Answer, Flight, Mode, Request, Session, Task, What};
use super::world::{IDS, World};

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Whose; `None` for what nobody does.
    pub by: Option<Id>,
    /// What happens.
    pub what: &'static str,
    /// Whether something goes wrong, or somebody loses patience: progress must not need it.
    pub is_trouble: bool,
}

/// Collects what may happen next in one world.
struct Next<'a> {
    world: World,
    scenario: &'a Scenario,
    steps: Vec<(Step, World)>,
}

/// Everything that may happen next.
pub fn next(world: &World, scenario: &Scenario) -> Vec<(Step, World)> {
    let mut next = Next { world: *world, scenario, steps: Vec::new() };
    next.time_passes();
    next.strays_arrive();
    for id in IDS {
        let task = world.task(id);
        match (task.is_script(), task.mode) {
            (false, Mode::Waiting) => next.waiter(id),
            (false, Mode::Working) => next.holder(id),
            (false, Mode::Ending) => next.ending(id),
            (true, _) => next.script(id),
            (false, Mode::Releasing | Mode::Gone) => {}
        }
        next.requests(id);
        next.server(id);
        next.blows(id);
    }
    next.steps
}

impl Next<'_> {
    fn step(&mut self, by: Id, what: &'static str, change: impl FnOnce(&mut World)) {
        self.add(Step { by: Some(by), what, is_trouble: false }, change);
    }

    fn trouble(&mut self, by: Id, what: &'static str, change: impl FnOnce(&mut World)) {
        self.add(Step { by: Some(by), what, is_trouble: true }, change);
    }

    /// Trouble of which there may be only so much.
    fn fault(
        &mut self,
        budget: fn(&mut World) -> &mut u8,
        by: Id,
        what: &'static str,
        change: impl FnOnce(&mut World),
    ) {
        if *budget(&mut self.world) > 0 {
            self.trouble(by, what, |world| {
                *budget(world) -= 1;
                change(world);
            });
        }
    }

    fn add(&mut self, step: Step, change: impl FnOnce(&mut World)) {
        let mut world = self.world;
        change(&mut world);
        self.steps.push((step, world));
    }

    /// All clocks go on by one unit, unless `init.sh` would break its promise by that.
    fn time_passes(&mut self) {
        if !IDS.into_iter().any(|id| self.script_is_late(id)) {
            let scenario = self.scenario;
            let step = Step { by: None, what: "time passes", is_trouble: false };
            self.add(step, |world| world.age(scenario));
        }
    }

    /// The assumption about `init.sh`: it is done within its TTL, counted from when it
    /// read its clock, less the skew allowance of one unit.
    fn script_is_late(&self, id: Id) -> bool {
        let task = self.world.task(id);
        let Some(ttl) = self.scenario.ttl.filter(|_| task.is_script()) else { return false };
        let age = match task.mode {
            Mode::Waiting => task.flight.map(|flight| flight.age),
            Mode::Releasing if self.scenario.late_script => None,
            _ => task.lease.map(|lease| lease.age),
        };
        age.is_some_and(|age| age + 1 >= ttl.unsigned_abs())
    }

    /// Requests that nobody waits for arrive, or never do.
    fn strays_arrive(&mut self) {
        let variant = self.scenario.variant;
        for (place, stray) in self.world.strays.into_iter().enumerate() {
            let Some(request) = stray else { continue };
            let is_allowed = self.world.allows(request, variant);
            let what =
                if is_allowed { "'s delayed request succeeds" } else { "'s delayed request is refused" };
            self.trouble(request.by, what, |world| {
                world.strays[place] = None;
                world.apply(request, variant);
            });
        }
    }

    /// A task that wants the lock: `Lock::acquire`.
    fn waiter(&mut self, id: Id) {
        let (scenario, task) = (self.scenario, *self.world.task(id));
        if task.flight.is_some() {
            return;
        }
        self.step(id, "puts its item where there is none", |world| {
            send(world, scenario, id, What::PutIfAbsent);
        });
        if self.world.migrated {
            self.step(id, "finds nothing to do and leaves", |world| leave_unlocked(world, id));
        }
        if task.unanswered {
            self.trouble(id, "gives up without an answer", |world| leave_unlocked(world, id));
        }
    }

    /// What becomes of a request that is under way.
    fn requests(&mut self, id: Id) {
        let (scenario, task) = (self.scenario, *self.world.task(id));
        let Some(flight) = task.flight else { return };
        if let Some(answer) = flight.answer {
            return self
                .step(id, told(id, task.mode, flight.request, answer), |world| read(world, scenario, id));
        }
        let is_allowed = self.world.allows(flight.request, scenario.variant);
        self.step(id, arrival(flight.request.what, is_allowed), |world| {
            let answer = world.apply(flight.request, scenario.variant);
            world.task_mut(id).flight = Some(Flight { answer: Some(answer), ..flight });
            if is_read_at_once(flight.request, answer) {
                read(world, scenario, id);
            }
        });
        self.network(id, task.mode, flight);
    }

    /// What the network does to a request that is under way.
    fn network(&mut self, id: Id, mode: Mode, flight: Flight) {
        let (variant, request) = (self.scenario.variant, flight.request);
        self.fault(lost, id, "'s request is lost", |world| no_answer(world, id));
        self.fault(lost, id, "'s request arrives, the answer is lost", |world| {
            world.apply(request, variant);
            no_answer(world, id);
        });
        if request.what == What::ScriptDelete && !self.scenario.late_script {
            return;
        }
        self.fault(late, id, "'s request is delayed, it gets no answer", |world| {
            world.stray(request);
            no_answer(world, id);
        });
        if mode == Mode::Releasing {
            self.fault(late, id, "'s delete is delayed, it leaves", |world| leave(world, id));
        } else if request.is_put() {
            self.fault(late, id, "'s request is delayed, the SDK repeats it", |world| world.stray(request));
        }
    }

    /// A task that works under the lock: `Lock::while_held`.
    fn holder(&mut self, id: Id) {
        let (scenario, task) = (self.scenario, *self.world.task(id));
        let Some(leased) = task.lease else { return };
        let lease = machine::lease(leased, scenario.lease);
        let now = machine::monotonic(0);
        if task.session == Session::Ended {
            return self
                .step(id, "finds its session ended and fails", |world| stop(world, id, Mode::Releasing));
        }
        if task.session == Session::Finished {
            self.step(id, "is done and closes its session", |world| {
                world.task_mut(id).session = Session::Ended;
                stop(world, id, Mode::Releasing);
            });
        }
        if lease.is_over(now) {
            return self.step(id, "stops, its lease is over", |world| stop(world, id, Mode::Ending));
        }
        if task.flight.is_none() && (task.unanswered || lease.renewal_due_at() <= now) {
            self.step(id, "renews its lease", |world| send(world, scenario, id, What::Renew));
        }
    }

    /// A task that has stopped early: `Database::end_sessions`.
    fn ending(&mut self, id: Id) {
        self.step(id, "makes sure that its session has ended", |world| {
            world.end_session(id);
            world.task_mut(id).mode = Mode::Releasing;
        });
        self.fault(cut, id, "can't end its session", |world| world.task_mut(id).mode = Mode::Releasing);
    }

    /// `init.sh`, as far as it has to do with the lock.
    fn script(&mut self, id: Id) {
        let (scenario, task) = (self.scenario, *self.world.task(id));
        match task.mode {
            Mode::Waiting if task.flight.is_none() => {
                self.step(id, "puts its item", |world| {
                    send(world, scenario, id, What::ScriptPut(task.skew()));
                });
            }
            Mode::Working => self.step(id, "is done", |world| world.task_mut(id).mode = Mode::Releasing),
            _ => {}
        }
    }

    /// The database server: carries statements out, and ends sessions whose client has gone.
    fn server(&mut self, id: Id) {
        let task = *self.world.task(id);
        if task.session == Session::Ended {
            return;
        }
        if task.mode != Mode::Working {
            self.step(id, "'s session is ended by the server", |world| world.end_session(id));
        }
        if !task.statement {
            return;
        }
        match task.session {
            Session::Open if task.superseded.is_some() => {
                self.step(id, "ends what is left of a dead holder", |world| end_superseded(world, id));
                self.fault(cut, id, "can't end what is left of a dead holder", |world| {
                    world.task_mut(id).superseded = None;
                });
            }
            Session::Open if self.fence_is_free() => self.executed(id, "takes the fence", Session::Fenced),
            Session::Fenced if self.world.migrated => {
                self.executed(id, "finds all migrated", Session::Finished);
            }
            Session::Fenced => self.executed(id, "begins a migration", Session::Migrating),
            Session::Migrating => self.executed(id, "commits", Session::Finished),
            _ => {}
        }
    }

    /// The statement under way is carried out.
    fn executed(&mut self, id: Id, what: &'static str, session: Session) {
        self.step(id, what, |world| {
            let task = world.task_mut(id);
            let commits = task.session == Session::Migrating;
            task.session = session;
            task.statement = false;
            if commits && std::mem::replace(&mut world.migrated, true) {
                world.broken = Some(Broken::MigratedTwice);
            }
        });
    }

    /// `fence::raise`.
    fn fence_is_free(&self) -> bool {
        self.scenario.variant == Variant::NoFence || !self.world.tasks.iter().any(Task::has_fence)
    }

    /// What befalls a task: it is killed, it gets a signal, its database connection breaks.
    fn blows(&mut self, id: Id) {
        let task = *self.world.task(id);
        let is_as_good_as_gone = task.is_script() && task.mode == Mode::Releasing;
        if self.world.crashes > 0 && task.mode != Mode::Gone && !is_as_good_as_gone {
            self.trouble(id, "is killed", |world| {
                world.crashes -= 1;
                leave(world, id);
            });
        }
        if task.is_script() {
            return;
        }
        if self.world.signals > 0 && task.mode == Mode::Working {
            self.trouble(id, "gets a signal and stops", |world| {
                world.signals -= 1;
                stop(world, id, Mode::Ending);
            });
        }
        if self.world.signals > 0 && task.mode == Mode::Waiting && task.flight.is_none() {
            self.trouble(id, "gets a signal and leaves", |world| {
                world.signals -= 1;
                leave_unlocked(world, id);
            });
        }
        if task.mode == Mode::Working && task.session != Session::Ended {
            self.fault(cut, id, "loses its session, the server does not notice", |world| {
                stop(world, id, Mode::Releasing);
            });
        }
    }
}

/// A request's arrival in words.
fn arrival(what: What, is_allowed: bool) -> &'static str {
    match (what, is_allowed) {
        (What::PutIfAbsent | What::ScriptPut(_), true) => "'s item is put",
        (What::PutIfAbsent | What::ScriptPut(_), false) => "'s put is refused",
        (What::PutInsteadOf(_) | What::PutInVain, true) => "'s item replaces one that had run out",
        (What::PutInsteadOf(_) | What::PutInVain, false) => "'s take-over is refused",
        (What::Renew, true) => "'s renewal is written",
        (What::Renew, false) => "'s renewal is refused",
        (What::Delete | What::ScriptDelete, true) => "'s release deletes the item, it leaves",
        (What::Delete | What::ScriptDelete, false) => "'s release is refused, it leaves",
    }
}

/// Whether it makes no difference when the answer is read: a delete is a task's last, and
/// who judges another's item later is only more patient.
fn is_read_at_once(request: Request, answer: Answer) -> bool {
    match (request.what, answer) {
        (What::Delete | What::ScriptDelete | What::ScriptPut(_), _) => true,
        (What::Renew, _) | (_, Answer::Done) => false,
        (_, Answer::Refused(present)) => present.is_none_or(|item| item.token != request.by),
    }
}

fn lost(world: &mut World) -> &mut u8 {
    &mut world.lost
}

fn late(world: &mut World) -> &mut u8 {
    &mut world.late
}

fn cut(world: &mut World) -> &mut u8 {
    &mut world.cut
}

/// The sender learns that there is no answer.
fn no_answer(world: &mut World, id: Id) {
    let task = world.task_mut(id);
    task.flight = None;
    task.unanswered = !task.is_script() && task.mode != Mode::Releasing;
}

fn leave(world: &mut World, id: Id) {
    world.abandon(id);
    world.task_mut(id).leave();
}

/// Leaves without the lock; `Lock::take_back` if the last put had no answer.
fn leave_unlocked(world: &mut World, id: Id) {
    let task = world.task_mut(id);
    if std::mem::take(&mut task.unanswered) {
        task.waiting = machine::Waiting::default();
        task.mode = Mode::Releasing;
    } else {
        leave(world, id);
    }
}

/// The sessions of the holder that was taken over from end.
fn end_superseded(world: &mut World, id: Id) {
    let task = world.task_mut(id);
    task.statement = false;
    if let Some(token) = task.superseded.take() {
        world.end_session(token);
    }
}
