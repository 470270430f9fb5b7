//! The protocol's bookkeeping, apart from any request: what is the state, what may
//! be done next, when is a holder dead. Pure: what was seen and what time it is come
//! in as arguments. The model under `tests/protocol` drives exactly this code through
//! crashes, pauses, skewed clocks and lost messages.
//!
//! Two clocks are told apart. Leases are measured on each process's own *monotonic*
//! clock, as durations; nobody compares such a clock with another's. *Wall* clocks are
//! compared in two cases only: an item of `init.sh`, which knows no other, and one
//! whose `expires_at` lies so far back that nobody can have renewed it for its whole TTL.
//!
//! Why a live holder is never overtaken: it counts its lease from *before* the last
//! successful request was sent; a waiter counts the same lease from *after* it has
//! first seen what that request wrote. So the holder's count ends first.

use std::time::Duration;

use super::item::Item;

/// By how much two tasks' wall clocks may differ before that is a fault of its own.
pub const SKEW_ALLOWANCE: i64 = 60;
/// A lease is renewed each time this part of it is over.
const RENEWALS_PER_LEASE: u32 = 3;

/// What time it is, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since any fixed moment of this process.
    pub monotonic: Duration,
    /// Since the epoch.
    pub wall: Duration,
}

impl Now {
    /// The wall clock in whole seconds, as `init.sh` reads it.
    pub fn epoch_seconds(self) -> i64 {
        self.wall.as_secs().cast_signed()
    }
}

/// What an item that stands in a waiter's way means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It bears our token: an earlier put succeeded and its answer was lost.
    Ours,
    /// Its holder is to be waited for.
    Held {
        /// For how long we have seen no sign of life.
        silent: Duration,
        /// After how long without one the item has run out.
        runs_out_in: Duration,
    },
    /// Its time is over; it may be replaced, if it is still exactly this one.
    RunOut,
}

/// A waiter: it watches the item for signs of life, and counts its own puts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Waiter {
    token: String,
    watched: Option<Watched>,
    puts: u64,
    superseding: Option<String>,
}

/// What was last seen of a holder, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Watched {
    token: String,
    heartbeat: u64,
    since: Duration,
}

impl Waiter {
    /// A waiter that has seen nothing yet; `token` is its own.
    pub fn new(token: String) -> Self {
        Self { token, watched: None, puts: 0, superseding: None }
    }

    /// The heartbeat of the put that is sent now, in place of an item that has run out
    /// if there is one. None is given twice: a put that arrives late must not bring back
    /// what others have watched already, nor pass for a later one.
    pub fn start_put(&mut self, instead_of: Option<&Item>) -> u64 {
        if let Some(token) = instead_of.and_then(Item::token) {
            self.superseding = Some(token.to_owned());
        }
        self.puts += 1;
        self.puts - 1
    }

    /// Whose sessions must end once the lock is ours: the holder that was to be replaced
    /// last. Kept when the answer to that put is lost: it may be what our item is due to.
    pub fn superseded(&self) -> Option<&str> {
        self.superseding.as_deref()
    }

    /// Judges the item that refused our put. `now` is the time *after* the refusal came.
    pub fn judge(&mut self, seen: &Item, now: Now) -> Verdict {
        let Some(holder) = &seen.holder else { return by_wall_clock(seen.expires_at, now) };
        if holder.token == self.token {
            return Verdict::Ours;
        }
        if now.epoch_seconds() > seen.expires_at.saturating_add(SKEW_ALLOWANCE) {
            return Verdict::RunOut;
        }
        let is_new = self
            .watched
            .as_ref()
            .is_none_or(|watched| (&watched.token, watched.heartbeat) != (&holder.token, holder.heartbeat));
        if is_new {
            let (token, heartbeat) = (holder.token.clone(), holder.heartbeat);
            self.watched = Some(Watched { token, heartbeat, since: now.monotonic });
        }
        let since = self.watched.as_ref().map_or(now.monotonic, |watched| watched.since);
        let silent = now.monotonic.saturating_sub(since);
        match holder.lease.checked_sub(silent) {
            Some(runs_out_in) if !runs_out_in.is_zero() => Verdict::Held { silent, runs_out_in },
            _ => Verdict::RunOut,
        }
    }
}

