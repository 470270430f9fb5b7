//! The lock's part of the status: free, held by somebody who lives, or run out.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::aws::Clients;
use crate::lock::item::{Item, rfc3339};
use crate::lock::look::{Estimate, Look, estimate, is_long_over};
use crate::lock::state::{Now, Verdict, Waiter};
use crate::lock::{Error, now_since};
use crate::settings::LockSettings;

/// The longest pause between two looks while watching.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The lock as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockStatus {
    /// The table.
    pub table: String,
    /// The key.
    pub id: String,
    /// What stands there.
    pub present: Option<Present>,
}

/// An item that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// The item.
    pub item: Item,
    /// Whether its holder lives.
    pub life: Life,
    /// For how long it has been silent and when that makes it dead, estimated by the wall
    /// clock; `None` for the script's.
    pub estimate: Option<Estimate>,
    /// For how long it was watched and stayed the same.
    pub watched: Option<Duration>,
}

/// Whether a holder lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It renewed the lock while we watched.
    Alive,
    /// Judged by one look, it lives.
    SeemsAlive,
    /// Judged by one look, it has been silent for longer than its lease.
    SeemsDead,
    /// It has been silent for its whole lease, or its item has run out.
    Dead,
    /// The script's, which gives no sign of life before it ends.
    Unknown,
}

/// Looks, and watches where that is asked for and can tell more.
pub async fn find(clients: &Clients, settings: &LockSettings, watch: bool) -> Result<LockStatus, Error> {
    let (look, started) = (Look::new(clients, settings), Instant::now());
    let item = look.item().await?;
    let present = match item {
        None => None,
        Some(item) => {
            let mut present = Present::at_one_look(item, settings, now_since(started));
            if watch && matches!(present.life, Life::SeemsAlive | Life::SeemsDead) {
                present = match watch_holder(&look, present, settings, started).await? {
                    Some(present) => present,
                    None => return Ok(LockStatus::of(settings, None)),
                };
            }
            Some(present)
        }
    };
    Ok(LockStatus::of(settings, present))
}

/// Watches until the holder renews, another takes its place, or the lease is over by our
/// own clock: as a waiter would. `None` when the lock becomes free.
async fn watch_holder(
    look: &Look,
    first: Present,
    settings: &LockSettings,
    started: Instant,
) -> Result<Option<Present>, Error> {
    let mut waiter = Waiter::new(String::new());
    let since = started.elapsed();
    let mut seen = first.item.clone();
    let pause = (settings.lease / 30).min(LONGEST_PAUSE);
    loop {
        let now = now_since(started);
        let verdict = waiter.judge(&seen, now);
        let life = match verdict {
            _ if seen.holder != first.item.holder => Life::Alive,
            Verdict::RunOut => Life::Dead,
            Verdict::Held { .. } | Verdict::Ours => {
                tokio::time::sleep(pause).await;
                match look.item().await? {
                    Some(item) => seen = item,
                    None => return Ok(None),
                }
                continue;
            }
        };
        let estimate = estimate(&seen, settings.ttl, now);
        let watched = Some(now.monotonic.saturating_sub(since));
        return Ok(Some(Present { item: seen, life, estimate, watched }));
    }
}

impl LockStatus {
    fn of(settings: &LockSettings, present: Option<Present>) -> Self {
        Self { table: settings.table.clone(), id: settings.id.clone(), present }
    }

    /// For people, one statement a line.
    pub fn to_lines(&self) -> Vec<String> {
        let (id, table) = (&self.id, &self.table);
        let Some(present) = &self.present else { return vec![format!("{id:?} in table {table} is free")] };
        let mut lines =
            vec![format!("{id:?} in table {table} is held by {}", present.item.holder_for_people())];
        lines.extend(present.to_lines());
        lines
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let Some(present) = &self.present else {
            return json!({ "table": self.table, "id": self.id, "state": "free" });
        };
        let (item, holder) = (&present.item, present.item.holder.as_ref());
        json!({
            "table": self.table,
            "id": self.id,
            "state": if present.life == Life::Dead { "run out" } else { "held" },
            "kind": if holder.is_some() { "llm-proxy-init" } else { "init.sh" },
            "owner": holder.map(|holder| &holder.owner),
            "token": holder.map(|holder| &holder.token),
            "heartbeat": holder.map(|holder| holder.heartbeat),
            "lease_s": holder.map(|holder| holder.lease.as_secs()),
            "acquired_at": holder.map(|holder| &holder.acquired_at),
            "expires_at": item.expires_at,
            "life": present.life.word(),
            "estimated_silent_s": present.estimate.map(|estimate| estimate.silent.as_secs()),
            "estimated_dead_at": present.estimate.map(|estimate| rfc3339(estimate.dead_at)),
            "watched_s": present.watched.map(|watched| watched.as_secs_f64()),
        })
    }
}

impl Present {
    /// What one look tells.
    pub fn at_one_look(item: Item, settings: &LockSettings, now: Now) -> Self {
        let estimate = estimate(&item, settings.ttl, now);
        let life = match estimate {
            _ if is_long_over(&item, now) => Life::Dead,
            None => Life::Unknown,
            Some(estimate) if now.epoch_seconds() >= estimate.dead_at => Life::SeemsDead,
            Some(_) => Life::SeemsAlive,
        };
        Self { item, life, estimate, watched: None }
    }

    /// What is known of the holder's life, one statement a line.
    pub fn to_lines(&self) -> Vec<String> {
        let Some(holder) = &self.item.holder else {
            let end = rfc3339(self.item.expires_at);
            return vec![match self.life {
                Life::Dead => format!("it ran out at {end}: the next task takes it over"),
                _ => format!(
                    "it gives no sign of life; it runs out at {end} (expires_at {})",
                    self.item.expires_at
                ),
            }];
        };
        let lease = holder.lease.as_secs();
        let mut lines =
            vec![format!("token {}, renewed {} times, lease {lease} s", holder.token, holder.heartbeat)];
        lines.push(match (self.life, self.estimate, self.watched) {
            (Life::Alive, _, Some(watched)) => {
                format!("alive: a sign of life came after {:.1} s of watching", watched.as_secs_f64())
            }
            (Life::Dead, _, Some(watched)) => format!(
                "dead: watched for {:.1} s without a sign of life; the next task takes it over",
                watched.as_secs_f64()
            ),
            (Life::Dead, _, None) => {
                format!("dead: it ran out at {}; the next task takes it over", rfc3339(self.item.expires_at))
            }
            (life, Some(Estimate { silent, dead_at }), _) => {
                let (silent, dead_at) = (silent.as_secs(), rfc3339(dead_at));
                let verdict = if life == Life::SeemsDead { "seems dead" } else { "seems alive" };
                format!(
                    "{verdict}: silent for {silent} s, dead at {dead_at} unless it renews \
                     (estimated from expires_at and LOCK_TTL; --watch makes sure)"
                )
            }
            (life, ..) => life.word().to_owned(),
        });
        lines
    }
}

impl Life {
    /// In one word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::SeemsAlive => "seems alive",
            Self::SeemsDead => "seems dead",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}
