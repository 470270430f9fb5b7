//! `migrate status` and `migrate plan`: seeing before doing. Both read and change nothing;
//! the session is read-only for the server too. They need neither the lock nor AWS.

use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::answer::{self, Form};
use crate::database::{self, Database};
use crate::error::Error;
use crate::exit::ExitCode;
use crate::migrate::catalogue::Entry;
use crate::migrate::ledger;
use crate::migrate::source::Statement;
use crate::migrate::standing::{Standing, State, assess};
use crate::migrate::{self, Ready};
use crate::reading::{self, BUDGET};
use crate::settings::Settings;
use crate::table::Table;

/// The token of a session that never holds the lock.
const NO_TOKEN: &str = "status";

/// Where each migration stands, for people or as JSON.
///
/// # Errors
/// The database can't be read, or the folder of migrations.
pub async fn status(settings: &Settings, form: Form) -> Result<ExitCode, Error> {
    let catalogue = migrate::open(&settings.migrations)?;
    let ledgers = read_only(settings, async |session| ledger::read(session).await).await?;
    let standings = assess(&catalogue, &ledgers);
    let mut table = Table::new(&["version", "name", "state", "in goose's ledger", "in refinery's ledger"]);
    for standing in &standings.0 {
        table.row(&standing_as_row(standing));
    }
    let verdict = if standings.is_up_to_date() { "up to date" } else { "not up to date: see migrate plan" };
    let version = ledgers.schema_version();
    let text = format!("{table}\nschema version {version}, {verdict}\n");
    let json = json!({
        "schema_version": version,
        "up_to_date": standings.is_up_to_date(),
        "migrations": standings.0.iter().map(standing_as_json).collect::<Vec<_>>(),
    });
    Ok(answer::print(&settings.secrets, form, &text, &json, ExitCode::Done))
}

/// What a run would execute, for people or as JSON.
///
/// # Errors
/// Also what would make the run refuse to begin.
pub async fn plan(settings: &Settings, to: Option<i64>, form: Form) -> Result<ExitCode, Error> {
    let catalogue = migrate::open(&settings.migrations)?.up_to(to);
    let (ledgers, todo, ruins) = read_only(settings, async |session| {
        let ledgers = ledger::read(session).await?;
        let todo = match migrate::to_run(&catalogue, &ledgers, &settings.migrations) {
            Ok(todo) => todo,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut ruins = Vec::new();
        for ready in &todo {
            ruins.push(ready.ruins(session).await?);
        }
        Ok(Ok((ledgers, todo, ruins)))
    })
    .await??;
    let standings = assess(&catalogue, &ledgers);
    let ledger_changes = [
        ("adopt", standings.to_adopt()),
        ("forget", standings.to_forget()),
        ("accept", standings.entries(State::Divergent)),
    ];
    let steps: Vec<(&Ready<'_>, &Vec<String>)> = todo.iter().zip(&ruins).collect();
    let (text, json) = (plan_as_sql(&ledger_changes, &steps), plan_as_json(&ledger_changes, &steps));
    Ok(answer::print(&settings.secrets, form, &text, &json, ExitCode::Done))
}

/// What is done to refinery's ledger, and with which migrations.
type LedgerChange<'a> = (&'static str, Vec<&'a Entry>);
/// A migration, and the indexes that are dropped before it.
type Step<'a> = (&'a Ready<'a>, &'a Vec<String>);

/// Reads something in a session of its own, which may not write, within [`BUDGET`].
async fn read_only<T>(
    settings: &Settings,
    read: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> Result<T, Error> {
    let database = Database::new(settings.database.clone(), settings.lock.clone(), NO_TOKEN);
    let mut session = database.visit().await?;
    let answer = reading::read(&database, &mut session, BUDGET, async |session| {
        let mut transaction = session.begin_with("BEGIN READ ONLY").await?;
        read(&mut transaction).await
    });
    let answer = answer.await;
    database::leave(session).await;
    answer
}

fn plan_as_json(ledger_changes: &[LedgerChange<'_>], steps: &[Step<'_>]) -> Value {
    let ledger: serde_json::Map<String, Value> = ledger_changes
        .iter()
        .map(|(what, entries)| {
            ((*what).to_owned(), entries.iter().map(|entry| entry.version()).collect::<Vec<_>>().into())
        })
        .collect();
    let migrations: Vec<Value> = steps.iter().map(step_as_json).collect();
    json!({ "refinery_ledger": ledger, "migrations": migrations })
}

fn plan_as_sql(ledger_changes: &[LedgerChange<'_>], steps: &[Step<'_>]) -> String {
    let heading = match steps.len() {
        0 => "-- nothing to run\n".to_owned(),
        1 => "-- 1 migration would run\n".to_owned(),
        count => format!("-- {count} migrations would run, in this order\n"),
    };
    let change = |(what, entries): &LedgerChange<'_>| {
        let names: Vec<String> = entries.iter().map(ToString::to_string).collect();
        format!("-- refinery's ledger would {what} {}\n", names.join(", "))
    };
    let changes = ledger_changes.iter().filter(|(_, entries)| !entries.is_empty()).map(change);
    changes.chain(steps.iter().map(step_as_sql)).fold(heading, |answer, part| answer + &part)
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

fn step_as_json((ready, ruins): &Step<'_>) -> Value {
    let statement = |statement: &Statement| json!({ "line": statement.line, "sql": statement.sql });
    json!({
        "version": ready.entry.version(),
        "name": ready.entry.file.name,
        "file": ready.entry.file.path,
        "in_transaction": ready.script.in_transaction,
        "drops_invalid_indexes": ruins,
        "statements": ready.script.statements.iter().map(statement).collect::<Vec<_>>(),
    })
}

fn step_as_sql((ready, ruins): &Step<'_>) -> String {
    let manner = if ready.script.in_transaction {
        "in one transaction with its rows in both ledgers"
    } else {
        "statement by statement without a transaction, then its rows in both ledgers"
    };
    let heading = format!("\n-- {} ({}): {manner}\n", ready.entry, ready.entry.file.path);
    let drop = |name: &String| {
        format!("DROP INDEX CONCURRENTLY IF EXISTS {name}; -- invalid: an earlier try left it\n")
    };
    let text = |statement: &Statement| {
        let text = statement.sql.trim();
        let end = if text.ends_with(';') { "" } else { "\n;" };
        format!("{text}{end}\n")
    };
    let steps = ruins.iter().map(drop).chain(ready.script.statements.iter().map(text));
    steps.fold(heading, |sql, step| sql + &step)
}
