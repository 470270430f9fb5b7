//! The lock protocol, looked at in every order in which its steps can happen.
//!
//! Promises for each scenario that nothing that must not happen can be reached, that
//! from wherever trouble leads everybody still comes to an end without any more of it,
//! and that no item is left behind that keeps newcomers out for ever. Every decision is
//! made by `src/lock/state.rs` itself. What is checked is not vacuous: each scenario
//! names what must have happened in it, and with any one part of the protocol changed
//! the same scenarios break.

#![forbid(unsafe_code)]
// Test code: a panic is how a test fails.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod answers;
mod explore;
mod form;
mod machine;
mod scenario;
mod steps;
mod task;
mod world;

use explore::{Counterexample, explore};
use scenario::Kind::{Binary, Nobody, Script};
use scenario::{ALWAYS, Broken, Scenario, Variant};

/// Three tasks that nothing befalls but pauses, of any length and at any moment.
const PAUSED: Scenario = Scenario::three("three tasks, pauses");
/// One is killed.
const KILLED: Scenario = Scenario { name: "three tasks, one killed", crashes: 1, ..PAUSED };
/// A request or an answer is lost.
const LOST: Scenario = Scenario { name: "three tasks, one lost message", lost: 1, ..PAUSED };
/// A database connection breaks, or can't be had when it is needed.
const CUT: Scenario = Scenario { name: "three tasks, one database fault", cut: 1, ..PAUSED };
/// One clock is ahead by the whole allowance, and the TTL is short enough to matter.
const SKEWED: Scenario = Scenario {
    name: "two tasks, one clock ahead, one lost message",
    tasks: [Binary(0), Binary(1), Nobody],
    ttl: Some(3),
    lost: 1,
    ..PAUSED
};
/// Two requests are so late that they are tried again, by the program or by the SDK.
const LATE: Scenario =
    Scenario { name: "two tasks, two late messages", late: 2, lease: 2, ..Scenario::two("") };
/// A longer lease, in which one renewal may fail and another time pass.
const LONG: Scenario = Scenario {
    name: "two tasks, a longer lease, one late message, one killed",
    late: 1,
    crashes: 1,
    ..Scenario::two("")
};
/// Of everything one.
const STORM: Scenario =
    Scenario { name: "two tasks, everything once", late: 1, cut: 1, crashes: 1, signals: 1, ..LATE };
/// One of the tasks is still the script, and its clock is ahead.
const SCRIPT: Scenario = Scenario {
    name: "two tasks and init.sh, its clock ahead",
    tasks: [Binary(0), Binary(0), Script(1)],
    ttl: Some(3),
    ..PAUSED
};
/// The same without the second task, but with a message lost and somebody killed.
const ALONE_WITH_SCRIPT: Scenario = Scenario {
    name: "one task and init.sh, a lost message, one killed",
    tasks: [Binary(0), Script(1), Nobody],
    lost: 1,
    crashes: 1,
    ..SCRIPT
};

/// Goes everywhere in a scenario; `steps` must have been taken somewhere.
fn holds(scenario: Scenario, steps: &[&str]) {
    let explored = explore(scenario).unwrap_or_else(|Counterexample { broken, trace }| {
        panic!("{broken:?}:\n{}", trace.join("\n"));
    });
    for step in steps {
        assert!(explored.happened(step), "it never happened that a task {step}");
    }
    if let Some(trace) = explored.stuck() {
        panic!("somebody never comes to an end:\n{}", trace.join("\n"));
    }
    if let Some(trace) = explored.blocked_for_ever() {
        panic!("newcomers are kept out for ever:\n{}", trace.join("\n"));
    }
}

/// With this change a scenario that holds without it must break in this way.
fn breaks(scenario: Scenario, variant: Variant, never: &'static [Broken]) {
    match explore(Scenario { variant, never, ..scenario }) {
        Err(Counterexample { trace, .. }) => println!("{variant:?}:\n  {}", trace.join("\n  ")),
        Ok(_) => panic!("{variant:?} makes no difference: {never:?} was not found"),
    }
}

