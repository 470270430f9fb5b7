//! The watch: whether the server still has the session that migrates.
//!
//! A server that vanishes without a word (its host died, a firewall forgot the connection)
//! goes unnoticed by whoever waits for its answer: the driver sets no TCP keepalive, and a
//! migration may rightly take hours. Promises to notice it all the same, by asking over
//! another connection; and that work is never given up because it is slow, or because the
//! server is too full for another connection: only after the server has said for a while
//! that the session is gone, or nothing at all.

use std::sync::atomic::Ordering;
use std::time::Instant;

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::{Database, Error, PING_BUDGET, SESSION_NAME};

impl Database {
    /// Does `work` while its session lives; drops it where it stands otherwise.
    ///
    /// # Errors
    /// [`Error::Vanished`] a lease after the work itself should have got another session.
    pub async fn while_alive<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            done = work => Ok(done),
            vanished = self.watch() => Err(vanished),
        }
    }

    /// Looks once in a lease; returns when the session has been gone for too long.
    async fn watch(&self) -> Error {
        let patience = self.settings.connect_timeout + self.lock.lease;
        let mut last_sign = Instant::now();
        loop {
            tokio::time::sleep(self.lock.lease).await;
            let Some(detail) = self.sign_of_death().await else {
                last_sign = Instant::now();
                continue;
            };
            tracing::debug!(step = "watch", "no sign of life from the session: {detail}");
            if last_sign.elapsed() > patience {
                let target = self.settings.target.to_string();
                return Error::Vanished { target, detail, silent: last_sign.elapsed() };
            }
        }
    }

    /// Why the session seems to be gone, if it does.
    async fn sign_of_death(&self) -> Option<String> {
        let pid = self.working_as.load(Ordering::Relaxed);
        if pid == 0 {
            return None;
        }
        match tokio::time::timeout(PING_BUDGET, self.has_session(pid)).await {
            // A server that refuses us lives, and there is no telling.
            Ok(Ok(true) | Err(sqlx::Error::Database(_))) => None,
            Ok(Ok(false)) => Some(format!("it has no session with pid {pid} any more")),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {PING_BUDGET:?}")),
        }
    }

    async fn has_session(&self, pid: i32) -> Result<bool, sqlx::Error> {
        let mut visit = PgConnection::connect_with(&self.options(SESSION_NAME)).await?;
        let found = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)");
        let found = found.bind(pid).fetch_one(&mut visit).await?;
        visit.close().await?;
        Ok(found)
    }
}
