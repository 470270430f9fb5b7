//! The lock: at most one task at a time writes the config and migrates.
//!
//! Promises mutual exclusion among these binaries and with `init.sh`, that nothing
//! is removed that isn't ours, and that waiting is bounded and told.
//!
//! # Protocol
//! One item in DynamoDB, key `lock_id` (see [`item`] for its attributes).
//!
//! 1. **Acquire**: put our item on condition that there is none. A refusal brings
//!    the present item with it; if that bears *our* token, the answer to an earlier
//!    try was lost and the lock is ours.
//! 2. **Judge** the present item ([`verdict`]). If it has run out, put ours on
//!    condition that the very item seen is still there, so that of several waiters
//!    one succeeds.
//! 3. Otherwise **wait**: a jittered pause that grows up to the poll interval and is
//!    cut short where the item's end is known. Then again from 1, until `MAX_WAIT`.
//! 4. **Release**: delete on condition that the token is ours. A refusal means that
//!    the item is gone or another's, and is left alone.
//!
//! # Limits
//! Expiry is judged by wall clocks, as `init.sh` does it: a holder that works for
//! longer than `LOCK_TTL` can be overtaken.

pub mod item;
mod store;
mod verdict;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::aws::{self, Clients};
use crate::settings::LockSettings;
use crate::stop::{Cause, Stop};
use crate::wording::millis;
use item::{Holder, Item};
use store::{Deleted, Put, Store};
use verdict::{Backoff, Verdict};

/// How often a waiter says that it waits.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How long DynamoDB may give no answer at all before that is an outage.
const SILENCE_BUDGET: Duration = Duration::from_secs(30);
/// How long releasing may take, all tries together; ECS kills 30 s after SIGTERM.
const RELEASE_BUDGET: Duration = Duration::from_secs(10);

