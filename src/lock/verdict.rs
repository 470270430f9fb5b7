//! The decisions of a waiter, apart from any request: is the lock ours, held, or
//! run out; and how long to pause. Pure functions of what was seen and the time.

use std::time::Duration;

use super::item::Item;

/// By how much two tasks' wall clocks may differ before that is a fault of its own.
pub const SKEW_ALLOWANCE: i64 = 60;
/// The first pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// By how much each pause is longer than the one before.
const GROWTH: f64 = 1.6;

/// What an item that stands in our way means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It bears our token: an earlier put succeeded and its answer was lost.
    Ours,
    /// Its holder is to be waited for.
    Held,
    /// Its time has run out; it may be replaced.
    RunOut,
}

/// Judges an item by the wall clock `now` (epoch seconds).
///
/// The script's own rule is `expires_at < now`, and its items end by it. Items of
/// this binary get the skew allowance on top.
pub fn judge(seen: &Item, our_token: &str, now: i64) -> Verdict {
    if seen.token() == Some(our_token) {
        Verdict::Ours
    } else if last_second(seen) < now {
        Verdict::RunOut
    } else {
        Verdict::Held
    }
}

/// How long until [`judge`] will call the item run out, given the time since the epoch.
pub fn until_run_out(seen: &Item, since_epoch: Duration) -> Duration {
    let first_second_after = last_second(seen).saturating_add(1).max(0).unsigned_abs();
    Duration::from_secs(first_second_after).saturating_sub(since_epoch)
}

/// The last epoch second in which the item still counts.
fn last_second(seen: &Item) -> i64 {
    let allowance = if seen.holder.is_some() { SKEW_ALLOWANCE } else { 0 };
    seen.expires_at.saturating_add(allowance)
}

/// Pauses that grow up to a bound and are jittered, so that many waiters spread out.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    /// Pauses from 200 ms up to `most`.
    pub fn new(most: Duration) -> Self {
        Self { next: FIRST_PAUSE.min(most), most }
    }

    /// The next pause, between half of and the whole bound; `chance` is from 0 to 1.
    pub fn next(&mut self, chance: f64) -> Duration {
        let bound = self.next;
        self.next = bound.mul_f64(GROWTH).min(self.most);
        bound.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Holder;
    use super::*;

    fn scripts(expires_at: i64) -> Item {
        Item { id: "init".into(), expires_at, holder: None }
    }

    fn of_token(token: &str, expires_at: i64) -> Item {
        let holder = Holder {
            owner: "somebody".into(),
            token: token.into(),
            heartbeat: 0,
            lease: Duration::from_secs(30),
            acquired_at: String::new(),
        };
        Item { holder: Some(holder), ..scripts(expires_at) }
    }

    #[test]
    fn our_token_is_ours_even_when_run_out() {
        assert_eq!(judge(&of_token("me", 0), "me", 1_000), Verdict::Ours);
    }

    #[test]
    fn the_scripts_item_ends_by_the_scripts_own_rule() {
        assert_eq!(judge(&scripts(1_000), "me", 1_000), Verdict::Held);
        assert_eq!(judge(&scripts(1_000), "me", 1_001), Verdict::RunOut);
    }

    #[test]
    fn another_holder_gets_the_skew_allowance() {
        assert_eq!(judge(&of_token("other", 1_000), "me", 1_060), Verdict::Held);
        assert_eq!(judge(&of_token("other", 1_000), "me", 1_061), Verdict::RunOut);
    }

    #[test]
    fn waiting_until_the_end_is_exact_and_extremes_do_not_overflow() {
        let now = Duration::from_millis(999_500);
        assert_eq!(until_run_out(&scripts(1_000), now), Duration::from_millis(1_500));
        assert_eq!(until_run_out(&scripts(i64::MIN), now), Duration::ZERO);
        assert!(until_run_out(&of_token("other", i64::MAX), now) > Duration::from_secs(1));
    }

    #[test]
    fn pauses_grow_up_to_the_poll_interval_and_are_jittered() {
        let mut slow = Backoff::new(Duration::from_secs(5));
        let pauses: Vec<Duration> = (0..12).map(|_| slow.next(1.0)).collect();
        assert_eq!(pauses[0], FIRST_PAUSE);
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert_eq!(pauses[11], Duration::from_secs(5));
        assert_eq!(Backoff::new(Duration::from_secs(5)).next(0.0), FIRST_PAUSE / 2);
        assert_eq!(Backoff::new(Duration::from_millis(100)).next(1.0), Duration::from_millis(100));
    }
}