/// The script's own rule: its item has run out when `expires_at` is less than now.
fn by_wall_clock(expires_at: i64, now: Now) -> Verdict {
    if expires_at < now.epoch_seconds() {
        return Verdict::RunOut;
    }
    let first_second_after = Duration::from_secs(expires_at.saturating_add(1).max(0).unsigned_abs());
    Verdict::Held { silent: Duration::ZERO, runs_out_in: first_second_after.saturating_sub(now.wall) }
}

/// A holder's lease. All times are the holder's own monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    length: Duration,
    heartbeat: u64,
    /// When the request was sent that last succeeded.
    since: Duration,
    /// When the next heartbeat was first sent, if that is open.
    renewing_since: Option<Duration>,
}

impl Lease {
    /// A lease by a put of `heartbeat` that was sent at `sent` and succeeded.
    pub fn acquired(length: Duration, heartbeat: u64, sent: Duration) -> Self {
        Self { length, heartbeat, since: sent, renewing_since: None }
    }

    /// When the lease ends unless it is renewed.
    pub fn ends_at(&self) -> Duration {
        self.since + self.length
    }

    /// When it is time to renew.
    pub fn renewal_due_at(&self) -> Duration {
        self.since + self.length / RENEWALS_PER_LEASE
    }

    /// Whether the holder must stop: others may have taken over.
    pub fn is_over(&self, now: Duration) -> bool {
        now >= self.ends_at()
    }

    /// For how long nothing has confirmed the lease.
    pub fn unconfirmed(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }

    /// The heartbeat to send now. Tries of one heartbeat share the first one's time.
    pub fn start_renewal(&mut self, now: Duration) -> u64 {
        self.renewing_since.get_or_insert(now);
        self.heartbeat + 1
    }

    /// A try of the heartbeat, sent at `sent`, succeeded.
    pub fn renewed(&mut self, sent: Duration) {
        self.heartbeat += 1;
        self.since = sent;
        self.renewing_since = None;
    }