/// Why the lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call failed for good.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// Another holder outlasted our patience.
    #[error(
        "gave up waiting for lock {id:?} in table {table} after {} s: held by {holder}; \
         if that task is dead delete the item, else start again with a longer MAX_WAIT",
        waited.as_secs()
    )]
    GaveUp {
        /// The table.
        table: String,
        /// The key.
        id: String,
        /// Who holds it and since when.
        holder: String,
        /// How long we waited.
        waited: Duration,
    },
    /// The item under the key is no lock.
    #[error("item {id:?} in table {table} is no lock: {reason}; delete it or set another LOCK_ID")]
    WrongItem {
        /// The table.
        table: String,
        /// The key.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The outcome of waiting.
#[derive(Debug)]
pub enum Acquired {
    /// The lock is ours.
    Held {
        /// How long it took to get.
        waited: Duration,
    },
    /// Somebody asked for the end while we waited; the lock is not ours.
    Stopped(Cause),
}

/// One task's claim to one lock.
#[derive(Debug)]
pub struct Lock {
    store: Store,
    settings: LockSettings,
    owner: String,
    token: String,
}

impl Lock {
    /// A claim that is not made yet, with a token of its own.
    pub fn new(clients: &Clients, settings: LockSettings, owner: String) -> Self {
        Self { store: Store::new(clients, &settings), settings, owner, token: Uuid::new_v4().to_string() }
    }

    /// What identifies this claim, in the item and in the database session's name.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Waits for the lock, for at most `MAX_WAIT`.
    ///
    /// A request that may change the lock is never dropped half-way: `stop` is heeded
    /// between requests, so that whoever returns knows whether the lock is held.
    ///
    /// # Errors
    /// [`Error::GaveUp`] after `MAX_WAIT`; at once for whatever waiting can't mend.
    pub async fn acquire(&self, stop: &Stop) -> Result<Acquired, Error> {
        let mut waiting = Waiting::new(&self.settings);
        loop {
            let obstacle = match self.attempt().await {
                Ok(None) => return Ok(Acquired::Held { waited: waiting.so_far() }),
                Ok(Some(item)) => Obstacle::Held(item),
                Err(Error::Aws(error)) if error.kind.is_transient() => Obstacle::NoAnswer(error),
                Err(error) => return Err(error),
            };
            let Some(pause) = waiting.next_pause(&obstacle) else {
                return Err(self.give_up(obstacle, waiting.so_far()));
            };
            self.tell(&mut waiting, &obstacle);
            if let Err(cause) = stop.unless(tokio::time::sleep(pause)).await {
                return Ok(Acquired::Stopped(cause));
            }
        }
    }

    /// One try: `None` when the lock is ours, else the item that is in the way.
    async fn attempt(&self) -> Result<Option<Item>, Error> {
        let ours = self.item();
        let mut run_out: Option<Item> = None;
        loop {
            let put = match &run_out {
                None => self.store.put_if_absent(&ours).await?,
                Some(seen) => self.store.put_instead_of(seen, &ours).await?,
            };
            let present = match put {
                Put::Done => {
                    tell_take_over(run_out.as_ref());
                    return Ok(None);
                }
                Put::Refused(present) => present,
            };
            run_out = match present {
                // Gone between our look and our put.
                None => None,
                Some(item) => match verdict::judge(&item, &self.token, epoch_seconds()) {
                    Verdict::Ours => return Ok(None),
                    Verdict::Held => return Ok(Some(item)),
                    Verdict::RunOut => Some(item),
                },
            };
        }
    }

    fn item(&self) -> Item {
        Item {
            id: self.settings.id.clone(),
            expires_at: epoch_seconds() + self.settings.ttl.as_secs().cast_signed(),
            holder: Some(Holder {
                owner: self.owner.clone(),
                token: self.token.clone(),
                heartbeat: 0,
                lease: self.settings.lease,
                acquired_at: now_rfc3339(),
            }),
        }
    }

    fn give_up(&self, obstacle: Obstacle, waited: Duration) -> Error {
        match obstacle {
            Obstacle::NoAnswer(error) => error.into(),
            Obstacle::Held(item) => Error::GaveUp {
                table: self.settings.table.clone(),
                id: self.settings.id.clone(),
                holder: item.holder_for_people(),
                waited,
            },
        }
    }

    fn tell(&self, waiting: &mut Waiting<'_>, obstacle: &Obstacle) {
        if !waiting.should_tell() {
            return;
        }
        let waited_ms = millis(waiting.so_far());
        let (so_far, most) = (waiting.so_far().as_secs(), self.settings.max_wait.as_secs());
        let patience = format!("waited {so_far} s of at most {most} s");
        match obstacle {
            Obstacle::Held(item) => tracing::info!(
                step = "lock",
                holder = item.holder_for_people(),
                waited_ms,
                "waiting for lock {:?}: held by {}; {patience}",
                self.settings.id,
                item.holder_for_people(),
            ),
            Obstacle::NoAnswer(error) => {
                tracing::warn!(step = "lock", waited_ms, "no answer yet: {error}; {patience}");
            }
        }
    }

    /// Gives the lock back, if it is still ours. Never fails: what can't be done is
    /// told in the log, and the item runs out by itself.
    pub async fn release(&self) {
        let started = Instant::now();
        let deleted = tokio::time::timeout(RELEASE_BUDGET, self.store.delete_if(&self.token)).await;
        let duration_ms = millis(started.elapsed());
        match deleted {
            Ok(Ok(Deleted::Done | Deleted::WasGone)) => {
                tracing::info!(step = "release", duration_ms, "lock released");
            }
            Ok(Ok(Deleted::AnothersNow(item))) => tracing::error!(
                step = "release",
                duration_ms,
                "the lock was no longer ours and is left alone: held by {}; this task worked for longer \
                 than LOCK_TTL, set a longer one",
                item.holder_for_people()
            ),
            Ok(Err(error)) => tracing::error!(
                step = "release",
                duration_ms,
                "the lock could not be released and runs out by itself in {:?}: {error}",
                self.settings.ttl
            ),
            Err(_) => tracing::error!(
                step = "release",
                duration_ms,
                "the lock could not be released within {RELEASE_BUDGET:?} and runs out by itself in {:?}; \
                 check that DynamoDB is reachable",
                self.settings.ttl
            ),
        }
    }
}

fn tell_take_over(run_out: Option<&Item>) {
    if let Some(item) = run_out {
        let holder = item.holder_for_people();
        tracing::warn!(step = "lock", holder, "took over a lock that had run out: held by {holder}");
    }
}

/// What keeps us from the lock.
enum Obstacle {
    Held(Item),
    NoAnswer(aws::Error),
}

/// The bookkeeping of one wait.
struct Waiting<'a> {
    settings: &'a LockSettings,
    started: Instant,
    told: Option<Instant>,
    answered: Instant,
    backoff: Backoff,
}

impl<'a> Waiting<'a> {
    fn new(settings: &'a LockSettings) -> Self {
        let now = Instant::now();
        let backoff = Backoff::new(settings.poll_interval);
        Self { settings, started: now, told: None, answered: now, backoff }
    }

    fn so_far(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long to pause before the next try; `None` when patience is at its end.
    fn next_pause(&mut self, obstacle: &Obstacle) -> Option<Duration> {
        let mut left = self.settings.max_wait.saturating_sub(self.so_far());
        let mut pause = self.backoff.next(fastrand::f64());
        match obstacle {
            Obstacle::Held(item) => {
                self.answered = Instant::now();
                pause = pause.min(verdict::until_run_out(item, epoch_now()));
            }
            Obstacle::NoAnswer(_) => {
                left = left.min(SILENCE_BUDGET.saturating_sub(self.answered.elapsed()));
            }
        }
        (!left.is_zero()).then(|| pause.min(left))
    }

    fn should_tell(&mut self) -> bool {
        let due = self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if due {
            self.told = Some(Instant::now());
        }
        due
    }
}

fn epoch_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn epoch_seconds() -> i64 {
    epoch_now().as_secs().cast_signed()
}

fn now_rfc3339() -> String {
    let now = time::OffsetDateTime::now_utc().truncate_to_second();
    now.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
