//! The lock table: there, of the right shape, and writable.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Verdict;
use super::ask::{Question, list, text};
use super::aws::read;
use crate::aws::{self, Clients, Kind};
use crate::exit::ExitCode;
use crate::lock;
use crate::lock::look::Look;
use crate::settings::LockSettings;

/// The key attribute.
const KEY: &str = "lock_id";
/// The table's TTL attribute.
const EXPIRY: &str = "expires_at";

/// Looks at the table's shape.
pub async fn look(clients: &Clients, settings: &LockSettings) -> Verdict {
    let table = &settings.table;
    let question = Question::new("DynamoDB_20120810.DescribeTable", &json!({ "TableName": table }));
    let description = match question.ask_dynamodb(clients, "dynamodb:DescribeTable", table).await {
        Ok(description) => description,
        Err(error) if error.kind == Kind::Denied => {
            return without_description(clients, settings, &error).await;
        }
        Err(error) => return read(&error),
    };
    let resource = format!("table {table} in {}", clients.dynamodb.place);
    if let Err(found) = key_schema(&description) {
        let advice = format!("create a table with the string key {KEY} and no sort key, or set LOCK_TABLE");
        return Verdict::fail(ExitCode::Missing, format!("{resource} has the key {found}"), advice);
    }
    let billing = billing(&description);
    let ttl = time_to_live(clients, table).await;
    let what = format!("{resource}: key {KEY} (string), {}, {}", billing.what, ttl.what);
    let advice: Vec<&str> = [&billing, &ttl].into_iter().filter_map(|half| half.advice).collect();
    match text(&description, "/Table/TableStatus") {
        "ACTIVE" if advice.is_empty() => Verdict::ok(what),
        "ACTIVE" => Verdict::warn(what, advice.join("; ")),
        status => Verdict::warn(format!("{what}, {status}"), "wait until the table is ACTIVE"),
    }
}

/// Without the right to describe: whether it can be read tells that it is there and has
/// the right key.
async fn without_description(clients: &Clients, settings: &LockSettings, denied: &aws::Error) -> Verdict {
    const ADVICE: &str = "allow dynamodb:DescribeTable and DescribeTimeToLive to see more, or check --write";
    match Look::new(clients, settings).item().await {
        Ok(_) => {
            let what = format!("{}: key {KEY}; its shape may not be looked at", denied.resource);
            Verdict::warn(what, ADVICE)
        }
        Err(lock::Error::Aws(error)) if error.kind == Kind::Denied => {
            Verdict::warn(format!("the role may not look at {}", denied.resource), ADVICE)
        }
        Err(lock::Error::Aws(error)) => read(&error),
        Err(error) => Verdict::error(ExitCode::from(&error), &error.to_string()),
    }
}

/// Makes each of the lock's conditional requests once, on a key beside the lock's.
pub async fn write(clients: &Clients, settings: &LockSettings) -> Verdict {
    let beside = LockSettings { id: format!("{}.check.{}", settings.id, Uuid::new_v4()), ..settings.clone() };
    match Look::new(clients, &beside).try_writing(&beside.id).await {
        Ok(true) => Verdict::ok(format!("put, kept and deleted {:?} on conditions", beside.id)),
        Ok(false) => Verdict::fail(
            ExitCode::Missing,
            format!("a condition on {:?} was not kept to", beside.id),
            "use DynamoDB itself: whatever answers here can't keep a lock",
        ),
        Err(lock::Error::Aws(error)) => {
            let mut verdict = read(&error);
            verdict.what = format!("{} (key {:?})", verdict.what, beside.id);
            verdict
        }
        Err(error) => Verdict::error(ExitCode::from(&error), &error.to_string()),
    }
}

/// The key as it must be, or how it is.
fn key_schema(description: &Value) -> Result<(), String> {
    let attributes = list(description, "/Table/AttributeDefinitions");
    let kind = |name: &str| {
        let found = attributes.iter().find(|found| text(found, "/AttributeName") == name);
        found.map_or("?", |found| text(found, "/AttributeType"))
    };
    let told = list(description, "/Table/KeySchema").iter().map(|key| {
        let name = text(key, "/AttributeName");
        format!("{name} ({}, {})", text(key, "/KeyType"), kind(name))
    });
    let told = told.collect::<Vec<_>>().join(" and ");
    if told == format!("{KEY} (HASH, S)") { Ok(()) } else { Err(told) }
}

/// Part of what is found, and what to do about it.
struct Half {
    what: String,
    advice: Option<&'static str>,
}

fn billing(description: &Value) -> Half {
    const ADVICE: &str =
        "set the billing mode to on demand: a fleet that starts at once exceeds what is provisioned";
    match text(description, "/Table/BillingModeSummary/BillingMode") {
        "PAY_PER_REQUEST" => Half { what: "on demand".into(), advice: None },
        _ => Half { what: "provisioned capacity".into(), advice: Some(ADVICE) },
    }
}

async fn time_to_live(clients: &Clients, table: &str) -> Half {
    const ADVICE: &str =
        "set the table's TTL attribute to expires_at, so that what dead tasks leave is cleaned up";
    let question = Question::new("DynamoDB_20120810.DescribeTimeToLive", &json!({ "TableName": table }));
    let found = match question.ask_dynamodb(clients, "dynamodb:DescribeTimeToLive", table).await {
        Ok(found) => found,
        Err(error) => {
            let what = format!("TTL unknown ({})", error.detail);
            return Half { what, advice: Some("allow dynamodb:DescribeTimeToLive to see it") };
        }
    };
    let told = |name: &str| text(&found, &format!("/TimeToLiveDescription/{name}"));
    match (told("TimeToLiveStatus"), told("AttributeName")) {
        ("ENABLED" | "ENABLING", EXPIRY) => Half { what: format!("TTL on {EXPIRY}"), advice: None },
        ("ENABLED" | "ENABLING", other) => Half { what: format!("TTL on {other}"), advice: Some(ADVICE) },
        _ => Half { what: "no TTL".into(), advice: Some(ADVICE) },
    }
}
