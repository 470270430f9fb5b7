//! The pace of waiting: how long to pause between two tries, and when to speak.

use std::time::Duration;

/// The first pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// By how much each pause is longer than the one before.
const GROWTH: f64 = 1.6;

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

/// How often to tell that something is still being waited for.
pub const TELL_EVERY: Duration = Duration::from_secs(10);

/// Says when it is time to tell again that something is being waited for: at once, then
/// every so often.
#[derive(Debug)]
pub struct Telling {
    every: Duration,
    last: Option<Duration>,
}

impl Telling {
    /// Nothing is told yet.
    pub fn every(every: Duration) -> Self {
        Self { every, last: None }
    }

    /// Whether to speak `so_far` into the waiting; if so, that is noted.
    pub fn is_due(&mut self, so_far: Duration) -> bool {
        let due = self.last.is_none_or(|last| so_far.saturating_sub(last) >= self.every);
        if due {
            self.last = Some(so_far);
        }
        due
    }
}

/// For how long to go on trying: longer with somebody who answers, be it with a refusal, than
/// with somebody who is silent.
#[derive(Debug)]
pub struct Patience {
    most: Duration,
    in_silence: Duration,
    answered: Duration,
}

impl Patience {
    /// `most` in all, of it `in_silence` without any answer.
    pub fn new(most: Duration, in_silence: Duration) -> Self {
        Self { most, in_silence, answered: Duration::ZERO }
    }

    /// What is left of it when a try ends `so_far` into the waiting, with an answer or without.
    pub fn left(&mut self, so_far: Duration, is_answer: bool) -> Duration {
        let left = self.most.saturating_sub(so_far);
        if is_answer {
            self.answered = so_far;
            return left;
        }
        left.min(self.in_silence.saturating_sub(so_far.saturating_sub(self.answered)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_bound_and_are_jittered() {
        let mut slow = Backoff::new(Duration::from_secs(5));
        let pauses: Vec<Duration> = (0..12).map(|_| slow.next(1.0)).collect();
        assert_eq!(pauses[0], FIRST_PAUSE);
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert_eq!(pauses[11], Duration::from_secs(5));
        assert_eq!(Backoff::new(Duration::from_secs(5)).next(0.0), FIRST_PAUSE / 2);
        assert_eq!(Backoff::new(Duration::from_millis(100)).next(1.0), Duration::from_millis(100));
    }

    #[test]
    fn telling_is_due_at_once_and_then_every_so_often() {
        let mut telling = Telling::every(Duration::from_secs(10));
        let due: Vec<u64> = (0..30).filter(|second| telling.is_due(Duration::from_secs(*second))).collect();
        assert_eq!(due, [0, 10, 20]);
    }

    #[test]
    fn patience_is_longer_with_somebody_who_answers() {
        let seconds = Duration::from_secs;
        let mut patience = Patience::new(seconds(300), seconds(30));
        assert_eq!(patience.left(seconds(29), false), seconds(1));
        assert_eq!(patience.left(seconds(40), true), seconds(260));
        assert_eq!(patience.left(seconds(50), false), seconds(20));
        assert_eq!(patience.left(seconds(70), false), Duration::ZERO);
        assert_eq!(patience.left(seconds(295), true), seconds(5));
        assert_eq!(patience.left(seconds(299), false), seconds(1));
        assert_eq!(patience.left(seconds(301), true), Duration::ZERO);
    }
}
