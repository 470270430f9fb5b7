//! Refinery over sqlx: what lets refinery's `Runner` work on a [`PgConnection`].
//!
//! Promises that a migration and its rows in both ledgers are one transaction; that one
//! which must not run in a transaction has its rows written after its last statement, and is
//! not run again when only these can't be written; and that an error tells the statement. The
//! session's time limits are set anew for each migration, whatever the one before it did to
//! them. None of our own statements stays prepared: a migration may end all that are
//! (`DEALLOCATE ALL`), and the driver would not know.

use std::time::Duration;

use refinery::Migration;
use refinery_core::AsyncMigrate;
use refinery_core::traits::r#async::{AsyncQuery, AsyncTransaction};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};

use super::concurrent::Ruin;
use super::source::{Script, Statement};
use super::{concurrent, ledger};

/// A connection that refinery can work on.
pub struct Adapter {
    connection: PgConnection,
    limits: Limits,
    version: i64,
    statements: Vec<Statement>,
    in_transaction: bool,
    /// What must not run in a transaction has run, and only its rows are missing.
    has_run: bool,
}

/// PostgreSQL's `lock_timeout` and `statement_timeout`.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The first.
    pub lock: Duration,
    /// The second, if there is one.
    pub statement: Option<Duration>,
}

impl Limits {
    /// Sets them in a session. Zero stands for no limit.
    ///
    /// # Errors
    /// Those of the driver.
    pub async fn set(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let in_ms = |limit: Duration| format!("{}ms", limit.as_millis());
        let set = "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false)";
        let set = sqlx::query(set).bind(in_ms(self.lock)).bind(in_ms(self.statement.unwrap_or_default()));
        set.persistent(false).execute(connection).await.map(|_| ())
    }

    fn without_lock_timeout(self) -> Self {
        Self { lock: Duration::ZERO, ..self }
    }
}

/// Why a migration did not get through.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of its statements failed.
    #[error("{source}")]
    Statement {
        /// Counted from 0.
        index: usize,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// What we do around its statements failed.
    #[error("{0}")]
    Around(#[from] sqlx::Error),
    /// An index that it builds is perhaps being built by another session.
    #[error("another session is building an index on the table of {0}, which is invalid")]
    InWork(String),
    /// Its statements have run, without a transaction; its rows could not be written.
    #[error("{0}")]
    Unrecorded(#[source] sqlx::Error),
    /// Another session has applied it in the meantime.
    #[error("another session has applied it")]
    Overtaken,
    /// A statement has ended the transaction that all of them share.
    #[error("it ended its own transaction")]
    Escaped,
}

impl Adapter {
    /// Takes the connection over.
    pub fn new(connection: PgConnection, limits: Limits) -> Self {
        Self { connection, limits, version: 0, statements: Vec::new(), in_transaction: true, has_run: false }
    }

    /// Says what the runner's next migration consists of. Of one that has run already and is
    /// only not recorded, no statement is run again.
    pub fn prepare(&mut self, version: i64, script: &Script) {
        self.has_run &= self.version == version;
        self.version = version;
        self.statements.clone_from(&script.statements);
        self.in_transaction = script.in_transaction;
    }

    /// Whether the migration has run, without a transaction, and is only to be recorded.
    pub fn has_run(&self) -> bool {
        self.has_run
    }

    /// Goes on with another connection.
    pub fn replace(&mut self, connection: PgConnection) {
        self.connection = connection;
    }

    /// The connection, for work between the runner's.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Gives the connection back.
    pub fn into_connection(self) -> PgConnection {
        self.connection
    }

    /// All statements and the rows in the ledgers, or nothing.
    async fn run_whole(&mut self, statements: &[Statement], rows: &[&str]) -> Result<(), Error> {
        let mut transaction = self.connection.begin().await?;
        ledger::mark(&mut transaction).await?;
        if names_isolation(statements) || !ledger::is_read_committed(&mut transaction).await? {
            // Its one snapshot is taken behind the lock, and so has all that others have recorded.
            ledger::lock(&mut transaction).await?;
        }
        for (index, statement) in statements.iter().enumerate() {
            run(&mut transaction, statement).await.map_err(|source| Error::Statement { index, source })?;
        }
        if !ledger::is_marked(&mut transaction).await? {
            return Err(Error::Escaped);
        }
        record(&mut transaction, self.version, rows).await?;
        Ok(transaction.commit().await?)
    }

    /// One statement after the other, each for itself.
    async fn run_singly(&mut self, statements: &[Statement]) -> Result<(), Error> {
        for (index, statement) in statements.iter().enumerate() {
            if let Err(error) = self.run_alone(index, statement).await {
                // A transaction that the migration began itself would refuse what comes next.
                let _ = sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await;
                return Err(error);
            }
        }
        self.has_run = !has_uncommitted(&mut self.connection).await?;
        Ok(())
    }

    async fn run_alone(&mut self, index: usize, statement: &Statement) -> Result<(), Error> {
        self.clear(statement).await?;
        let is_patient = concurrent::is_concurrent(&statement.sql);
        if is_patient {
            self.limits.without_lock_timeout().set(&mut self.connection).await?;
        }
        let ran = run(&mut self.connection, statement).await;
        ran.map_err(|source| Error::Statement { index, source })?;
        if is_patient {
            self.limits.set(&mut self.connection).await?;
        }
        Ok(())
    }

    /// Drops what an earlier try of a statement has left.
    async fn clear(&mut self, statement: &Statement) -> Result<(), Error> {
        for Ruin { index, is_in_work } in concurrent::ruins(&mut self.connection, &statement.sql).await? {
            if is_in_work {
                return Err(Error::InWork(index));
            }
            tracing::warn!(
                step = "migrate",
                index,
                "dropping the invalid index {index} that an earlier try left"
            );
            concurrent::drop_index(&mut self.connection, &index).await?;
        }
        Ok(())
    }

    /// The rows in the ledgers, of a migration that has run singly.
    async fn record_singly(&mut self, rows: &[&str]) -> Result<(), Error> {
        let recorded = async {
            let mut transaction = self.connection.begin().await?;
            record(&mut transaction, self.version, rows).await?;
            Ok(transaction.commit().await?)
        };
        recorded.await.map_err(|error| match error {
            Error::Around(source) if self.has_run => Error::Unrecorded(source),
            other => other,
        })
    }
}

/// Whether statements may set the isolation level of the transaction that they are in.
fn names_isolation(statements: &[Statement]) -> bool {
    statements.iter().any(|statement| statement.sql.to_ascii_lowercase().contains("isolation"))
}

/// Whether a transaction that the migration began and left open has changed anything.
async fn has_uncommitted(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let found = "SELECT txid_current_if_assigned() IS NOT NULL";
    sqlx::raw_sql(found).fetch_one(connection).await?.try_get(0)
}

async fn run(connection: &mut PgConnection, statement: &Statement) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement.sql.as_str())).execute(connection).await.map(|_| ())
}

