//! What goes wrong while connecting, and whether trying again can mend it.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use crate::settings::DatabaseTarget;
use crate::wording;

/// Why there is no database session.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that TLS needs is not there, or not for us.
    #[error(
        "can't read the {kind} {path}: {source}; correct {parameter}, or put the file there for this user to read"
    )]
    File {
        /// What should be in it.
        kind: &'static str,
        /// What names it.
        parameter: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The driver can't use what it was given.
    #[error("connecting to {target}: {detail}; correct sslcert and sslkey, or user and password")]
    Misconfigured {
        /// Host, database and role.
        target: String,
        /// What the driver said.
        detail: String,
    },
    /// The server refuses this role or its password.
    #[error(
        "{target} refuses to log us in: {detail} (SQLSTATE {sqlstate}); check user, password and pg_hba.conf"
    )]
    Refused {
        /// Host, database and role.
        target: String,
        /// What the server said.
        detail: String,
        /// Its code.
        sqlstate: String,
    },
    /// The server has no such database.
    #[error("connecting to {target}: {detail} (SQLSTATE 3D000); create the database or correct its name")]
    NoDatabase {
        /// Host, database and role.
        target: String,
        /// What the server said.
        detail: String,
    },
    /// TLS failed.
    #[error(
        "connecting to {target} over TLS: {detail}; check sslmode and sslrootcert against the server's certificate"
    )]
    Tls {
        /// Host, database and role.
        target: String,
        /// What TLS said.
        detail: String,
    },
    /// The server answers, but not as one that can be worked with.
    #[error(
        "connecting to {target}: {detail} (SQLSTATE {sqlstate}); check that it is a PostgreSQL server without restrictions on sessions"
    )]
    Unusable {
        /// Host, database and role.
        target: String,
        /// What the server said.
        detail: String,
        /// Its code.
        sqlstate: String,
    },
    /// A pooler shares the server's sessions.
    #[error(
        "{target} is a pooler that gives each transaction to another session (PgBouncer's pool_mode transaction \
         or statement); a session can't be fenced there: connect to the server itself, or to a pool in session mode"
    )]
    Pooled {
        /// Host, database and role.
        target: String,
    },
    /// Another session keeps the fence.
    #[error(
        "gave up waiting for {target} after {} s: another session is migrating it: {holder}; \
         end that session if it is stuck, or start the task again later", waited.as_secs()
    )]
    Fenced {
        /// Host, database and role.
        target: String,
        /// The session that has the fence.
        holder: String,
        /// How long we waited.
        waited: Duration,
    },
    /// The session that migrates is gone, and nobody has told us.
    #[error(
        "{target} has vanished while we were at work: {detail}, for {} s; the server rolls back what was open when it \
         notices; check its state and the network (a failover?), then start the task again", silent.as_secs()
    )]
    Vanished {
        /// Host, database and role.
        target: String,
        /// What was seen last.
        detail: String,
        /// For how long there was no sign of life.
        silent: Duration,
    },
    /// A session was had, and then no answer in it.
    #[error(
        "{target} does not answer, waited for {} s; check that it runs and is not overloaded, and in pg_locks \
         whether another session keeps what we read", waited.as_secs()
    )]
    Silent {
        /// Host, database and role.
        target: String,
        /// How long we waited.
        waited: Duration,
    },
    /// No session within the time allowed.
    #[error(
        "can't reach {target}, tried for {tried:?}: {detail}; check that it runs, its host and port, \
         security groups, and DB_CONNECT_TIMEOUT if it takes longer to wake"
    )]
    Unreachable {
        /// Host, database and role.
        target: String,
        /// How long we tried.
        tried: Duration,
        /// The last try's error.
        detail: String,
    },
}

/// The SQLSTATE of a server's error.
pub fn sqlstate(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
}

/// Whether a later try may succeed: the network, or a server that is starting,
/// stopping or full (PostgreSQL documentation, "PostgreSQL Error Codes").
pub fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => !is_certificate_fault(error),
        sqlx::Error::Database(_) => {
            matches!(sqlstate(error).as_deref(), Some("57P03" | "57P02" | "57P01" | "53300"))
        }
        _ => false,
    }
}

/// The handshake reports a certificate that does not verify as invalid data.
fn is_certificate_fault(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData)
}

/// Tells what kind of trouble a try to connect met.
pub fn classify(error: &sqlx::Error, target: &DatabaseTarget, tried: Duration) -> Error {
    let target = target.to_string();
    let detail = match error.as_database_error() {
        Some(answer) => answer.message().to_owned(),
        None => wording::chain(error),
    };
    match sqlstate(error).as_deref() {
        Some(code @ ("28P01" | "28000" | "42501")) => {
            Error::Refused { target, detail, sqlstate: code.to_owned() }
        }
        Some("3D000") => Error::NoDatabase { target, detail },
        Some(code) if !is_passing(error) => Error::Unusable { target, detail, sqlstate: code.to_owned() },
        // A key that is none, or a name or password with characters that are not allowed there.
        None if matches!(error, sqlx::Error::Configuration(_)) => Error::Misconfigured { target, detail },
        None if matches!(error, sqlx::Error::Tls(_)) || is_certificate_fault(error) => {
            Error::Tls { target, detail }
        }
        _ => Error::Unreachable { target, tried: whole_millis(tried), detail },
    }
}

/// No session within the time allowed; `last` is what the last completed try met.
pub fn timed_out(last: Option<&sqlx::Error>, target: &DatabaseTarget, tried: Duration) -> Error {
    match last {
        Some(error) => classify(error, target, tried),
        None => Error::Unreachable {
            target: target.to_string(),
            tried: whole_millis(tried),
            detail: "no answer".into(),
        },
    }
}

fn whole_millis(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
