//! What a task asks of DynamoDB, and what follows from the answer.
//!
//! Promises the order of `Lock::attempt`, `Lock::confirm` and `Lock::renew`; every
//! decision in it is the real state machine's, asked through [`super::machine`].

use super::machine::{self, Id, Judged, Leased, Stored, Waiting};
use super::scenario::{Broken, Scenario, Variant};
use super::task::{Answer, Flight, Mode, Request, Session, What};
use super::world::World;

/// A task sends a request: the time that counts is now.
pub fn send(world: &mut World, scenario: &Scenario, id: Id, what: What) {
    let expires = world.expiry(id, scenario);
    let task = world.task_mut(id);
    let heartbeat = match (what, &mut task.lease) {
        (What::Renew, Some(leased)) => {
            let mut lease = machine::lease(*leased, scenario.lease);
            let heartbeat = lease.start_renewal(machine::monotonic(0));
            *leased = machine::leased(&lease, scenario.lease);
            u8::try_from(heartbeat).expect("heartbeats are few")
        }
        (What::ScriptPut(_), _) => 0,
        _ => start_put(&mut task.waiting, scenario, id, what),
    };
    let request = Request { by: id, what, heartbeat, expires };
    task.flight = Some(Flight { request, age: 0, answer: None });
}

fn start_put(waiting: &mut Waiting, scenario: &Scenario, id: Id, what: What) -> u8 {
    let instead_of = match what {
        What::PutInsteadOf(seen) => Some(seen),
        _ => None,
    };
    let heartbeat = machine::start_put(id, waiting, instead_of, scenario.lease);
    if scenario.variant == Variant::PutsAlike {
        waiting.puts = 0;
        return 0;
    }
    heartbeat
}

/// An answer in words, when it is read.
pub fn told(id: Id, mode: Mode, request: Request, answer: Answer) -> &'static str {
    let is_ours = matches!(answer, Answer::Refused(Some(item)) if item.token == id);
    match (mode, request.what, answer) {
        (Mode::Waiting, What::Renew, Answer::Done) => "learns that the lock was its own already",
        (Mode::Waiting, What::PutInsteadOf(_) | What::PutInVain, Answer::Done) => "has taken over",
        (Mode::Waiting, _, Answer::Done) => "has the lock",
        (Mode::Working, _, Answer::Done) => "has renewed its lease",
        (Mode::Working, ..) if is_ours => "learns that its renewal was written already",
        (Mode::Working, ..) => "learns that it has lost the lock",
        _ if is_ours => "learns that an item of its own stands there",
        _ => "learns that the item has changed",
    }
}

/// The answer to a task's request is read.
pub fn read(world: &mut World, scenario: &Scenario, id: Id) {
    let Some(flight) = world.task_mut(id).flight.take() else { return };
    let Some(answer) = flight.answer else { return };
    let task = world.task_mut(id);
    task.unanswered &= task.mode == Mode::Working;
    match (task.is_script(), task.mode) {
        (_, Mode::Releasing) => task.leave(),
        (true, _) if answer == Answer::Done => {
            task.mode = Mode::Working;
            task.lease = Some(Leased { heartbeat: 0, age: flight.age, renewing: None });
        }
        (false, Mode::Waiting) => acquired_or_not(world, scenario, id, flight, answer),
        (false, Mode::Working) => renewed_or_not(world, scenario, id, flight, answer),
        _ => {}
    }
}

/// `Lock::attempt` and `Lock::confirm`.
fn acquired_or_not(world: &mut World, scenario: &Scenario, id: Id, flight: Flight, answer: Answer) {
    match (flight.request.what, answer) {
        (_, Answer::Done) => begin(world, scenario, id, flight),
        (What::Renew, _) | (_, Answer::Refused(None)) => {}
        (_, Answer::Refused(Some(item))) => judge(world, scenario, id, item, flight),
    }
}

fn judge(world: &mut World, scenario: &Scenario, id: Id, seen: Stored, flight: Flight) {
    let ago = if scenario.variant == Variant::SilenceFromRequest { flight.age } else { 0 };
    let task = world.task_mut(id);
    let skew = task.skew();
    match machine::judge(id, &mut task.waiting, seen, (ago, skew), scenario.lease) {
        Judged::Held => {}
        Judged::RunOut => send(world, scenario, id, What::PutInsteadOf(seen)),
        Judged::Ours if scenario.variant == Variant::OursWithoutRenewal => {
            let request = Request { heartbeat: seen.heartbeat, ..flight.request };
            begin(world, scenario, id, Flight { request, age: 0, answer: None });
        }
        Judged::Ours => {
            send(world, scenario, id, What::Renew);
            if let Some(sent) =
                world.task_mut(id).flight.as_mut().filter(|_| scenario.variant == Variant::PutsAlike)
            {
                sent.request.heartbeat = seen.heartbeat + 1;
            }
        }
    }
}

/// The lock is ours by this request: work begins.
fn begin(world: &mut World, scenario: &Scenario, id: Id, by: Flight) {
    let age = if scenario.variant == Variant::LeaseFromAnswer { 0 } else { by.age };
    let forgets = scenario.variant == Variant::ForgetSuperseded && by.request.what == What::Renew;
    let task = world.task_mut(id);
    task.mode = Mode::Working;
    task.lease = Some(machine::acquired(by.request.heartbeat, age, scenario.lease));
    task.superseded = std::mem::take(&mut task.waiting).superseded.filter(|_| !forgets);
    task.session = Session::Open;
    if task.replaced.take().is_some_and(|replaced| task.superseded != Some(replaced)) {
        world.broken = Some(Broken::ForgottenHolder);
    }
}

/// `Lock::renew`.
fn renewed_or_not(world: &mut World, scenario: &Scenario, id: Id, flight: Flight, answer: Answer) {
    let task = world.task_mut(id);
    let Some(leased) = task.lease else { return };
    let mut lease = machine::lease(leased, scenario.lease);
    let is_ours = match answer {
        Answer::Done => {
            let age = if scenario.variant == Variant::LeaseFromAnswer { 0 } else { flight.age };
            lease.renewed(machine::monotonic(age));
            task.unanswered = false;
            true
        }
        Answer::Refused(present) => machine::is_renewed_by(&mut lease, present, id, scenario.lease),
    };
    task.lease = Some(machine::leased(&lease, scenario.lease));
    if !is_ours {
        stop(world, id, Mode::Ending);
    }
}

/// Stops working, in order to do what `mode` says.
pub fn stop(world: &mut World, id: Id, mode: Mode) {
    let task = world.task_mut(id);
    task.mode = mode;
    task.lease = None;
    task.unanswered = false;
    world.abandon(id);
}
