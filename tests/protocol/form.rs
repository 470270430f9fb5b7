//! The form of a world: worlds that can't be told apart by what may happen next get the
//! same one, so that there are few and the graph is finite.
//!
//! Promises that nothing is lost by it:
//! - a step that nobody sees and that needs no moment of its own is taken at once;
//! - what can't come back is not remembered: a heartbeat that was overwritten and that
//!   nobody can write again, a request that can't be applied any more;
//! - heartbeats are compared, and a task's next one is above all that it has written:
//!   so those that are remembered get the lowest numbers, in their order;
//! - tasks of one kind are sorted, and tokens are their places in the row.

use super::answers::stop;
use super::machine::{Id, SCRIPT, Stored};
use super::scenario::{Scenario, Variant};
use super::task::{Answer, Flight, Mode, Request, Session, Task, What};
use super::world::{IDS, World};

/// The form of `world`, and for each of its tasks where it was.
pub fn canonical(mut world: World, scenario: &Scenario) -> (World, [Id; 3]) {
    for id in IDS {
        settle(&mut world, id, scenario);
    }
    forget_strays(&mut world, scenario);
    for id in IDS {
        forget_heartbeats(&mut world, id, scenario);
    }
    close_gaps(&mut world);
    sorted(world)
}

/// Takes the steps that need no moment of their own.
fn settle(world: &mut World, id: Id, scenario: &Scenario) {
    if has_nothing_to_do(world.task(id), scenario) {
        stop(world, id, Mode::Releasing);
    }
    let target_is_dead = world.task(id).superseded.is_some_and(|target| world.task(target).is_dead());
    let task = world.task_mut(id);
    if target_is_dead {
        task.superseded = None;
        task.statement = false;
    }
    if task.mode == Mode::Waiting && task.flight.is_some() {
        task.unanswered = false;
    }
    if task.mode == Mode::Ending && task.session == Session::Ended {
        task.mode = Mode::Releasing;
    }
    if task.mode == Mode::Gone && !task.has_fence() && !task.statement {
        task.session = Session::Ended;
        task.superseded = None;
    }
    if task.mode == Mode::Releasing && task.flight.is_none() {
        let what = if task.is_script() { What::ScriptDelete } else { What::Delete };
        let request = Request { by: id, what, heartbeat: 0, expires: 0 };
        task.flight = Some(Flight { request, age: 0, answer: None });
    }
    // The clock is looked at, and the next statement sent, as soon as it may be: it is
    // carried out at any later moment all the same.
    if task.works_within(scenario.lease) && (Session::Open..=Session::Migrating).contains(&task.session) {
        task.statement = true;
    }
    if let Some(flight) = task.flight.as_mut().filter(|flight| flight.request.what == What::Delete) {
        flight.age = 0;
    }
}

/// Whether the lease is over and the session too: then it can only stop.
fn has_nothing_to_do(task: &Task, scenario: &Scenario) -> bool {
    task.mode == Mode::Working
        && !task.is_script()
        && task.session == Session::Ended
        && !task.works_within(scenario.lease)
}

/// Forgets requests that can't change anything any more.
fn forget_strays(world: &mut World, scenario: &Scenario) {
    let (strays, item) = (world.strays, world.item);
    if strays.iter().all(Option::is_none) {
        return;
    }
    let can_put = |id: Id| {
        let is_put = |stray: &Request| stray.by == id && stray.is_put();
        world.task(id).mode == Mode::Waiting || strays.iter().flatten().any(is_put)
    };
    let has_had = |request: &Request| {
        item.is_some_and(|item| item.token == request.by && item.heartbeat >= request.heartbeat)
            && scenario.variant != Variant::RenewBackwards
    };
    let may_stand = |id: Id| item.is_some_and(|item| item.token == id) || can_put(id);
    let may_matter = |request: &Request| match request.what {
        What::Renew if has_had(request) && !can_put(request.by) => false,
        What::Renew | What::Delete => may_stand(request.by),
        What::PutInsteadOf(seen) => seen.token == SCRIPT || may_stand(seen.token),
        What::PutInVain => false,
        _ => true,
    };
    let mut kept = strays;
    for stray in &mut kept {
        *stray = stray.filter(may_matter);
    }
    world.strays = kept;
}