#[test]
fn tasks_that_pause_do_not_disturb_each_other() {
    let steps = ["has taken over", "stops, its lease is over", "finds nothing to do and leaves"];
    holds(PAUSED, &steps);
}

#[test]
fn a_killed_task_is_replaced() {
    holds(KILLED, &["is killed", "has taken over", "ends what is left of a dead holder"]);
}

#[test]
fn a_lost_message_is_made_up_for() {
    let steps = [
        "'s request is lost",
        "learns that the lock was its own already",
        "learns that its renewal was written already",
    ];
    holds(LOST, &steps);
}

#[test]
fn a_database_that_fails_leaves_one_migration() {
    let steps = ["can't end its session", "can't end what is left of a dead holder", "finds all migrated"];
    holds(CUT, &steps);
}

#[test]
fn a_clock_that_is_ahead_kills_nobody() {
    holds(SKEWED, &["has taken over", "has renewed its lease"]);
}

#[test]
fn a_late_message_changes_nothing() {
    let steps = ["'s request is delayed, the SDK repeats it", "'s delayed request succeeds"];
    holds(LATE, &steps);
    holds(LONG, &["learns that the lock was its own already", "has renewed its lease"]);
}

#[test]
fn one_of_everything_is_survived() {
    holds(
        STORM,
        &["gets a signal and stops", "gives up without an answer", "learns that it has lost the lock"],
    );
}

#[test]
fn the_script_and_the_binary_exclude_each_other() {
    holds(SCRIPT, &["is done", "has taken over", "finds nothing to do and leaves"]);
    holds(ALONE_WITH_SCRIPT, &["is killed", "is done", "has taken over"]);
}

#[test]
fn a_script_beyond_its_time_breaks_the_lock_and_not_the_fence() {
    let late = Scenario { name: "init.sh, late", late_script: true, ..SCRIPT };
    breaks(late, Variant::Real, &[Broken::TwoLeases]);
    holds(Scenario { never: ALWAYS, ..late }, &["begins a migration"]);
}

#[test]
fn a_clock_beyond_the_allowance_breaks_the_lock_and_not_the_fence() {
    let wrong = Scenario { name: "a wrong clock", tasks: [Binary(0), Binary(4), Nobody], lost: 0, ..SKEWED };
    breaks(wrong, Variant::Real, &[Broken::TwoLeases]);
    holds(Scenario { never: ALWAYS, ..wrong }, &["has taken over"]);
}

#[test]
fn without_the_fence_two_migrate() {
    breaks(PAUSED, Variant::NoFence, &[Broken::TwoTransactions]);
}

#[test]
fn without_the_token_a_release_deletes_anothers_item() {
    breaks(PAUSED, Variant::ReleaseAnything, &[Broken::ForeignDelete]);
}

#[test]
fn a_take_over_must_be_of_the_very_item_seen() {
    for variant in [Variant::TakeOverAnything, Variant::TakeOverAnyHeartbeat] {
        breaks(PAUSED, variant, &[Broken::TwoLeases]);
    }
}

#[test]
fn a_lease_must_count_from_before_the_request() {
    breaks(PAUSED, Variant::LeaseFromAnswer, &[Broken::TwoLeases]);
}

#[test]
fn silence_must_count_from_after_the_look() {
    breaks(PAUSED, Variant::SilenceFromRequest, &[Broken::TwoLeases]);
}

#[test]
fn a_renewal_must_be_of_the_own_item_and_go_forward() {
    breaks(PAUSED, Variant::RenewAnything, &[Broken::TwoLeases]);
    breaks(LATE, Variant::RenewBackwards, &[Broken::TwoLeases]);
}

#[test]
fn an_acquisition_whose_answer_was_lost_must_be_confirmed() {
    breaks(LATE, Variant::OursWithoutRenewal, &[Broken::TwoLeases]);
}

#[test]
fn puts_must_differ() {
    breaks(LATE, Variant::PutsAlike, &[Broken::TwoLeases]);
}

#[test]
fn the_dead_holder_must_be_remembered() {
    breaks(LATE, Variant::ForgetSuperseded, &[Broken::ForgottenHolder]);
}
