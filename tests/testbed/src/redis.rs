//! A throw-away Redis server, with TLS and access control, in memory alone.

use std::fs;
use std::path::PathBuf;

use crate::keeper::Keeper;
use crate::tls::{Certificate, Certificates};
use crate::{Result, home, install};

/// What it is to be like.
#[derive(Debug, Clone, Copy)]
pub struct RedisKind {
    /// Its certificate.
    pub certificate: Certificate,
    /// Whether it takes plain text too, on a port of its own.
    pub plain: bool,
    /// Whether it asks for [`Redis::PASSWORD`].
    pub password: bool,
}

/// A running server. It ends when it is dropped.
#[derive(Debug)]
pub struct Redis {
    /// Where it listens for plain text, on 127.0.0.1; 0 where it does not.
    pub port: u16,
    /// Where it listens for TLS.
    pub tls_port: u16,
    /// Its certificate's authority, and another one.
    pub certificates: Certificates,
    _keeper: Keeper,
}

impl Redis {
    /// The password of its user `default`, where it asks for one, and of its other users.
    pub const PASSWORD: &str = "r3dis-s3same";
    /// A user who may do everything.
    pub const USER: &str = "app";
    /// A user who may log in and no more.
    pub const LIMITED_USER: &str = "limited";

    /// Starts a server; `None`, with a word on stderr, where there is none and none can be
    /// installed.
    ///
    /// # Errors
    /// It does not come up; its log is in the message.
    pub fn start(kind: RedisKind) -> Result<Option<Self>> {
        let Some(program) = install::debian_program("redis-server", "redis-server")? else { return Ok(None) };
        let folder = home::temporary("redis")?;
        let certificates = Certificates::make(&folder)?;
        certificates.issue(&folder, kind.certificate)?;
        let (certificate, key) = certificates.of_server(&folder);
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        let port = if kind.plain { home::free_port()? } else { 0 };
        let tls_port = home::free_port()?;
        let mut settings = vec![
            format!("port {port}"),
            format!("tls-port {tls_port}"),
            format!("tls-cert-file {}", path(certificate)),
            format!("tls-key-file {}", path(key)),
            format!("tls-ca-cert-file {}", certificates.authority.display()),
            "tls-auth-clients no".into(),
            "bind 127.0.0.1".into(),
            "save \"\"".into(),
            format!("dir {}", folder.display()),
            format!("user {} on >{} ~* +@all", Self::USER, Self::PASSWORD),
            format!("user {} on >{} ~* -@all", Self::LIMITED_USER, Self::PASSWORD),
        ];
        if kind.password {
            settings.push(format!("requirepass {}", Self::PASSWORD));
        }
        let file = folder.join("redis.conf");
        fs::write(&file, settings.join("\n"))?;
        let command = [path(program), path(file)];
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let keeper = Keeper::start(&command, &folder, "TERM", None)?;
        keeper.wait_until(|| match keeper.log() {
            log if log.contains("FATAL") || log.contains("Failed") => {
                Err(format!("Redis does not start: {log}").into())
            }
            log => Ok(log.contains("Ready to accept connections")),
        })?;
        Ok(Some(Self { port, tls_port, certificates, _keeper: keeper }))
    }
}
