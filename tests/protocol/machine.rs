//! The bridge to the real state machine: [`Waiter`] and [`Lease`] are built from what the
//! model knows of them, asked, and read back.
//!
//! Promises that every decision is the real code's. Reading back goes through its public
//! functions alone (a copy is asked about a made-up item), so nothing is assumed of what
//! it keeps inside. All times are built around one fixed present: the model knows ages.

use std::time::Duration;

use llm_proxy_init::lock::item::{Holder, Item};
use llm_proxy_init::lock::state::{Lease, Now, SKEW_ALLOWANCE, Verdict, Waiter};

/// A task; its token too.
pub type Id = u8;
/// In place of a token: the item is the script's.
pub const SCRIPT: Id = u8::MAX;
/// A unit of time in seconds: as long as the skew allowance.
const UNIT: u64 = SKEW_ALLOWANCE.unsigned_abs();
/// The present, by every clock that is right.
const PRESENT: u64 = 10_000;

/// The item as the model knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stored {
    /// Whose it is.
    pub token: Id,
    /// The holder's heartbeat.
    pub heartbeat: u8,
    /// In how many units it expires, by a right clock.
    pub expires: i8,
}

/// A waiter as the model knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Waiting {
    /// Whose heartbeat it watches, which, and for how long (at most the lease).
    pub watched: Option<(Id, u8, u8)>,
    /// The heartbeat of its next put.
    pub puts: u8,
    /// Whom it may have taken over from.
    pub superseded: Option<Id>,
}

/// A lease as the model knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Leased {
    /// The last heartbeat that succeeded.
    pub heartbeat: u8,
    /// For how long it has counted, at most its length.
    pub age: u8,
    /// For how long the next heartbeat has been tried.
    pub renewing: Option<u8>,
}

/// What the waiter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The item is its own.
    Ours,
    /// It has to wait.
    Held,
    /// It may take over.
    RunOut,
}

/// Lets the real waiter of `task` judge `seen`, looked at `ago` units ago by a task whose
/// wall clock is `skew` units ahead.
pub fn judge(task: Id, waiting: &mut Waiting, seen: Stored, (ago, skew): (u8, i8), lease: u8) -> Judged {
    let mut waiter = waiter(task, *waiting, lease);
    let judged = match waiter.judge(&item(seen, lease), now(ago, skew)) {
        Verdict::Ours => Judged::Ours,
        Verdict::Held { .. } => Judged::Held,
        Verdict::RunOut => Judged::RunOut,
    };
    let candidates =
        [Some((seen.token, seen.heartbeat)), waiting.watched.map(|(token, beat, _)| (token, beat))];
    waiting.watched = candidates.into_iter().flatten().find_map(|(token, heartbeat)| {
        let age = watched_for(&waiter, token, heartbeat)?;
        Some((token, heartbeat, age.min(lease)))
    });
    judged
}

/// Lets the real waiter of `task` begin a put, in place of an item that has run out if
/// there is one. Returns the heartbeat to put.
pub fn start_put(task: Id, waiting: &mut Waiting, instead_of: Option<Stored>, lease: u8) -> u8 {
    let mut waiter = waiter(task, *waiting, lease);
    let instead_of = instead_of.map(|stored| item(stored, lease));
    let heartbeat = small(waiter.start_put(instead_of.as_ref()) - 1);
    waiting.superseded = waiter.superseded().and_then(|token| token.bytes().next()).map(|name| name - b'A');
    waiting.puts = small(waiter.start_put(None) - 1);
    heartbeat
}

/// Whether a task that comes anew gets past `present` if nobody ever changes it.
pub fn newcomer_gets_past(present: Option<Stored>, lease: u8) -> bool {
    let Some(stored) = present else { return true };
    let mut waiter = Waiter::new("newcomer".into());
    let at_once = now(0, 0);
    match waiter.judge(&item(stored, lease), at_once) {
        Verdict::RunOut => true,
        Verdict::Ours => false,
        Verdict::Held { runs_out_in, .. } => {
            let later = Now { monotonic: at_once.monotonic + runs_out_in, wall: at_once.wall + runs_out_in };
            waiter.judge(&item(stored, lease), later) == Verdict::RunOut
        }
    }
}

