//! Keeping the lock: renewals while work goes on, and the end of work when the lease
//! is lost.
//!
//! Promises that work is let go on only while the lease runs by our own clock, which is
//! asked before every step of it, so that even a process that was paused as a whole
//! stops when it wakes up; and that whoever loses the lock says how.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use super::state::Lease;
use super::store::Put;
use super::{Error, Lock};

/// The shortest and the longest pause after a renewal that failed.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How the lock was lost while working.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The lease ran out: nothing confirmed it in time.
    #[error(
        "the lock {id:?} was lost to an outage: the lease of {lease} s was not confirmed for {unconfirmed} s ({trouble}); \
         the work was stopped and rolled back, start the task again"
    )]
    Outage {
        /// The key.
        id: String,
        /// The lease's length in seconds.
        lease: u64,
        /// For how many seconds nothing confirmed it.
        unconfirmed: u64,
        /// What kept us from renewing it.
        trouble: String,
    },
    /// Somebody else has the lock, or has deleted it.
    #[error(
        "the lock {id:?} was stolen while working: it is {thief}; \
         the work was stopped and rolled back, start the task again"
    )]
    Theft {
        /// The key.
        id: String,
        /// Who has it now.
        thief: String,
    },
}

/// What is known of the lock while it is ours.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// When this claim was put, for people.
    pub(super) acquired_at: Option<String>,
    lease: Option<Lease>,
    trouble: Option<String>,
    thief: Option<String>,
}

impl Keeping {
    /// The lock is ours, by this lease.
    pub(super) fn begin(&mut self, lease: Lease) {
        self.lease = Some(lease);
    }
}

impl Lock {
    /// Does `work` while the lock is kept; drops it where it stands when the lock is lost.
    ///
    /// # Errors
    /// How the lock was lost.
    pub async fn while_held<T>(&self, work: impl Future<Output = T>) -> Result<T, Lost> {
        let mut keeping = pin!(self.keep());
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Some(lost) = self.lost() {
                return Poll::Ready(Err(lost));
            }
            if let Poll::Ready(lost) = keeping.as_mut().poll(context) {
                return Poll::Ready(Err(lost));
            }
            work.as_mut().poll(context).map(Ok)
        })
        .await
    }

    /// Renews the lease again and again, until it is lost.
    async fn keep(&self) -> Lost {
        loop {
            tokio::time::sleep(self.until_next_renewal()).await;
            if let Some(lost) = self.lost() {
                return lost;
            }
            self.renew().await;
        }
    }

    /// One try to renew the lease.
    async fn renew(&self) {
        let sent = self.now().monotonic;
        let (heartbeat, left) = match &mut self.keeping().lease {
            Some(lease) => (lease.start_renewal(sent), lease.ends_at().saturating_sub(sent)),
            None => return,
        };
        let put = tokio::time::timeout(left, self.store.put_renewal(&self.item(heartbeat))).await;
        let mut keeping = self.keeping();
        let Keeping { lease: Some(lease), trouble, thief, .. } = &mut *keeping else { return };
        match put {
            Ok(Ok(Put::Done)) => {
                lease.renewed(sent);
                *trouble = None;
                tracing::debug!(step = "lock", heartbeat, "lock renewed");
            }
            Ok(Ok(Put::Refused(present))) => {
                if !lease.is_renewed_by(present.as_ref(), &self.token) {
                    let holder = present.map(|item| format!("held by {} now", item.holder_for_people()));
                    *thief = Some(holder.unwrap_or_else(|| "deleted".into()));
                }
            }
            Ok(Err(error)) => *trouble = Some(tell_trouble(&error)),
            Err(_) => *trouble = Some("no answer from DynamoDB".into()),
        }
    }

    /// How long to sleep before the next try to renew.
    fn until_next_renewal(&self) -> Duration {
        let now = self.now().monotonic;
        let keeping = self.keeping();
        let Some(lease) = &keeping.lease else { return PAUSES.1 };
        let due = if keeping.trouble.is_some() {
            now + (self.settings.lease / 20).clamp(PAUSES.0, PAUSES.1).mul_f64(0.5 + fastrand::f64() / 2.0)
        } else {
            lease.renewal_due_at()
        };
        due.min(lease.ends_at()).saturating_sub(now)
    }

    /// How the lock was lost, if it was.
    fn lost(&self) -> Option<Lost> {
        let now = self.now().monotonic;
        let keeping = self.keeping();
        let id = self.settings.id.clone();
        if let Some(thief) = &keeping.thief {
            return Some(Lost::Theft { id, thief: thief.clone() });
        }
        let lease = keeping.lease.as_ref().filter(|lease| lease.is_over(now))?;
        let paused = || "this process was paused and had no time to renew it".to_owned();
        Some(Lost::Outage {
            id,
            lease: self.settings.lease.as_secs(),
            unconfirmed: lease.unconfirmed(now).as_secs(),
            trouble: keeping.trouble.clone().unwrap_or_else(paused),
        })
    }

    /// The bookkeeping. No lock is held while anything is awaited, and nobody panics
    /// holding it.
    pub(super) fn keeping(&self) -> MutexGuard<'_, Keeping> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell_trouble(error: &Error) -> String {
    tracing::warn!(step = "lock", "the lock could not be renewed, trying again: {error}");
    error.to_string()
}
