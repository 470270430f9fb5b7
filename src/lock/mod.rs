//! The lock: at most one task at a time writes the config and migrates.
//!
//! Promises mutual exclusion among these binaries and with `init.sh`, that nothing
//! is removed that isn't ours, and that waiting is bounded and told.
//!
//! # Protocol
//! One item in DynamoDB, key `lock_id` (see [`item`] for its attributes). What may be
//! done when is decided in [`state`], apart from any request.
//!
//! 1. **Acquire**: put our item on condition that there is none. A refusal brings the
//!    present item with it; if that bears *our* token, the answer to an earlier try was
//!    lost, and a renewal makes sure of the lease. Each put has a heartbeat of its own,
//!    so that one that arrives late is never taken for another.
//! 2. **Judge** the present item: held, or run out. If it has run out, put ours on
//!    condition that the very item seen is still there, so that of several waiters one
//!    succeeds. The superseded token is reported: its database sessions must end.
//! 3. Otherwise **wait**: a jittered pause that grows up to the poll interval and is
//!    cut short where the item's end is known. Then again from 1, until `MAX_WAIT`.
//! 4. **Keep**: a third of the lease after the last renewal, put our item with the next
//!    heartbeat on condition that it is still ours and has not had this one. Failed tries
//!    are repeated until the lease is over by our own clock; then work stops.
//! 5. **Release**: delete on condition that the token is ours. A refusal means that the
//!    item is gone or another's, and is left alone.
//!
//! # Limits
//! A lease can't stop a process that is paused between looking at its clock and acting.
//! What protects the data then is the fence in the database. A put whose answer is lost
//! may arrive after we have given up and left; it then stands until its lease is over.

pub mod item;
mod keeping;
pub mod look;
pub mod state;
mod store;

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::aws::{self, Clients};
use crate::pacing::{Backoff, Patience, TELL_EVERY, Telling};
use crate::settings::LockSettings;
use crate::stop::{Cause, Stop};
use crate::wording::millis;
use item::{Holder, Item};
use keeping::Keeping;
pub use keeping::Lost;
use state::{Lease, Now, Verdict, Waiter};
use store::{Deleted, Put, Store};

/// How long releasing may take, all tries together; ECS kills 30 s after SIGTERM.
const RELEASE_BUDGET: Duration = Duration::from_secs(10);
/// How long to try to take back a put whose fate is unknown, when we leave without the lock.
const TAKE_BACK_BUDGET: Duration = Duration::from_secs(2);
/// A waiter looks at least this often in a lease, so that it learns of the last sign of
/// life soon and takes over soon after the lease.
const LOOKS_PER_LEASE: u32 = 30;

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
    /// The lock was ours and is not any more.
    #[error(transparent)]
    Lost(#[from] Lost),
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
        /// The token that it was taken over from, if its holder was dead, or may have been.
        superseded: Option<String>,
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
    started: Instant,
    keeping: Mutex<Keeping>,
}

impl Lock {
    /// A claim that is not made yet, with a token of its own.
    pub fn new(clients: &Clients, settings: LockSettings, owner: String) -> Self {
        Self {
            store: Store::new(clients, &settings),
            settings,
            owner,
            token: Uuid::new_v4().to_string(),
            started: Instant::now(),
            keeping: Mutex::default(),
        }
    }

    /// What identifies this claim, in the item and in the database session's name.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Waits for the lock, for at most `MAX_WAIT`. Work under it belongs into
    /// [`Lock::while_held`], right away: the lease is running.
    ///
    /// A request that may change the lock is never dropped half-way: `stop` is heeded
    /// between requests, so that whoever returns knows whether the lock is held.
    ///
    /// # Errors
    /// [`Error::GaveUp`] after `MAX_WAIT`; at once for whatever waiting can't mend.
    pub async fn acquire(&self, stop: &Stop) -> Result<Acquired, Error> {
        let mut waiting = Waiting::new(self);
        loop {
            let obstacle = match self.attempt(&mut waiting.waiter).await {
                Ok(Attempt::Held { superseded }) => {
                    return Ok(Acquired::Held { superseded });
                }
                Ok(Attempt::Blocked(blocked)) => Obstacle::Held(blocked),
                Err(Error::Aws(error)) if error.kind.is_transient() => Obstacle::NoAnswer(error),
                Err(error) => return Err(error),
            };
            let Some(pause) = waiting.next_pause(&obstacle) else {
                self.take_back(&obstacle).await;
                return Err(self.give_up(obstacle, waiting.so_far()));
            };
            waiting.tell(&obstacle);
            if let Err(cause) = stop.unless(tokio::time::sleep(pause)).await {
                self.take_back(&obstacle).await;
                return Ok(Acquired::Stopped(cause));
            }
        }
    }

