//! The lock table: there, of the right shape, and writable.

use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::operation::describe_time_to_live::DescribeTimeToLiveError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeyType, ScalarAttributeType, TableDescription, TableStatus,
    TimeToLiveStatus,
};
use uuid::Uuid;

use super::Verdict;
use super::aws::read;
use crate::aws::{self, Clients, Kind, Modelled};
use crate::exit::ExitCode;
use crate::lock::look::Look;
use crate::lock::{self};
use crate::settings::LockSettings;

/// The key attribute.
const KEY: &str = "lock_id";
/// The table's TTL attribute.
const EXPIRY: &str = "expires_at";

/// Looks at the table's shape.
pub async fn look(clients: &Clients, settings: &LockSettings) -> Verdict {
    let (dynamodb, table) = (&clients.dynamodb, &settings.table);
    let resource = || format!("table {table} in {}", dynamodb.place);
    let description = match dynamodb.client.describe_table().table_name(table).send().await {
        Ok(answer) => answer.table,
        Err(error) => {
            let error = aws::Error::read("dynamodb:DescribeTable", resource(), &error);
            return match error.kind {
                Kind::Denied => without_description(clients, settings, &error).await,
                _ => read(&error),
            };
        }
    };
    let Some(description) = description else {
        return Verdict::warn(format!("{} is not described", resource()), "look at it in the console");
    };
    if let Err(found) = key_schema(&description) {
        let what = format!("{} has the key {found}", resource());
        let advice = format!("create a table with the string key {KEY} and no sort key, or set LOCK_TABLE");
        return Verdict::fail(ExitCode::Missing, what, advice);
    }
    let billing = billing(&description);
    let ttl = time_to_live(clients, table).await;
    let what = format!("{}: key {KEY} (string), {}, {}", resource(), billing.what, ttl.what);
    let advice: Vec<&str> = [&billing, &ttl].into_iter().filter_map(|half| half.advice).collect();
    if description.table_status() != Some(&TableStatus::Active) && description.table_status().is_some() {
        return Verdict::warn(format!("{what}, not active yet"), "wait until it is");
    }
    if advice.is_empty() { Verdict::ok(what) } else { Verdict::warn(what, advice.join("; ")) }
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
fn key_schema(description: &TableDescription) -> Result<(), String> {
    let keys = description.key_schema();
    let kind = |name: &str| {
        let found = description.attribute_definitions().iter().find(|found| found.attribute_name() == name);
        found.map(AttributeDefinition::attribute_type)
    };
    let is_right = |name: &str| name == KEY && kind(name).is_none_or(|kind| *kind == ScalarAttributeType::S);
    match keys {
        [key] if *key.key_type() == KeyType::Hash && is_right(key.attribute_name()) => Ok(()),
        keys => {
            let told = keys.iter().map(|key| {
                let name = key.attribute_name();
                format!(
                    "{name} ({}, {})",
                    key.key_type(),
                    kind(name).map_or("?", ScalarAttributeType::as_str)
                )
            });
            Err(told.collect::<Vec<_>>().join(" and "))
        }
    }
}

/// Part of what is found, and what to do about it.
struct Half {
    what: String,
    advice: Option<&'static str>,
}

fn billing(description: &TableDescription) -> Half {
    let mode = description.billing_mode_summary().and_then(|summary| summary.billing_mode());
    match mode {
        Some(BillingMode::PayPerRequest) => Half { what: "on demand".into(), advice: None },
        _ => Half {
            what: "provisioned capacity".into(),
            advice: Some(
                "set the billing mode to on demand: a fleet that starts at once exceeds what is provisioned",
            ),
        },
    }
}

async fn time_to_live(clients: &Clients, table: &str) -> Half {
    const ADVICE: &str =
        "set the table's TTL attribute to expires_at, so that what dead tasks leave is cleaned up";
    let sent = clients.dynamodb.client.describe_time_to_live().table_name(table).send().await;
    let found = match sent {
        Ok(answer) => answer.time_to_live_description,
        Err(error) => {
            let error = aws::Error::read("dynamodb:DescribeTimeToLive", table.to_owned(), &error);
            let what = format!("TTL unknown ({})", error.detail);
            return Half { what, advice: Some("allow dynamodb:DescribeTimeToLive to see it") };
        }
    };
    let found = found.as_ref();
    let is_on = found
        .and_then(|found| found.time_to_live_status())
        .is_some_and(|status| matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
    match found.and_then(|found| found.attribute_name()).filter(|_| is_on) {
        Some(EXPIRY) => Half { what: format!("TTL on {EXPIRY}"), advice: None },
        Some(other) => Half { what: format!("TTL on {other}"), advice: Some(ADVICE) },
        None => Half { what: "no TTL".into(), advice: Some(ADVICE) },
    }
}

impl Modelled for DescribeTableError {
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::ResourceNotFoundException(_) => Some(Kind::Missing),
            Self::InternalServerError(_) => Some(Kind::Busy),
            _ => None,
        }
    }
}

impl Modelled for DescribeTimeToLiveError {
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::ResourceNotFoundException(_) => Some(Kind::Missing),
            Self::InternalServerError(_) => Some(Kind::Busy),
            _ => None,
        }
    }
}
