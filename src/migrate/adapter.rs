//! Refinery over sqlx: what lets refinery's `Runner` work on a [`PgConnection`].
//!
//! Promises that whatever the runner executes in one call (a migration and its row in
//! refinery's ledger) is one transaction, and that goose's ledger follows in that
//! same transaction.

use refinery::Migration;
use refinery_core::AsyncMigrate;
use refinery_core::traits::r#async::{AsyncQuery, AsyncTransaction};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Row};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::ledger;

/// A connection that refinery can work on.
pub struct Adapter {
    connection: PgConnection,
    known: Vec<i64>,
}

impl Adapter {
    /// Takes the connection over. Only `known` migrations are mirrored to goose's ledger.
    pub fn new(connection: PgConnection, known: &[Migration]) -> Self {
        Self { connection, known: known.iter().map(Migration::version).collect() }
    }

    /// The connection, for work between the runner's.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Says goodbye to the server. What it answers no longer matters.
    pub async fn close(self) {
        let _ = self.connection.close().await;
    }
}

impl AsyncTransaction for Adapter {
    type Error = sqlx::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let mut transaction = self.connection.begin().await?;
        let mut count = 0;
        for query in queries {
            sqlx::raw_sql(AssertSqlSafe(query)).execute(&mut *transaction).await?;
            count += 1;
        }
        ledger::mirror(&mut transaction, &self.known).await?;
        transaction.commit().await?;
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Adapter {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, Self::Error> {
        let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(&mut self.connection).await?;
        rows.iter().map(read_row).collect()
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

fn read_row(row: &PgRow) -> Result<Migration, sqlx::Error> {
    let applied_on: String = row.try_get("applied_on")?;
    let checksum: String = row.try_get("checksum")?;
    let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    Ok(Migration::applied(
        row.try_get("version")?,
        row.try_get("name")?,
        OffsetDateTime::parse(&applied_on, &Rfc3339).map_err(|error| decode(error.into()))?,
        checksum.parse().map_err(|error: std::num::ParseIntError| decode(error.into()))?,
    ))
}