async fn record(connection: &mut PgConnection, version: i64, rows: &[&str]) -> Result<(), Error> {
    if ledger::close_for_others(connection, version).await? {
        return Err(Error::Overtaken);
    }
    for row in rows {
        sqlx::raw_sql(AssertSqlSafe(*row)).execute(&mut *connection).await?;
    }
    Ok(ledger::mirror(connection, &[version]).await?)
}

impl AsyncTransaction for Adapter {
    type Error = Error;

    /// The runner's first query is the migration's text, for which its statements stand;
    /// alone it asks for the ledger, which is there.
    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let rows: Vec<&str> = queries.skip(1).collect();
        if rows.is_empty() {
            return Ok(0);
        }
        self.limits.set(&mut self.connection).await?;
        let statements = std::mem::take(&mut self.statements);
        if self.in_transaction {
            self.run_whole(&statements, &rows).await?;
        } else {
            if !self.has_run {
                self.run_singly(&statements).await?;
            }
            self.record_singly(&rows).await?;
        }
        Ok(statements.len())
    }
}

impl AsyncQuery<Vec<Migration>> for Adapter {
    /// What refinery's ledger has below the migration that runs now. Of higher versions
    /// refinery must not hear: it would pass the migration over.
    async fn query<'a>(&'a mut self, _: &'a str) -> Result<Vec<Migration>, Self::Error> {
        let mut recorded = ledger::read(&mut self.connection).await?.refinery;
        recorded.retain(|row| row.version() < self.version);
        Ok(recorded)
    }
}

impl AsyncMigrate for Adapter {
    /// Both ledgers are there before the runner starts (see [`ledger::reconcile`]);
    /// `CREATE TABLE IF NOT EXISTS` would ask for a right that may be missing when
    /// there is nothing to do.
    fn assert_migrations_table_query(_: &str) -> String {
        "SELECT 1".into()
    }
}
