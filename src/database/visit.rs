//! Visits: sessions that look and leave, for the commands beside the job.
//!
//! Promises that a visit changes no setting and takes no lock, and that whoever removes a
//! lock by hand can end what its holder has left in the database.

use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::{Database, END_BUDGET, Error, SESSION_NAME, end_all, fault, session_name};

impl Database {
    /// Connects as the job would, with its patience, and prepares nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn visit(&self) -> Result<PgConnection, Error> {
        self.check_files()?;
        self.connect_as(SESSION_NAME, Instant::now()).await
    }

    /// Reads an error of a statement that a visit sent.
    pub fn read_error(&self, error: &sqlx::Error) -> Error {
        self.fault(error, Instant::now())
    }

    /// What there is to say when no answer came to what a visit has asked.
    pub fn silence(&self, waited: Duration) -> Error {
        Error::Silent { target: self.settings.target.to_string(), waited }
    }

    /// Ends every session of the holder with that token and waits until none is left.
    /// Returns how many there were.
    ///
    /// # Errors
    /// The server can't be reached, or refuses: the sessions are another role's.
    pub async fn end_sessions_of(&self, token: &str) -> Result<u64, Error> {
        let started = Instant::now();
        let mut session = self.visit().await?;
        let name = session_name(token);
        match tokio::time::timeout(END_BUDGET, end_all(&mut session, &name)).await {
            Ok(Ok(count)) => {
                let _ = session.close().await;
                Ok(count)
            }
            Ok(Err(error)) => Err(self.fault(&error, started)),
            Err(_) => Err(fault::timed_out(None, &self.settings.target, started.elapsed())),
        }
    }
}
