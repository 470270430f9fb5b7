//! Where the config comes from: a parameter, or a file when there is no AWS at hand.
//!
//! Promises that both are unpacked and checked in the same way, and that no source fills
//! the memory.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use super::{Error, ProviderConfig, packed, parameter};
use crate::aws::Clients;
use crate::settings::ConfigSource;

/// Fetches and checks the provider config. `max_wait` is for how long to try again while
/// AWS is busy.
///
/// # Errors
/// The source can't be read, or the proxy would refuse what is in it.
pub async fn fetch(
    clients: &Clients,
    source: &ConfigSource,
    max_wait: Duration,
) -> Result<ProviderConfig, Error> {
    let (value, source) = match source {
        ConfigSource::Parameter(name) => parameter::read(clients, name, max_wait).await?,
        ConfigSource::File(path) => read_file(path).await?,
    };
    let text =
        packed::unpack(value).map_err(|reason| Error::Packed { source_name: source.clone(), reason })?;
    let config = ProviderConfig::check(text, source.clone())?;
    for warning in config.warnings() {
        tracing::warn!(step = "config", "{source}: {warning}");
    }
    Ok(config)
}

async fn read_file(path: &Path) -> Result<(String, String), Error> {
    let owned: PathBuf = path.into();
    let reading = tokio::task::spawn_blocking(move || read_to_limit(&owned));
    let text = reading.await.map_err(io::Error::from).flatten();
    let text = text.map_err(|source| Error::Unreadable { path: path.into(), source })?;
    Ok((text, format!("file {}", path.display())))
}

fn read_to_limit(path: &Path) -> io::Result<String> {
    // Opening a pipe waits for somebody who writes.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    fs::File::open(path)?.take(packed::LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > packed::LIMIT {
        return Err(io::Error::other(format!("it has more than {} bytes", packed::LIMIT)));
    }
    Ok(text)
}
