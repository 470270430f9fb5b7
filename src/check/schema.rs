//! The schema: whether a run could follow its ledgers, and whether the application would
//! start on it now.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::Verdict;
use crate::exit::ExitCode;
use crate::migrate::look::{GooseUp, Looked};

/// Who holds the lock that the application takes before it migrates.
const APPLICATIONS_LOCK: &str = "SELECT format('%s, pid %s', application_name, pid) \
    FROM pg_locks JOIN pg_stat_activity USING (pid) \
    WHERE locktype = 'advisory' AND granted AND datname = current_database() \
    AND (classid::int8 << 32 | objid::int8) = 3141592653 AND objsubid = 1";

/// Whether a run could follow the ledgers.
pub fn ledgers(looked: &Looked) -> Verdict {
    if let Some(obstacle) = &looked.obstacle {
        return Verdict::error(ExitCode::from(obstacle), &obstacle.to_string());
    }
    let newer = match looked.unknown.as_slice() {
        [] => String::new(),
        versions => format!("; versions {versions:?} are a newer release's"),
    };
    Verdict::ok(match looked.pending.as_slice() {
        [] => format!("version {}, nothing is pending{newer}", looked.version),
        pending => format!("version {}, pending: {}{newer}", looked.version, pending.join(", ")),
    })
}

/// Whether the application's `goose.Up` would succeed now.
pub async fn application(session: &mut PgConnection, looked: &Looked) -> Result<Verdict, sqlx::Error> {
    let holder = sqlx::raw_sql(AssertSqlSafe(APPLICATIONS_LOCK)).fetch_optional(session).await?;
    let holder: Option<String> = holder.map(|row| row.try_get(0)).transpose()?;
    let told = looked.goose.to_string();
    Ok(match (&looked.goose, holder) {
        (GooseUp::WouldFail(_), _) => Verdict::fail(
            ExitCode::MigrationFailed,
            told,
            "give goose_db_version a row (version_id, true) for each version whose changes the schema has, \
             in ascending order",
        ),
        (_, Some(holder)) => Verdict::warn(
            format!("{told}, but a session holds the application's migration lock: {holder}"),
            "an application that starts while it is held for over a second exits: end that session if it is stuck",
        ),
        (GooseUp::WouldApply(_), None) => {
            Verdict::warn(told, "let the init container run first: it migrates before the application starts")
        }
        (GooseUp::NothingToDo, None) => Verdict::ok(told),
    })
}
