//! The database's address: from `DATABASE_URL` or the libpq variables to what the
//! driver takes.
//!
//! Promises libpq's meaning where the driver's differs: `require` together with a
//! root certificate verifies the chain (PostgreSQL documentation, "SSL Support",
//! table of sslmodes), and `sslrootcert=system` stands for the public roots and is verified
//! in full ("Database Connection Control Functions", `sslrootcert`). As with Go's drivers,
//! which the application uses, a parameter that is no client's is a server setting of the
//! session (`search_path`, `statement_timeout`, …). The password is held but never shown.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::{Host, Url};

/// Parameters that the driver understands as they are.
const KNOWN_PARAMETERS: &[&str] = &[
    "sslmode",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Parameters of libpq's and of Go's drivers that say how the client behaves and that
/// mean nothing to this driver.
const IGNORED_PARAMETERS: &[&str] = &[
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "default_query_exec_mode",
    "description_cache_capacity",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "passfile",
    "require_auth",
    "sslnegotiation",
    "sslpassword",
    "sslsni",
    "statement_cache_capacity",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// What stands for the public roots in a root certificate's place.
const SYSTEM: &str = "system";

/// A rule that a value breaks or keeps.
type Check = fn(&str) -> Result<(), String>;

/// libpq variables whose values the driver would ignore silently when they are wrong.
pub const LIBPQ_RULES: &[(&str, Check)] =
    &[("PGPORT", port_rule), ("PGSSLMODE", |mode| ssl_mode_rule(mode).map(drop))];

/// Where the database is and how to log in.
#[derive(Clone)]
pub struct DatabaseTarget {
    /// What the driver connects with.
    pub options: PgConnectOptions,
    /// The root certificate file, if one is named.
    pub root_certificate: Option<String>,
    /// The client certificate's file, if one is named and TLS is not off.
    pub client_certificate: Option<String>,
    /// The file of its key.
    pub client_key: Option<String>,
    /// Names of URL parameters that were left out.
    pub ignored: Vec<String>,
}

impl fmt::Display for DatabaseTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        match options.get_socket() {
            Some(socket) => write!(f, "{}", socket.display())?,
            None if options.get_host().contains(':') => {
                write!(f, "[{}]:{}", options.get_host(), options.get_port())?;
            }
            None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
        }
        write!(f, "/{database} as {}", options.get_username())
    }
}

impl fmt::Debug for DatabaseTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseTarget({self})")
    }
}

/// Reads a `postgres://` URL. What it leaves out about TLS comes from libpq's variables; but
/// where the URL names no root certificate, `PGSSLROOTCERT`'s file is only taken by what
/// verifies: unlike one in the URL it makes `require` no stricter, for the image sets it for
/// everyone.
pub fn from_url(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<DatabaseTarget, String> {
    let mut url = Url::parse(text).map_err(|error| {
        format!("must be a postgres:// URL ({error}); percent-encode / ? # @ : in user and password")
    })?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("must begin with postgres:// or postgresql://".into());
    }
    if url.path().contains('@') || url.query().is_some_and(|q| q.contains('@')) || url.fragment().is_some() {
        return Err("percent-encode / ? # @ : in user and password".into());
    }
    let mut parameters = Parameters::take(&mut url)?;
    let options = PgConnectOptions::from_str(url.as_str())
        .map_err(|_| "must be a postgres:// URL with valid parameters".to_owned())?;
    parameters.mode = parameters.mode.or_else(|| mode_of(env));
    let verifies = matches!(parameters.mode, Some(PgSslMode::VerifyCa | PgSslMode::VerifyFull));
    let in_url = parameters.root_certificate.take();
    let of_environment = || env("PGSSLROOTCERT").filter(|path| verifies || path == SYSTEM);
    parameters.root_certificate = in_url.or_else(of_environment);
    parameters.client_certificate = parameters.client_certificate.or_else(|| env("PGSSLCERT"));
    parameters.client_key = parameters.client_key.or_else(|| env("PGSSLKEY"));
    parameters.complete(options).map_err(|mistake| mistake.rule.into())
}

/// The texts in a URL that must not appear in any output: the password as written
/// and as meant. A URL that can't be read is secret as a whole.
pub fn secrets(text: &str) -> Vec<String> {
    let Ok(url) = Url::parse(text) else { return vec![text.to_owned()] };
    let written = url.password().map(str::to_owned);
    let meant = url.password().and_then(|raw| percent_decode_str(raw).decode_utf8().ok().map(Into::into));
    let parameters = url.query_pairs().filter(|(key, _)| key.contains("password"));
    written.into_iter().chain(meant).chain(parameters.map(|(_, value)| value.into())).collect()
}

/// Reads libpq's variables; `None` unless at least the host is set.
pub fn from_libpq_env(env: &dyn Fn(&str) -> Option<String>) -> Option<Result<DatabaseTarget, Mistake>> {
    env("PGHOSTADDR").or_else(|| env("PGHOST"))?;
    let parameters = Parameters {
        mode: mode_of(env),
        root_certificate: env("PGSSLROOTCERT"),
        client_certificate: env("PGSSLCERT"),
        client_key: env("PGSSLKEY"),
        ignored: Vec::new(),
    };
    Some(parameters.complete(PgConnectOptions::new()))
}

