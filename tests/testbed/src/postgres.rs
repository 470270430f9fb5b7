//! A throw-away PostgreSQL server: made by initdb in a temporary folder, with
//! passwords and TLS switched on, so that both can be tested for real.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::keeper::{Ids, Keeper};
use crate::tls::{Certificate, Certificates};
use crate::{Result, home, install};

const SUPERUSER: &str = "postgres";
const PASSWORD: &str = "the-superusers-own";
/// Its members are let in without a password.
const TRUSTED: &str = "trusted";

/// A server that can be started and stopped.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    ids: Option<Ids>,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// Its certificate's authority, and another one.
    pub certificates: Certificates,
    without_tls: AtomicBool,
    keeper: Mutex<Option<Keeper>>,
}

impl Postgres {
    /// Makes a server that does not run yet.
    ///
    /// # Errors
    /// The programs can be neither found nor installed, or initdb fails.
    pub fn create() -> Result<Self> {
        let programs = install::postgres_programs()?;
        let folder = home::temporary("postgres")?;
        let ids = if install::is_root() { Some(unprivileged_user()?) } else { None };
        let certificates = Certificates::make(&folder)?;
        let password = folder.join("password");
        fs::write(&password, PASSWORD)?;
        own_all(&folder, ids)?;
        let server = Self {
            programs,
            folder,
            ids,
            port: home::free_port()?,
            certificates,
            without_tls: AtomicBool::default(),
            keeper: Mutex::default(),
        };
        server.initdb(&password)?;
        Ok(server)
    }

    fn initdb(&self, password: &Path) -> Result<()> {
        let mut initdb = self.command("initdb");
        initdb.args([
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--username",
            SUPERUSER,
        ]);
        initdb.arg("--pwfile").arg(password).arg("--pgdata").arg(self.folder.join("data"));
        succeed(&mut initdb)?;
        let rules = self.folder.join("data/pg_hba.conf");
        let others = fs::read_to_string(&rules)?;
        Ok(fs::write(rules, format!("host all +{TRUSTED} 127.0.0.1/32 trust\n{others}"))?)
    }

