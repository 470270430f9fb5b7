//! A throw-away PgBouncer in front of a PostgreSQL server.

use std::fs;

use crate::keeper::Keeper;
use crate::{Postgres, Result, home, install, postgres};

/// A running pooler. It ends when it is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    _keeper: Keeper,
}

impl PgBouncer {
    /// Starts one for the server and a user of it; `mode` is its `pool_mode`, with further
    /// settings in lines after it. `None`, with a word on stderr, where there is none and none can be installed.
    ///
    /// # Errors
    /// It does not come up; its log is in the message.
    pub fn start(server: &Postgres, user: &str, password: &str, mode: &str) -> Result<Option<Self>> {
        let Some(program) = install::debian_program("pgbouncer", "pgbouncer")? else { return Ok(None) };
        let folder = home::temporary("pgbouncer")?;
        let port = home::free_port()?;
        let users = folder.join("users");
        fs::write(&users, format!("\"{user}\" \"{password}\"\n"))?;
        let settings = [
            "[databases]".to_owned(),
            format!("* = host=127.0.0.1 port={}", server.port),
            "[pgbouncer]".into(),
            "listen_addr = 127.0.0.1".into(),
            format!("listen_port = {port}"),
            "unix_socket_dir =".into(),
            "auth_type = scram-sha-256".into(),
            format!("auth_file = {}", users.display()),
            format!("pool_mode = {mode}"),
        ];
        let file = folder.join("pgbouncer.ini");
        fs::write(&file, settings.join("\n"))?;
        // It refuses to be root, as the server does.
        let ids = if install::is_root() { Some(postgres::unprivileged_user()?) } else { None };
        postgres::own_all(&folder, ids)?;
        let (program, file) = (program.to_string_lossy(), file.to_string_lossy());
        let keeper = Keeper::start(&[&program, &file], &folder, "KILL", ids)?;
        keeper.wait_until(|| match keeper.log() {
            log if log.contains("FATAL") => Err(format!("PgBouncer does not start: {log}").into()),
            log => Ok(log.contains("process up")),
        })?;
        Ok(Some(Self { port, _keeper: keeper }))
    }
}
