//! Unlocking by hand: one holder, shown and then removed with what it left in the database.
//!
//! Promises that nothing is removed that was not shown to whoever consented: an
//! acquisition is known by its token, an `init.sh` task's lock by its `expires_at`, and
//! the delete is conditional on just that. A holder that still lives sees its session
//! end, or its lock gone at the next renewal, and rolls back.

use std::time::Instant;

use crate::aws::Clients;
use crate::database::{self, Database};
use crate::lock::item::Item;
use crate::lock::look::{Look, Removed};
use crate::lock::{self, now_since};
use crate::settings::{LockSettings, Settings};
use crate::status::Present;

/// What was consented to on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The token of the lock that may be removed.
    pub token: Option<String>,
    /// The end of the script's lock that may be removed, in epoch seconds.
    pub expires_at: Option<i64>,
    /// Not to be asked.
    pub yes: bool,
}

impl Consent {
    /// Whether it names a lock.
    pub fn names_one(&self) -> bool {
        self.token.is_some() || self.expires_at.is_some()
    }

    /// Whether `item` is the lock that it names, if it names one.
    pub fn allows(&self, item: &Item) -> bool {
        match (&self.token, self.expires_at) {
            (Some(token), _) => item.token() == Some(token),
            (None, Some(end)) => item.holder.is_none() && item.expires_at == end,
            (None, None) => true,
        }
    }
}

/// A lock that can be shown and then removed.
#[derive(Debug)]
pub struct Unlocking {
    look: Look,
    database: Database,
    settings: LockSettings,
}

/// What has been done.
#[derive(Debug)]
pub enum Unlocked {
    /// The item is gone; so many database sessions were ended, or why they could not be.
    Done(Result<u64, database::Error>),
    /// The item had gone by itself meanwhile; its sessions all the same.
    WasGone(Result<u64, database::Error>),
    /// Another holder stands there now; nothing was removed.
    AnothersNow(Item),
}

impl Unlocking {
    /// Nothing is asked or removed yet.
    pub fn new(clients: &Clients, settings: &Settings) -> Self {
        Self {
            look: Look::new(clients, &settings.lock),
            database: Database::new(settings.database.clone(), settings.lock.clone(), "unlock"),
            settings: settings.lock.clone(),
        }
    }

    /// Who holds the lock, to be shown.
    ///
    /// # Errors
    /// The read failed, or the item is no lock.
    pub async fn holder(&self) -> Result<Option<Present>, lock::Error> {
        let item = self.look.item().await?;
        Ok(item.map(|item| Present::at_one_look(item, &self.settings, now_since(Instant::now()))))
    }

    /// Removes what was `shown`, and ends its sessions.
    ///
    /// # Errors
    /// The delete failed.
    pub async fn remove(&self, shown: &Item) -> Result<Unlocked, lock::Error> {
        match self.look.remove(shown).await? {
            Removed::AnothersNow(item) => Ok(Unlocked::AnothersNow(item)),
            Removed::Done => Ok(Unlocked::Done(self.end_sessions(shown).await)),
            Removed::WasGone => Ok(Unlocked::WasGone(self.end_sessions(shown).await)),
        }
    }

    async fn end_sessions(&self, shown: &Item) -> Result<u64, database::Error> {
        match shown.token() {
            Some(token) => self.database.end_sessions_of(token).await,
            // The script's sessions bear no name of ours.
            None => Ok(0),
        }
    }
}