    /// One try to get the lock.
    async fn attempt(&self, waiter: &mut Waiter) -> Result<Attempt, Error> {
        let mut run_out: Option<Item> = None;
        loop {
            let sent = self.now().monotonic;
            let heartbeat = waiter.start_put(run_out.as_ref());
            // The time of this put: all before it were refused, or are as good as refused.
            self.keeping().acquired_at = None;
            let put = match &run_out {
                None => self.store.put_if_absent(&self.item(heartbeat)).await?,
                Some(seen) => self.store.put_instead_of(seen, &self.item(heartbeat)).await?,
            };
            let present = match put {
                Put::Done => {
                    if let Some(run_out) = run_out.take() {
                        tell_take_over(&run_out);
                    }
                    if self.begin(heartbeat, sent) || self.confirm(waiter).await? {
                        return Ok(Attempt::held(waiter));
                    }
                    continue;
                }
                Put::Refused(present) => present,
            };
            let Some(item) = present else {
                // It has gone between our look and our put: try at once again.
                run_out.take().ok_or_else(|| self.store.untold())?;
                continue;
            };
            if run_out.take().is_some_and(|seen| seen == item) {
                return Err(self.store.no_lock("it refuses to be replaced though it is unchanged".into()));
            }
            match waiter.judge(&item, self.now()) {
                Verdict::RunOut => run_out = Some(item),
                Verdict::Held { silent, runs_out_in } => {
                    return Ok(Attempt::Blocked(Blocked { item, silent, runs_out_in }));
                }
                Verdict::Ours if self.confirm(waiter).await? => {
                    tracing::info!(
                        step = "lock",
                        "the answer to an earlier try was lost: the lock is ours already"
                    );
                    return Ok(Attempt::held(waiter));
                }
                Verdict::Ours => {}
            }
        }
    }

    /// Makes sure of a lock that we hold by a put which arrived nobody knows when: its answer
    /// was lost, or it took tries for so long that its lease is hardly worth anything. The
    /// lease begins with a renewal. False if that was refused.
    async fn confirm(&self, waiter: &mut Waiter) -> Result<bool, Error> {
        let heartbeat = waiter.start_put(None);
        let sent = self.now().monotonic;
        let put = self.store.put_renewal(&self.item(heartbeat)).await?;
        let confirmed = matches!(put, Put::Done);
        if confirmed {
            self.begin(heartbeat, sent);
        }
        Ok(confirmed)
    }

    /// The lease begins. Whether there is time to work in it before it is to be renewed.
    fn begin(&self, heartbeat: u64, sent: Duration) -> bool {
        let lease = Lease::acquired(self.settings.lease, heartbeat, sent);
        let has_time = lease.renewal_due_at() > self.now().monotonic;
        self.keeping().begin(lease);
        has_time
    }

    /// Our item with this heartbeat.
    fn item(&self, heartbeat: u64) -> Item {
        Item {
            id: self.settings.id.clone(),
            expires_at: self.now().epoch_seconds() + self.settings.ttl.as_secs().cast_signed(),
            holder: Some(Holder {
                owner: self.owner.clone(),
                token: self.token.clone(),
                heartbeat,
                lease: self.settings.lease,
                acquired_at: self.keeping().acquired_at.get_or_insert_with(now_rfc3339).clone(),
            }),
        }
    }

    fn give_up(&self, obstacle: Obstacle, waited: Duration) -> Error {
        match obstacle {
            Obstacle::NoAnswer(error) => error.into(),
            Obstacle::Held(blocked) => Error::GaveUp {
                table: self.settings.table.clone(),
                id: self.settings.id.clone(),
                holder: blocked.item.holder_for_people(),
                waited,
            },
        }
    }

    /// When we leave without an answer to our last put, it may have succeeded all the same.
    async fn take_back(&self, obstacle: &Obstacle) {
        if matches!(obstacle, Obstacle::NoAnswer(_)) {
            let deleted = tokio::time::timeout(TAKE_BACK_BUDGET, self.store.delete_if(&self.token)).await;
            tracing::debug!(step = "lock", "took back a put whose fate was unknown: {deleted:?}");
        }
    }