/// Forgets heartbeats that nobody will ever see again.
fn forget_heartbeats(world: &mut World, id: Id, scenario: &Scenario) {
    let task = world.task(id);
    let is_no_more = |token, heartbeat| is_no_more(world, token, heartbeat);
    let watches_no_more =
        task.waiting.watched.is_some_and(|(token, heartbeat, _)| is_no_more(token, heartbeat));
    let wants_no_more = task.flight.is_some_and(|flight| match flight.request.what {
        What::PutInsteadOf(seen) if seen.token != SCRIPT && flight.answer.is_none() => {
            is_no_more(seen.token, seen.heartbeat)
        }
        _ => false,
    });
    let task = world.task_mut(id);
    if watches_no_more {
        task.waiting.watched = None;
    }
    if let Some(flight) = task.flight.as_mut().filter(|_| wants_no_more)
        && !matches!(scenario.variant, Variant::TakeOverAnything | Variant::TakeOverAnyHeartbeat)
    {
        flight.request.what = What::PutInVain;
    }
}

/// Whether an item of this token and heartbeat will never stand there again.
fn is_no_more(world: &World, token: Id, heartbeat: u8) -> bool {
    let is_it = |item: &Stored| (item.token, item.heartbeat) == (token, heartbeat);
    let writes_it = |request: &Request| (request.by, request.heartbeat) == (token, heartbeat);
    let task = world.task(token);
    let will_write = match task.mode {
        Mode::Waiting => heartbeat >= task.waiting.puts,
        Mode::Working => task.lease.is_some_and(|lease| heartbeat > lease.heartbeat),
        _ => false,
    };
    let flights = world.tasks.iter().filter_map(|task| task.flight.as_ref());
    !(will_write
        || world.item.as_ref().is_some_and(is_it)
        || world.strays.iter().flatten().any(writes_it)
        || flights.filter(|flight| flight.answer.is_none()).any(|flight| writes_it(&flight.request)))
}

/// Gives the heartbeats of each token that are remembered the lowest numbers, in their order.
fn close_gaps(world: &mut World) {
    let mut remembered = [0_u32; 3];
    heartbeats(world, |token, heartbeat| remembered[usize::from(token)] |= 1 << *heartbeat);
    if remembered.iter().any(|seen| !(seen + 1).is_power_of_two()) {
        heartbeats(world, |token, heartbeat| {
            let lower = remembered[usize::from(token)] & ((1 << *heartbeat) - 1);
            *heartbeat = u8::try_from(lower.count_ones()).expect("heartbeats are few");
        });
    }
}

/// Visits every heartbeat that anybody remembers, with its token.
fn heartbeats(world: &mut World, mut visit: impl FnMut(Id, &mut u8)) {
    let of_item = |item: &mut Stored, visit: &mut dyn FnMut(Id, &mut u8)| {
        if item.token != SCRIPT {
            visit(item.token, &mut item.heartbeat);
        }
    };
    let of_request = |request: &mut Request, visit: &mut dyn FnMut(Id, &mut u8)| {
        if !matches!(request.what, What::Delete | What::ScriptDelete | What::ScriptPut(_)) {
            visit(request.by, &mut request.heartbeat);
        }
        if let What::PutInsteadOf(seen) = &mut request.what {
            of_item(seen, visit);
        }
    };
    world.item.iter_mut().for_each(|item| of_item(item, &mut visit));
    world.strays.iter_mut().flatten().for_each(|request| of_request(request, &mut visit));
    for (id, task) in IDS.into_iter().zip(&mut world.tasks) {
        if task.mode == Mode::Waiting {
            visit(id, &mut task.waiting.puts);
        }
        task.lease.iter_mut().for_each(|lease| visit(id, &mut lease.heartbeat));
        if let Some((token, heartbeat, _)) = &mut task.waiting.watched {
            visit(*token, heartbeat);
        }
        let Some(Flight { request, answer, .. }) = &mut task.flight else { continue };
        of_request(request, &mut visit);
        if let Some(Answer::Refused(Some(item))) = answer {
            of_item(item, &mut visit);
        }
    }
}

/// Sorts the tasks and names them by their places.
fn sorted(mut world: World) -> (World, [Id; 3]) {
    let keys = IDS.map(|id| (world.task(id).digest(), world.item.is_some_and(|item| item.token == id)));
    let mut order = IDS;
    for (left, right) in [(0, 1), (1, 2), (0, 1)] {
        if keys[usize::from(order[left])] > keys[usize::from(order[right])] {
            order.swap(left, right);
        }
    }
    if order != IDS {
        let mut places = IDS;
        for (place, old) in IDS.into_iter().zip(order) {
            places[usize::from(old)] = place;
        }
        let name = |old: Id| places[usize::from(old)];
        world.tasks = order.map(|old| world.task(old).renamed(&name));
        world.item = world.item.map(|item| item.renamed(&name));
        for stray in world.strays.iter_mut().flatten() {
            *stray = stray.renamed(&name);
        }
    }
    if world.strays.iter().any(Option::is_some) {
        world.strays.sort_unstable();
    }
    (world, order)
}
