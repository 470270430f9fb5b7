//! The application's Redis servers, as far as `check` tries them.
//!
//! Promises that a value which breaks its rule is kept as such and never stops the job:
//! the job does without Redis. A password is held but never shown.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use super::{Reader, Source, table};

/// Redis's port where a URL has none.
const DEFAULT_PORT: u16 = 6379;

/// The servers that are named.
#[derive(Debug, Clone, Default)]
pub struct RedisSettings {
    /// Those that are set, in the order of the table.
    pub targets: Vec<RedisTarget>,
    /// A PEM file to trust besides the public roots.
    pub ca_file: Option<PathBuf>,
}

/// A server that is named.
#[derive(Debug, Clone)]
pub struct RedisTarget {
    /// The variable that names it.
    pub variable: &'static str,
    /// The server, or the rule that the value breaks.
    pub server: Result<RedisServer, String>,
}

/// A server and how to log in.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisServer {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// A user of its access control list; `None` is the user `default`.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The number of the database, 0 at first.
    pub database: u32,
}

impl RedisSettings {
    pub(super) fn read(reader: &Reader<'_, impl Source>) -> Self {
        type Rule = fn(&str) -> Result<RedisServer, String>;
        let rules: [(_, Rule); 3] = [
            (&table::REDIS_URL, from_url),
            (&table::REDIS_CACHE_URL, from_url),
            (&table::REDIS_ADDR, from_address),
        ];
        let targets = rules.into_iter().filter_map(|(setting, rule)| {
            let (_, value) = reader.given(setting)?;
            Some(RedisTarget { variable: setting.env, server: rule(&value) })
        });
        let ca_file = reader.given(&table::REDIS_CA_FILE).map(|(_, path)| path.into());
        Self { targets: targets.collect(), ca_file }
    }
}

impl fmt::Display for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisServer({self})")
    }
}

/// `redis://user:password@host:port/database`, or `rediss://` for TLS.
fn from_url(text: &str) -> Result<RedisServer, String> {
    const RULE: &str = "must be a redis:// or rediss:// URL; percent-encode / ? # @ : in user and password";
    let url = Url::parse(text).map_err(|error| format!("{RULE} ({error})"))?;
    let tls = match url.scheme() {
        "redis" => false,
        "rediss" => true,
        _ => return Err(RULE.into()),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(RULE)?;
    let meant = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let database = match url.path().trim_matches('/') {
        "" => 0,
        number => number.parse().map_err(|_| "its path must be the number of a database".to_owned())?,
    };
    Ok(RedisServer {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(DEFAULT_PORT),
        tls,
        user: Some(meant(url.username())).filter(|user| !user.is_empty()),
        password: url.password().map(meant),
        database,
    })
}

/// `host:port`: there is no place for TLS, a user or a password.
fn from_address(text: &str) -> Result<RedisServer, String> {
    const RULE: &str =
        "must be host:port without a scheme, a user or a password, such as cache.internal:6379";
    if text.contains("://") || text.contains('@') {
        return Err(RULE.into());
    }
    let (host, port) = text.rsplit_once(':').ok_or(RULE)?;
    let port = port.parse().map_err(|_| RULE.to_owned())?;
    let host = host.trim_matches(['[', ']']).to_owned();
    Ok(RedisServer { host, port, tls: false, user: None, password: None, database: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_tells_tls_user_password_and_database() {
        let server = from_url("rediss://app:p%40ss@cache.internal:6380/2").unwrap();
        assert_eq!((server.host.as_str(), server.port, server.tls), ("cache.internal", 6380, true));
        assert_eq!((server.user.as_deref(), server.password.as_deref()), (Some("app"), Some("p@ss")));
        assert_eq!(server.database, 2);
        assert!(!format!("{server:?} {server}").contains("p@ss"));
        let plain = from_url("redis://:sesame@[::1]").unwrap();
        assert_eq!((plain.host.as_str(), plain.port, plain.tls), ("::1", 6379, false));
        assert_eq!((plain.user, plain.password.as_deref()), (None, Some("sesame")));
    }

    #[test]
    fn what_is_no_server_is_told_without_the_value() {
        for wrong in ["http://q9x", "q9x", "redis://", "redis://h/q9x", "rediss://u:q9/x@h", "cache:q9x"] {
            let rule = from_url(wrong).expect_err(wrong);
            assert!(!rule.contains("q9x"), "{rule}");
        }
        for wrong in ["cache", "redis://cache:6379", "cache:", "cache:99999", "app:q9x@cache:6379"] {
            let rule = from_address(wrong).expect_err(wrong);
            assert!(!rule.contains("q9x"), "{rule}");
        }
        assert_eq!(from_address("[::1]:6379").unwrap().host, "::1");
    }
}