/// The real lease in this state.
pub fn lease(leased: Leased, length: u8) -> Lease {
    let mut lease = Lease::acquired(units(length), leased.heartbeat.into(), monotonic(leased.age));
    if let Some(age) = leased.renewing {
        lease.start_renewal(monotonic(age));
    }
    lease
}

/// Reads the real lease back.
pub fn leased(lease: &Lease, length: u8) -> Leased {
    let heartbeat = lease.clone().start_renewal(monotonic(0)) - 1;
    let age =
        |lease: &Lease| units_in((monotonic(0) + units(length)).saturating_sub(lease.ends_at())).min(length);
    let next = Stored { token: 0, heartbeat: small(heartbeat + 1), expires: 0 };
    let mut renewed = lease.clone();
    let renewing = renewed.is_renewed_by(Some(&item(next, length)), &token(0)).then(|| age(&renewed));
    Leased { heartbeat: small(heartbeat), age: age(lease), renewing }
}

/// A lease that begins `age` units ago, as the real code counts it.
pub fn acquired(heartbeat: u8, age: u8, length: u8) -> Leased {
    leased(&Lease::acquired(units(length), heartbeat.into(), monotonic(age)), length)
}

/// Asks the real lease whether `present` shows that a refused renewal of `task` had succeeded.
pub fn is_renewed_by(lease: &mut Lease, present: Option<Stored>, task: Id, length: u8) -> bool {
    lease.is_renewed_by(present.map(|stored| item(stored, length)).as_ref(), &token(task))
}

/// The monotonic clock `ago` units ago.
pub fn monotonic(ago: u8) -> Duration {
    Duration::from_secs((PRESENT - u64::from(ago)) * UNIT)
}

/// The real waiter in this state, after one put more: the one that tells it whom it may
/// have taken over from.
fn waiter(task: Id, waiting: Waiting, lease: u8) -> Waiter {
    let mut waiter = Waiter::new(token(task));
    waiter.start_put(waiting.superseded.map(|token| unexpired(token, 0, lease)).as_ref());
    for _ in 0..waiting.puts {
        waiter.start_put(None);
    }
    if let Some((token, heartbeat, age)) = waiting.watched {
        waiter.judge(&unexpired(token, heartbeat, lease), now(age, 0));
    }
    waiter
}

/// For how long `waiter` has watched this heartbeat: asked one unit later, so that
/// something new can be told from something just seen.
fn watched_for(waiter: &Waiter, token: Id, heartbeat: u8) -> Option<u8> {
    let then = Now { monotonic: monotonic(0) + units(1), ..now(0, 0) };
    match waiter.clone().judge(&unexpired(token, heartbeat, u8::MAX), then) {
        Verdict::Held { silent, .. } => units_in(silent).checked_sub(1),
        _ => None,
    }
}

fn unexpired(token: Id, heartbeat: u8, lease: u8) -> Item {
    item(Stored { token, heartbeat, expires: i8::MAX }, lease)
}

fn item(stored: Stored, lease: u8) -> Item {
    let holder = (stored.token != SCRIPT).then(|| Holder {
        owner: String::new(),
        token: token(stored.token),
        heartbeat: stored.heartbeat.into(),
        lease: units(lease),
        acquired_at: String::new(),
    });
    Item { id: String::new(), expires_at: wall(stored.expires).as_secs().cast_signed(), holder }
}

fn now(ago: u8, skew: i8) -> Now {
    Now { monotonic: monotonic(ago), wall: wall(skew).saturating_sub(units(ago)) }
}

fn token(task: Id) -> String {
    char::from(b'A' + task).to_string()
}

fn wall(ahead: i8) -> Duration {
    Duration::from_secs(PRESENT.saturating_add_signed(ahead.into()) * UNIT)
}

fn units(count: u8) -> Duration {
    Duration::from_secs(u64::from(count) * UNIT)
}

fn units_in(duration: Duration) -> u8 {
    small(duration.as_secs() / UNIT)
}

fn small(number: u64) -> u8 {
    u8::try_from(number).expect("the model keeps numbers small")
}
