//! The parameter: there, decrypts, valid, and with room to grow.

use std::time::Duration;

use serde_json::json;

use super::Verdict;
use super::ask::{Question, list, text};
use super::aws::read;
use crate::aws::Clients;
use crate::config::{self, ProviderConfig, packed};
use crate::exit::ExitCode;
use crate::settings::ConfigSource;

/// What a standard parameter holds, in bytes (AWS Systems Manager user guide, "Managing
/// parameter tiers").
const STANDARD: usize = 4096;
/// What an advanced one holds.
const ADVANCED: usize = 8192;

/// Reads, unpacks and checks as a task would.
pub async fn check(clients: &Clients, source: &ConfigSource) -> Verdict {
    match source {
        ConfigSource::File(_) => match config::fetch(clients, source, Duration::ZERO).await {
            Ok(config) => judge(&config, "the file", None),
            Err(error) => read_error(&error),
        },
        ConfigSource::Parameter(name) => match of_parameter(clients, name).await {
            Ok((config, what, size)) => judge(&config, &what, Some((size, tier(clients, name).await))),
            Err(error) => read_error(&error),
        },
    }
}

async fn of_parameter(
    clients: &Clients,
    name: &str,
) -> Result<(ProviderConfig, String, usize), config::Error> {
    let (value, source) = config::read_parameter(clients, name, Duration::ZERO).await?;
    let size = value.len();
    let unpacked = packed::unpack(value);
    let text = unpacked.map_err(|reason| config::Error::Packed { source_name: source.clone(), reason })?;
    Ok((ProviderConfig::check(text, source.clone())?, source, size))
}

fn read_error(error: &config::Error) -> Verdict {
    match error {
        config::Error::Aws(error) => read(error),
        error => Verdict::error(ExitCode::from(error), &error.to_string()),
    }
}

/// The tier, where the role may ask: reading a value does not tell it.
async fn tier(clients: &Clients, name: &str) -> Option<String> {
    // An ARN ends in `:parameter` and the name; a version or a label follows a colon.
    let name = name.split_once(":parameter").map_or(name, |(_, name)| name);
    let name = name.split(':').next().unwrap_or(name);
    let filter = json!({ "Key": "Name", "Option": "Equals", "Values": [name] });
    let body = json!({ "ParameterFilters": [filter] });
    let question = Question::new("AmazonSSM.DescribeParameters", &body);
    let answer = question.ask_ssm(clients, "ssm:DescribeParameters", name).await.ok()?;
    let found = list(&answer, "/Parameters").iter().find(|found| text(found, "/Name") == name)?;
    Some(text(found, "/Tier").to_owned())
}

fn judge(config: &ProviderConfig, source: &str, stored: Option<(usize, Option<String>)>) -> Verdict {
    let mut what = format!("{source} is valid");
    let mut advice = Vec::new();
    if let Some((size, tier)) = stored {
        let limit = if tier.as_deref() == Some("Standard") { STANDARD } else { ADVANCED };
        let tier = tier.map_or("tier unknown".to_owned(), |tier| format!("tier {tier}"));
        what = format!("{what}: {size} bytes stored, {tier}");
        if size >= limit / 10 * 9 {
            advice.push(format!(
                "the tier holds {limit} bytes: use the advanced tier (8192), or store `gzip -9 < FILE | base64`"
            ));
        }
    }
    for warning in config.warnings() {
        advice.push(warning.to_string());
    }
    if advice.is_empty() { Verdict::ok(what) } else { Verdict::warn(what, advice.join("; ")) }
}
