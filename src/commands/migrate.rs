//! `migrate status` and `migrate plan`: seeing before doing. Both read and change nothing;
//! the session is read-only for the server too. They need neither the lock nor AWS.

use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::database::Database;
use crate::error::Error;
use crate::migrate::ledger::{self, Ledgers};
use crate::migrate::standing::{Standing, assess};
use crate::migrate::{self, Catalogue, Ready};
use crate::settings::Settings;
use crate::table::Table;

/// The token of a session that never holds the lock.
const NO_TOKEN: &str = "status";

/// Where each migration stands, for people or as JSON.
pub async fn status(settings: &Settings, json: bool) -> Result<String, Error> {
    let (catalogue, ledgers) = look(settings, None).await?;
    let standings = assess(&catalogue, &ledgers);
    if json {
        let migrations: Vec<Value> = standings.0.iter().map(standing_as_json).collect();
        let answer = json!({
            "schema_version": ledgers.schema_version(),
            "up_to_date": standings.is_up_to_date(),
            "migrations": migrations,
        });
        return Ok(format!("{answer}\n"));
    }
    let mut table = Table::new(&["version", "name", "state", "in goose's ledger", "in refinery's ledger"]);
    for standing in &standings.0 {
        table.row(&standing_as_row(standing));
    }
    let verdict = if standings.is_up_to_date() { "up to date" } else { "not up to date: see migrate plan" };
    Ok(format!("{table}\nschema version {}, {verdict}\n", ledgers.schema_version()))
}

/// The SQL that a run would execute, for people or as JSON.
///
/// # Errors
/// Also what would make the run refuse to begin.
pub async fn plan(settings: &Settings, to: Option<i64>, json: bool) -> Result<String, Error> {
    let (catalogue, ledgers) = look(settings, to).await?;
    let todo = migrate::to_run(&catalogue, &ledgers, &settings.migrations)?;
    if json {
        let migrations: Vec<Value> = todo.iter().map(ready_as_json).collect();
        return Ok(format!("{}\n", json!({ "migrations": migrations })));
    }
    let mut answer = match todo.len() {
        0 => "-- nothing to run\n".to_owned(),
        1 => "-- 1 migration would run\n".to_owned(),
        count => format!("-- {count} migrations would run, in this order\n"),
    };
    for ready in &todo {
        answer.push_str(&ready_as_sql(ready));
    }
    Ok(answer)
}

async fn look(settings: &Settings, to: Option<i64>) -> Result<(Catalogue, Ledgers), Error> {
    let catalogue = Catalogue::open(settings.migrations.folder.as_deref()).map_err(migrate::Error::from)?;
    let database = Database::new(settings.database.clone(), settings.lock.clone(), NO_TOKEN);
    let mut session = database.connect().await?;
    let ledgers = read_only(&mut session).await;
    let _ = session.close().await;
    let ledgers = ledgers.map_err(|error| migrate::Error::of_ledger("reading the ledgers", &error))?;
    Ok((catalogue.up_to(to.unwrap_or(i64::MAX)), ledgers))
}

async fn read_only(session: &mut PgConnection) -> Result<Ledgers, sqlx::Error> {
    let mut transaction = session.begin_with("BEGIN READ ONLY").await?;
    ledger::read(&mut transaction).await
}

fn standing_as_row(standing: &Standing<'_>) -> [String; 5] {
    let goose = standing.goose.map(|row| row.at.clone().unwrap_or_else(|| "yes".into()));
    let refinery = standing.refinery.map(recorded_at);
    [
        standing.version.to_string(),
        name(standing),
        standing.state.word().into(),
        goose.unwrap_or_else(|| "-".into()),
        refinery.unwrap_or_else(|| "-".into()),
    ]
}

fn standing_as_json(standing: &Standing<'_>) -> Value {
    json!({
        "version": standing.version,
        "name": name(standing),
        "state": standing.state.word(),
        "file": standing.entry.map(|entry| &entry.file.path),
        "checksum": standing.entry.map(|entry| entry.migration.checksum().to_string()),
        "goose": standing.goose.map(|row| json!({ "applied_at": row.at })),
        "refinery": standing.refinery.map(|row| json!({
            "applied_at": recorded_at(row),
            "checksum": row.checksum().to_string(),
        })),
    })
}

fn name(standing: &Standing<'_>) -> String {
    let known = standing.entry.map(|entry| entry.file.name.clone());
    known.or_else(|| standing.refinery.map(|row| row.name().to_owned())).unwrap_or_default()
}

fn recorded_at(row: &refinery::Migration) -> String {
    let at = row.applied_on().map(|at| at.replace_nanosecond(0).unwrap_or(*at));
    at.and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok()).unwrap_or_default()
}

fn ready_as_json(ready: &Ready<'_>) -> Value {
    let statement =
        |statement: &migrate::source::Statement| json!({ "line": statement.line, "sql": statement.sql });
    json!({
        "version": ready.entry.version(),
        "name": ready.entry.file.name,
        "file": ready.entry.file.path,
        "in_transaction": ready.script.in_transaction,
        "statements": ready.script.statements.iter().map(statement).collect::<Vec<_>>(),
    })
}

fn ready_as_sql(ready: &Ready<'_>) -> String {
    let manner = if ready.script.in_transaction {
        "in one transaction with its rows in both ledgers"
    } else {
        "statement by statement without a transaction, then its rows in both ledgers"
    };
    let heading = format!("\n-- {} ({}): {manner}\n", ready.entry, ready.entry.file.path);
    let text = |statement: &migrate::source::Statement| {
        let text = statement.sql.trim();
        let end = if text.ends_with(';') { "" } else { "\n;" };
        format!("{text}{end}\n")
    };
    ready.script.statements.iter().map(text).fold(heading, |sql, text| sql + &text)
}