    /// One of the server programs, as the server's user.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir("/").env("LC_ALL", "C");
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }

    /// Makes the stopped server come up as one that answers every login with "not yet"
    /// (SQLSTATE 57P03), as a server does that is starting or recovering.
    ///
    /// # Errors
    /// Those of the file system, or the server does not come up.
    pub fn start_not_accepting(&self) -> Result<()> {
        let signal = self.folder.join("data/standby.signal");
        fs::write(&signal, "")?;
        own(&signal, self.ids)?;
        fs::write(self.folder.join("data/postgresql.auto.conf"), "hot_standby = off\n")?;
        self.start_until(!self.without_tls.load(Ordering::Relaxed), "entering standby mode")
    }

    /// Lets such a server accept logins.
    ///
    /// # Errors
    /// The server does not follow.
    pub fn accept(&self) -> Result<()> {
        let mut promote = self.command("pg_ctl");
        succeed(promote.args(["promote", "--pgdata"]).arg(self.folder.join("data")))
    }

    /// Starts the server and waits until it takes connections. It speaks TLS if its
    /// build can: a wheel's may not.
    ///
    /// # Errors
    /// It does not come up; its log is in the message.
    pub fn start(&self) -> Result<()> {
        match self.start_with(true) {
            Err(error) if error.to_string().contains("SSL is not supported by this build") => {
                self.without_tls.store(true, Ordering::Relaxed);
                self.start_with(false)
            }
            outcome => outcome,
        }
    }

    /// Starts the server without TLS.
    ///
    /// # Errors
    /// It does not come up; its log is in the message.
    pub fn start_without_tls(&self) -> Result<()> {
        self.without_tls.store(true, Ordering::Relaxed);
        self.start_with(false)
    }

    /// Gives the stopped server another certificate.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn certify(&self, kind: Certificate) -> Result<()> {
        self.certificates.issue(&self.folder, kind)
    }

    /// Whether the server speaks TLS; where not, says on stderr that tests are skipped.
    pub fn speaks_tls(&self) -> bool {
        let without = self.without_tls.load(Ordering::Relaxed);
        if without {
            eprintln!(
                "testbed: SKIPPED, this PostgreSQL build has no TLS: install PostgreSQL's server package"
            );
        }
        !without
    }

    fn start_with(&self, tls: bool) -> Result<()> {
        self.start_until(tls, "ready to accept connections")
    }

    /// Starts the server and waits until its log has `ready`.
    fn start_until(&self, tls: bool, ready: &str) -> Result<()> {
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        let (program, data) = (path(self.programs.join("postgres")), path(self.folder.join("data")));
        let (certificate, key) = self.certificates.of_server(&self.folder);
        let settings = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".into(),
            format!("unix_socket_directories={}", self.folder.display()),
            format!("ssl={}", if tls { "on" } else { "off" }),
            format!("ssl_cert_file={}", certificate.display()),
            format!("ssl_key_file={}", key.display()),
            "log_connections=on".into(),
            "max_connections=300".into(),
            // Nothing here needs to outlive a crash of the machine.
            "fsync=off".into(),
            "full_page_writes=off".into(),
        ];
        let mut command = vec![program.as_str(), "-D", &data];
        command.extend(settings.iter().flat_map(|setting| ["-c", setting]));
        fs::write(self.folder.join("keep"), "")?;
        let keeper = Keeper::start(&command, &self.folder, "INT", self.ids)?;
        keeper.wait_until(|| match keeper.log() {
            log if log.contains("FATAL:") => Err(format!("PostgreSQL does not start: {log}").into()),
            log => Ok(log.contains(ready)),
        })?;
        fs::remove_file(self.folder.join("keep"))?;
        *self.keeper.lock().map_err(|_| "poisoned")? = Some(keeper);
        Ok(())
    }

    /// Stops the server; it can be started again.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn stop(&self) -> Result<()> {
        let keep = self.folder.join("keep");
        fs::write(&keep, "")?;
        drop(self.keeper.lock().map_err(|_| "poisoned")?.take());
        fs::remove_file(keep)?;
        Ok(())
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        self.keeper.lock().ok().and_then(|keeper| keeper.as_ref().map(Keeper::log)).unwrap_or_default()
    }

    /// Connects as superuser.
    ///
    /// # Errors
    /// Those of the driver.
    pub async fn connect(&self, database: &str) -> Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(SUPERUSER)
            .password(PASSWORD)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
            .disable_statement_logging();
        Ok(options.connect().await?)
    }

    /// A database's schema and data as `pg_dump` writes them, without what is different in each
    /// dump. `arguments` say what to leave out.
    ///
    /// # Errors
    /// `pg_dump` is not beside the server programs, or fails.
    pub async fn dump(&self, database: &str, arguments: &[&str]) -> Result<String> {
        let mut dump = tokio::process::Command::from(self.command("pg_dump"));
        dump.args(["--host=127.0.0.1", "--username", SUPERUSER, "--dbname", database]).args(arguments);
        let said = dump.env("PGPORT", self.port.to_string()).env("PGPASSWORD", PASSWORD).output().await?;
        if !said.status.success() {
            return Err(format!("pg_dump failed: {}", String::from_utf8_lossy(&said.stderr)).into());
        }
        // Newer releases put a random word around everything.
        let is_random = |line: &&str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
        let text = String::from_utf8(said.stdout)?;
        Ok(text.lines().filter(|line| !is_random(line)).fold(String::new(), |dump, line| dump + line + "\n"))
    }

    /// Lets a role in without a password from now on: proving that one knows it takes most of a
    /// short run's time in a build without optimisation.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn trust(&self, role: &str) -> Result<()> {
        let mut connection = self.connect("postgres").await?;
        let group = format!(
            "DO $$ BEGIN CREATE ROLE {TRUSTED}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
        );
        for statement in [group, format!("GRANT {TRUSTED} TO {role}")] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }

    /// Creates a role that may log in and a database that it owns, both called `name`.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn create_database(&self, name: &str, password: &str) -> Result<()> {
        let mut connection = self.connect("postgres").await?;
        for statement in [
            format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"),
            format!("CREATE DATABASE {name} OWNER {name}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        connection.close().await?;
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The keeper removes the folder; a server that never ran has none.
        if let Ok(keeper) = self.keeper.get_mut()
            && keeper.take().is_none()
        {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A user that is not root, by preference the one made for the server.
pub(crate) fn unprivileged_user() -> Result<Ids> {
    let users = fs::read_to_string("/etc/passwd")?;
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).ok_or_else(|| "no user but root to run PostgreSQL as".into())
}

pub(crate) fn own_all(folder: &Path, ids: Option<Ids>) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    own(folder, ids)?;
    for entry in fs::read_dir(folder)? {
        own(&entry?.path(), ids)?;
    }
    Ok(())
}

fn own(path: &Path, ids: Option<Ids>) -> Result<()> {
    let Some((user, group)) = ids else { return Ok(()) };
    Ok(chown(path, Some(user), Some(group))?)
}

fn succeed(command: &mut Command) -> Result<()> {
    let said = command.output()?;
    if said.status.success() {
        return Ok(());
    }
    let program = command.get_program().display();
    Err(format!("{program} failed: {}", String::from_utf8_lossy(&said.stderr)).into())
}
