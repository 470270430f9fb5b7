//! Looking at the lock from beside: who has it, without taking part in the protocol, and
//! removing by hand what was seen.
//!
//! Promises that a look changes nothing, and that nothing is removed but the very item
//! that was shown: the same acquisition by its token, or the script's by its `expires_at`.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{Holder, Item};
use super::state::{Now, SKEW_ALLOWANCE};
use super::store::{Deleted, Put, Store};
use super::{Error, now_since};
use crate::aws::{Clients, Kind, Modelled};
use crate::settings::LockSettings;

/// One lock, seen from beside.
#[derive(Debug)]
pub struct Look(Store);

/// How removing ended.
#[derive(Debug)]
pub enum Removed {
    /// The item is gone.
    Done,
    /// It had gone already.
    WasGone,
    /// Another stands there now and was left alone.
    AnothersNow(Item),
}

/// What can be said of a holder from one look, by wall clocks: an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// For how long it has given no sign of life.
    pub silent: Duration,
    /// When it counts as dead unless it gives one, in epoch seconds.
    pub dead_at: i64,
}

impl Look {
    /// A look at the item that `settings` name.
    pub fn new(clients: &Clients, settings: &LockSettings) -> Self {
        Self(Store::new(clients, settings))
    }

    /// The item that stands there now, if one does.
    ///
    /// # Errors
    /// The read failed, or the item is no lock.
    pub async fn item(&self) -> Result<Option<Item>, Error> {
        self.0.get().await
    }

    /// Makes each of the protocol's conditional requests once on a key of its own, `id`.
    /// Whether the conditions were kept to.
    ///
    /// # Errors
    /// A request failed.
    pub async fn try_writing(&self, id: &str) -> Result<bool, Error> {
        let item = |heartbeat| Item {
            id: id.to_owned(),
            expires_at: now_since(Instant::now()).epoch_seconds() + SKEW_ALLOWANCE,
            holder: Some(Holder {
                owner: "a check, not a holder".into(),
                token: id.to_owned(),
                heartbeat,
                lease: Duration::from_secs(1),
                acquired_at: String::new(),
            }),
        };
        let first = self.0.put_if_absent(&item(0)).await?;
        let again = self.0.put_if_absent(&item(0)).await?;
        let renewed = self.0.put_renewal(&item(1)).await?;
        let deleted = self.0.delete_if(id).await?;
        let is_refused = matches!(again, Put::Refused(Some(present)) if present.token() == Some(id));
        let is_kept = matches!((first, renewed), (Put::Done, Put::Done));
        Ok(is_refused && is_kept && matches!(deleted, Deleted::Done))
    }

    /// Removes the acquisition that was `seen`. Its renewals since then don't matter.
    ///
    /// # Errors
    /// The delete failed.
    pub async fn remove(&self, seen: &Item) -> Result<Removed, Error> {
        Ok(match self.0.delete_seen(seen).await? {
            Deleted::Done => Removed::Done,
            Deleted::WasGone => Removed::WasGone,
            Deleted::AnothersNow(item) => Removed::AnothersNow(item),
        })
    }
}

/// Reads a holder's last sign of life off the item: each renewal writes `expires_at` one
/// TTL ahead. `ttl` is ours; a holder that was started with another is misjudged by the
/// difference. `None` for the script's item, which gives no signs.
pub fn estimate(item: &Item, ttl: Duration, now: Now) -> Option<Estimate> {
    let holder = item.holder.as_ref()?;
    let renewed_at = item.expires_at.saturating_sub(ttl.as_secs().cast_signed());
    let silent = now.epoch_seconds().saturating_sub(renewed_at).max(0).unsigned_abs();
    let dead_at = renewed_at.saturating_add(holder.lease.as_secs().cast_signed());
    Some(Estimate { silent: Duration::from_secs(silent), dead_at })
}

/// Whether the item has run out for certain by its own words: no watching is needed.
pub fn is_long_over(item: &Item, now: Now) -> bool {
    let allowance = if item.holder.is_some() { SKEW_ALLOWANCE } else { 0 };
    now.epoch_seconds() > item.expires_at.saturating_add(allowance)
}

impl Store {
    /// Reads the item as it stands, with everything that was written before.
    async fn get(&self) -> Result<Option<Item>, Error> {
        let key = AttributeValue::S(self.id.clone());
        let get = self.dynamodb.client.get_item().table_name(&self.table).consistent_read(true);
        let sent = get.key("lock_id", key).send().await;
        let answer = sent.map_err(|error| self.failed("dynamodb:GetItem", &error))?;
        answer.item.as_ref().map(Item::from_attributes).transpose().map_err(|reason| self.no_lock(reason))
    }

    /// Deletes the item if it is the acquisition that was seen.
    async fn delete_seen(&self, seen: &Item) -> Result<Deleted, Error> {
        let delete = self.dynamodb.client.delete_item();
        let delete = match seen.token() {
            Some(token) => {
                let token = AttributeValue::S(token.to_owned());
                delete.condition_expression("#token = :token").expression_attribute_values(":token", token)
            }
            None => delete
                .condition_expression("expires_at = :expires_at AND attribute_not_exists(#token)")
                .expression_attribute_values(":expires_at", AttributeValue::N(seen.expires_at.to_string())),
        };
        self.delete(delete.expression_attribute_names("#token", "token")).await
    }
}

impl Modelled for GetItemError {
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::ResourceNotFoundException(_) => Some(Kind::Missing),
            Self::ProvisionedThroughputExceededException(_)
            | Self::RequestLimitExceeded(_)
            | Self::ThrottlingException(_)
            | Self::InternalServerError(_) => Some(Kind::Busy),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Holder;
    use super::*;

    fn now(wall: u64) -> Now {
        Now { monotonic: Duration::ZERO, wall: Duration::from_secs(wall) }
    }

    fn item(expires_at: i64) -> Item {
        let holder = Holder {
            owner: "somebody".into(),
            token: "t".into(),
            heartbeat: 3,
            lease: Duration::from_secs(30),
            acquired_at: String::new(),
        };
        Item { id: "init".into(), expires_at, holder: Some(holder) }
    }

    #[test]
    fn the_last_sign_of_life_is_one_ttl_before_the_end() {
        let ttl = Duration::from_secs(300);
        let told = estimate(&item(1_300), ttl, now(1_012)).unwrap();
        assert_eq!(told, Estimate { silent: Duration::from_secs(12), dead_at: 1_030 });
        assert_eq!(
            estimate(&item(1_300), ttl, now(900)).unwrap().silent,
            Duration::ZERO,
            "its clock is ahead"
        );
        assert_eq!(estimate(&Item { holder: None, ..item(1_300) }, ttl, now(0)), None);
    }

    #[test]
    fn only_the_allowance_past_the_end_is_certain() {
        assert!(!is_long_over(&item(1_000), now(1_060)));
        assert!(is_long_over(&item(1_000), now(1_061)));
        let scripts = Item { holder: None, ..item(1_000) };
        assert!(!is_long_over(&scripts, now(1_000)));
        assert!(is_long_over(&scripts, now(1_001)));
    }
}