/// What does not go together.
pub struct Mistake {
    /// The variable to correct, where there is no URL.
    pub variable: &'static str,
    /// What a right value looks like.
    pub rule: &'static str,
}

/// The public roots, and less asked of them than a name.
const SYSTEM_FOR_LESS: Mistake = Mistake {
    variable: "PGSSLROOTCERT",
    rule: "sslrootcert=system goes with sslmode=verify-full alone: anybody can get a certificate of a \
           public authority; use that mode, or name a certificate file",
};

/// The driver looks for the other one in none of libpq's own places.
const ONE_OF_A_PAIR: Mistake = Mistake {
    variable: "PGSSLCERT",
    rule: "sslcert and sslkey (PGSSLCERT and PGSSLKEY) go together; name both files or none",
};

/// The variable's mode. One that breaks its rule is reported by [`LIBPQ_RULES`].
fn mode_of(env: &dyn Fn(&str) -> Option<String>) -> Option<PgSslMode> {
    ssl_mode_rule(&env("PGSSLMODE")?).ok()
}

/// What the URL's query says beyond what the driver is simply handed.
#[derive(Default)]
struct Parameters {
    mode: Option<PgSslMode>,
    root_certificate: Option<String>,
    client_certificate: Option<String>,
    client_key: Option<String>,
    ignored: Vec<String>,
}

impl Parameters {
    /// Checks the query and leaves only what the driver understands in the URL.
    fn take(url: &mut Url) -> Result<Self, String> {
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let mut taken = Self::default();
        let mut kept = Vec::new();
        if let Some(Host::Ipv6(address)) = url.host() {
            // The driver would look a name up that has the brackets in it.
            kept.push(("hostaddr".to_owned(), address.to_string()));
        }
        for (key, value) in pairs {
            match key.as_str() {
                "sslmode" => taken.mode = Some(ssl_mode_rule(&value)?),
                "sslrootcert" => taken.root_certificate = Some(value.clone()),
                "sslcert" => taken.client_certificate = Some(value.clone()),
                "sslkey" => taken.client_key = Some(value.clone()),
                "port" => port_rule(&value)?,
                _ => {}
            }
            if IGNORED_PARAMETERS.contains(&key.as_str()) {
                taken.ignored.push(key);
            } else if KNOWN_PARAMETERS.contains(&key.as_str()) {
                kept.push((key, value));
            } else if key != "sslrootcert" {
                kept.push((format!("options[{key}]"), value));
            }
        }
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
        Ok(taken)
    }

    fn complete(self, options: PgConnectOptions) -> Result<DatabaseTarget, Mistake> {
        let mode = self.effective_mode()?;
        let (certificate, key) = match mode {
            PgSslMode::Disable => (None, None),
            _ => (self.client_certificate, self.client_key),
        };
        if certificate.is_some() != key.is_some() {
            return Err(ONE_OF_A_PAIR);
        }
        let root_certificate = self.root_certificate.filter(|path| path != SYSTEM);
        let options = match &root_certificate {
            Some(path) => options.ssl_root_cert(path),
            // None beside the public ones, though the driver reads PGSSLROOTCERT too.
            None => options.ssl_root_cert_from_pem(Vec::new()),
        };
        Ok(DatabaseTarget {
            options: options.ssl_mode(mode),
            root_certificate,
            client_certificate: certificate.filter(|text| is_a_path(text)),
            client_key: key.filter(|text| is_a_path(text)),
            ignored: self.ignored,
        })
    }

    /// What libpq makes of the mode together with the root certificate.
    fn effective_mode(&self) -> Result<PgSslMode, Mistake> {
        match (self.mode, self.root_certificate.as_deref()) {
            (None | Some(PgSslMode::VerifyFull), Some(SYSTEM)) => Ok(PgSslMode::VerifyFull),
            (Some(_), Some(SYSTEM)) => Err(SYSTEM_FOR_LESS),
            (Some(PgSslMode::Require), Some(_)) => Ok(PgSslMode::VerifyCa),
            (mode, _) => Ok(mode.unwrap_or_default()),
        }
    }
}

/// The driver takes the text of a certificate or a key in place of a file's name as well.
fn is_a_path(text: &str) -> bool {
    !text.trim_start().starts_with("-----BEGIN")
}

fn port_rule(text: &str) -> Result<(), String> {
    match text.parse::<u16>() {
        Ok(1..) => Ok(()),
        _ => Err("must be a port number from 1 to 65535".into()),
    }
}

fn ssl_mode_rule(text: &str) -> Result<PgSslMode, String> {
    match text.parse() {
        // The driver takes `allow` for `disable`: it never tries TLS.
        Ok(PgSslMode::Allow) | Err(_) => {
            Err("sslmode must be disable, prefer, require, verify-ca or verify-full".into())
        }
        Ok(mode) => Ok(mode),
    }
}
