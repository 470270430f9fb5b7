//! The rules that single values follow. Each returns the value or the rule that
//! was broken, worded for the person who sets it.

use std::path::PathBuf;
use std::time::Duration;

use super::{ConfigSource, LogFormat};

/// The least severe level that is written.
pub type LogLevel = tracing::level_filters::LevelFilter;

/// A whole number of seconds, or a number with one of the units ms, s, m, h,
/// within the given bounds.
pub fn duration(least: Duration, most: Duration) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        parse_duration(text).filter(|value| (least..=most).contains(value)).ok_or_else(|| {
            format!("must be a duration such as 300, 300s, 5m or 500ms, from {least:?} to {most:?}")
        })
    }
}

/// The same in whole seconds: what others read in the lock item has no fractions, and
/// a holder must not believe in more than it has written.
pub fn whole_seconds(least: Duration, most: Duration) -> impl Fn(&str) -> Result<Duration, String> {
    let duration = duration(least, most);
    move |text| match duration(text)? {
        value if value.subsec_nanos() == 0 => Ok(value),
        _ => Err("must be whole seconds".into()),
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// Anything but nothing.
pub fn non_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".into()) } else { Ok(text.into()) }
}

/// A table name by DynamoDB's rules (3 to 255 of `a-z A-Z 0-9 _ - .`, see "Naming
/// rules" in the DynamoDB developer guide), or a table's ARN.
pub fn table_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let is_name = (3..=255).contains(&text.len()) && text.chars().all(allowed);
    let is_arn = text.starts_with("arn:") && text.contains(":table/");
    if is_name || is_arn {
        Ok(text.into())
    } else {
        Err("must be a table name (3 to 255 of a-z A-Z 0-9 _ - .) or a table's ARN".into())
    }
}

/// The path of a file: not a folder's, not the root.
pub fn file_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.file_name().is_none() || text.ends_with('/') {
        return Err("must be the path of a file".into());
    }
    Ok(path)
}

/// The path of a folder.
pub fn folder(text: &str) -> Result<PathBuf, String> {
    non_empty(text).map(PathBuf::from)
}

/// A parameter's name, or a file as a URL (RFC 8089) without escapes.
pub fn config_source(text: &str) -> Result<ConfigSource, String> {
    match text.strip_prefix("file://") {
        None => non_empty(text).map(ConfigSource::Parameter),
        Some(path) if path.starts_with('/') => file_path(path).map(ConfigSource::File),
        Some(_) => Err("must be a parameter's name, or file:// and an absolute path".into()),
    }
}

/// The permission bits of a file in octal. Its owner must be able to replace it next time.
pub fn file_mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777 && mode & 0o600 == 0o600);
    mode.ok_or_else(|| "must be a file mode in octal such as 0644, with 0600 in it".into())
}

/// A switch: what people write for yes and no.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true or false".into()),
    }
}

/// One of the five levels, in any case.
pub fn log_level(text: &str) -> Result<LogLevel, String> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Ok(LogLevel::ERROR),
        "warn" | "warning" => Ok(LogLevel::WARN),
        "info" => Ok(LogLevel::INFO),
        "debug" => Ok(LogLevel::DEBUG),
        "trace" => Ok(LogLevel::TRACE),
        _ => Err("must be error, warn, info, debug or trace".into()),
    }
}

/// One of the two formats, in any case.
pub fn log_format(text: &str) -> Result<LogFormat, String> {
    match text.to_ascii_lowercase().as_str() {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("must be json or text".into()),
    }
}