    /// Gives the lock back, if it is still ours. Never fails: what can't be done is
    /// told in the log, and the item runs out by itself.
    pub async fn release(&self) {
        let started = Instant::now();
        let deleted = tokio::time::timeout(RELEASE_BUDGET, self.store.delete_if(&self.token)).await;
        let duration_ms = millis(started.elapsed());
        let lease = self.settings.lease.as_secs();
        match deleted {
            Ok(Ok(Deleted::Done)) => tracing::info!(step = "release", duration_ms, "lock released"),
            Ok(Ok(Deleted::WasGone)) => {
                tracing::info!(step = "release", duration_ms, "lock released: no item is left");
            }
            Ok(Ok(Deleted::AnothersNow(item))) => tracing::error!(
                step = "release",
                duration_ms,
                "the lock is another's now and is left alone: held by {}",
                item.holder_for_people()
            ),
            Ok(Err(error)) => tracing::error!(
                step = "release",
                duration_ms,
                "the lock could not be released, others take over after {lease} s: {error}"
            ),
            Err(_) => tracing::error!(
                step = "release",
                duration_ms,
                "the lock could not be released within {RELEASE_BUDGET:?}, others take over after {lease} s; \
                 check that DynamoDB is reachable"
            ),
        }
    }

    fn now(&self) -> Now {
        now_since(self.started)
    }
}

/// How a try ended.
enum Attempt {
    Held { superseded: Option<String> },
    Blocked(Blocked),
}

impl Attempt {
    fn held(waiter: &Waiter) -> Self {
        Self::Held { superseded: waiter.superseded().map(str::to_owned) }
    }
}

/// A holder that is in the way, and what we know of it.
struct Blocked {
    item: Item,
    silent: Duration,
    runs_out_in: Duration,
}

/// What keeps us from the lock.
enum Obstacle {
    Held(Blocked),
    NoAnswer(aws::Error),
}

fn tell_take_over(run_out: &Item) {
    let holder = run_out.holder_for_people();
    tracing::warn!(step = "lock", holder, "took over a lock that had run out: held by {holder}");
}

/// The bookkeeping of one wait.
struct Waiting<'a> {
    settings: &'a LockSettings,
    waiter: Waiter,
    started: Instant,
    patience: Patience,
    telling: Telling,
    backoff: Backoff,
}

impl<'a> Waiting<'a> {
    fn new(lock: &'a Lock) -> Self {
        let settings = &lock.settings;
        Self {
            settings,
            waiter: Waiter::new(lock.token.clone()),
            started: Instant::now(),
            patience: Patience::new(settings.max_wait, aws::SILENCE_BUDGET),
            telling: Telling::every(TELL_EVERY),
            backoff: Backoff::new(settings.poll_interval.min(settings.lease / LOOKS_PER_LEASE)),
        }
    }

    fn so_far(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long to pause before the next try; `None` when patience is at its end.
    fn next_pause(&mut self, obstacle: &Obstacle) -> Option<Duration> {
        let mut pause = self.backoff.next(fastrand::f64());
        let is_answer = match obstacle {
            Obstacle::Held(blocked) => {
                pause = pause.min(blocked.runs_out_in);
                true
            }
            Obstacle::NoAnswer(error) => error.kind == aws::Kind::Busy,
        };
        let left = self.patience.left(self.so_far(), is_answer);
        (!left.is_zero()).then(|| pause.min(left))
    }

    /// Says that we wait, for whom and how long already, when that is due.
    fn tell(&mut self, obstacle: &Obstacle) {
        let waited = self.so_far();
        if !self.telling.is_due(waited) {
            return;
        }
        let waited_ms = millis(waited);
        let patience =
            format!("waited {} s of at most {} s", waited.as_secs(), self.settings.max_wait.as_secs());
        match obstacle {
            Obstacle::Held(Blocked { item, silent, .. }) => {
                let holder = item.holder_for_people();
                let silent_ms = millis(*silent);
                let id = &self.settings.id;
                tracing::info!(
                    step = "lock",
                    holder,
                    silent_ms,
                    waited_ms,
                    "waiting for lock {id:?}: held by {holder}, silent for {} s; {patience}",
                    silent.as_secs()
                );
            }
            Obstacle::NoAnswer(error) => {
                tracing::warn!(step = "lock", waited_ms, "no answer yet: {error}; {patience}");
            }
        }
    }
}

/// What time it is; the monotonic clock counts from `started`.
pub fn now_since(started: Instant) -> Now {
    Now {
        monotonic: started.elapsed(),
        wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
    }
}

fn now_rfc3339() -> String {
    let now = time::OffsetDateTime::now_utc().truncate_to_second();
    now.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