    /// A try of the heartbeat was refused by this item. If the item is ours and has the
    /// heartbeat already, an earlier try had succeeded and its answer was lost: true.
    pub fn is_renewed_by(&mut self, present: Option<&Item>, token: &str) -> bool {
        let ours = present.and_then(|item| item.holder.as_ref()).filter(|holder| holder.token == token);
        let Some(sent) =
            self.renewing_since.filter(|_| ours.is_some_and(|holder| holder.heartbeat > self.heartbeat))
        else {
            return false;
        };
        self.renewed(sent);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Holder;
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn at(monotonic: u64, wall: u64) -> Now {
        Now { monotonic: Duration::from_secs(monotonic), wall: Duration::from_secs(wall) }
    }

    fn scripts(expires_at: i64) -> Item {
        Item { id: "init".into(), expires_at, holder: None }
    }

    fn of(token: &str, heartbeat: u64) -> Item {
        let holder = Holder {
            owner: "somebody".into(),
            token: token.into(),
            heartbeat,
            lease: LEASE,
            acquired_at: String::new(),
        };
        Item { holder: Some(holder), ..scripts(1_000) }
    }

    fn held(silent: u64, runs_out_in: u64) -> Verdict {
        Verdict::Held { silent: Duration::from_secs(silent), runs_out_in: Duration::from_secs(runs_out_in) }
    }

    #[test]
    fn our_token_is_ours_even_when_run_out() {
        assert_eq!(Waiter::new("me".into()).judge(&of("me", 0), at(0, 9_999)), Verdict::Ours);
    }

    #[test]
    fn a_holder_is_dead_after_its_lease_without_a_sign_of_life() {
        let mut waiter = Waiter::new("me".into());
        assert_eq!(waiter.judge(&of("other", 1), at(100, 900)), held(0, 30));
        assert_eq!(waiter.judge(&of("other", 1), at(129, 900)), held(29, 1));
        assert_eq!(waiter.judge(&of("other", 2), at(131, 900)), held(0, 30), "it lives");
        assert_eq!(waiter.judge(&of("third", 2), at(160, 900)), held(0, 30), "another holder");
        assert_eq!(waiter.judge(&of("third", 2), at(190, 900)), Verdict::RunOut);
    }

    #[test]
    fn a_wall_clock_that_runs_ahead_does_not_kill_a_live_holder() {
        let mut waiter = Waiter::new("me".into());
        assert_eq!(waiter.judge(&of("other", 1), at(0, 1_060)), held(0, 30));
        assert_eq!(
            waiter.judge(&of("other", 1), at(1, 1_061)),
            Verdict::RunOut,
            "nobody renewed it for its TTL"
        );
    }

    #[test]
    fn the_scripts_item_ends_by_the_scripts_own_rule() {
        let mut waiter = Waiter::new("me".into());
        assert_eq!(waiter.judge(&scripts(1_000), at(0, 1_000)), held(0, 1));
        assert_eq!(waiter.judge(&scripts(1_000), at(0, 1_001)), Verdict::RunOut);
    }

    #[test]
    fn no_two_puts_have_the_same_heartbeat() {
        let mut waiter = Waiter::new("me".into());
        assert_eq!((waiter.start_put(None), waiter.start_put(Some(&of("other", 7)))), (0, 1));
        waiter.judge(&of("me", 1), at(0, 0));
        assert_eq!(waiter.start_put(None), 2);
    }

    #[test]
    fn whoever_was_to_be_replaced_is_known_when_the_answer_was_lost() {
        let mut waiter = Waiter::new("me".into());
        waiter.start_put(Some(&of("other", 1)));
        waiter.start_put(None);
        assert_eq!(waiter.judge(&of("me", 1), at(0, 0)), Verdict::Ours);
        waiter.start_put(Some(&scripts(0)));
        assert_eq!(waiter.superseded(), Some("other"), "the script has no sessions that we know");
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut waiter = Waiter::new("me".into());
        assert_eq!(waiter.judge(&scripts(i64::MIN), at(0, 0)), Verdict::RunOut);
        assert!(matches!(waiter.judge(&scripts(i64::MAX), at(0, 0)), Verdict::Held { .. }));
        let eternal = Item { expires_at: i64::MAX, ..of("other", u64::MAX) };
        assert_eq!(waiter.judge(&eternal, at(0, 0)), held(0, 30));
    }

    #[test]
    fn a_lease_counts_from_before_its_last_success_was_sent() {
        let second = Duration::from_secs;
        let mut lease = Lease::acquired(LEASE, 0, second(5));
        assert_eq!((lease.renewal_due_at(), lease.ends_at()), (second(15), second(35)));
        assert_eq!(lease.start_renewal(second(15)), 1);
        assert_eq!(lease.start_renewal(second(18)), 1, "the same heartbeat until one try has succeeded");
        lease.renewed(second(18));
        assert_eq!(lease.ends_at(), second(48));
        assert_eq!(lease.start_renewal(second(28)), 2);
        assert!(!lease.is_over(second(47)) && lease.is_over(second(48)));
    }

    #[test]
    fn a_lost_answer_to_a_renewal_counts_from_its_first_try() {
        let second = Duration::from_secs;
        let mut lease = Lease::acquired(LEASE, 0, second(0));
        lease.start_renewal(second(10));
        lease.start_renewal(second(20));
        assert!(!lease.is_renewed_by(Some(&of("other", 7)), "me"), "stolen");
        assert!(!lease.is_renewed_by(None, "me"), "gone");
        assert!(!lease.is_renewed_by(Some(&of("me", 0)), "me"), "not written");
        assert!(lease.is_renewed_by(Some(&of("me", 1)), "me"));
        assert_eq!(lease.ends_at(), second(40));
    }
}
