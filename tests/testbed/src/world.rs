//! One tenant of the testbed: a database, an AWS account and a config folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_sdk_ssm::types::ParameterType;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::{Account, AwsCli, Init, Result, Testbed, home, install};

/// A provider config that the application accepts.
pub const PROVIDERS: &str = "\
# The providers that llm-proxy serves.
default_api: openai
apis:
  openai:
    base_url: https://api.openai.com
    allowed_endpoints:
      - /v1/chat/completions
      - /v1/models
    allowed_methods: [GET, POST, OPTIONS]
    timeouts:
      request: 300s
      flush_interval: 100ms
    param_whitelist:
      model: [gpt-4o, 'gpt-4.1-*']
  anthropic:
    base_url: https://api.anthropic.com
    allowed_endpoints: [/v1/messages]
    allowed_methods: [POST]
";

/// Mounts an empty, read-only file system on `$1`, then runs the rest.
const READ_ONLY: &str = r#"mount -t tmpfs -o ro none "$1" && shift && exec "$@""#;

/// Prepares mounts of its own around the folder `$1`, then runs the rest; what the folder
/// holds in the end goes to stderr.
const OWN_MOUNTS: &str = r#"folder=$1; shift; PREPARE
"$@"; code=$?
ls -A "$folder" >&2; cat "$folder/api_providers.yaml" >&2
exit $code"#;

/// A database with its owner, an account with lock table and parameter, and an empty
/// folder for the config file.
#[derive(Debug)]
pub struct World<'a> {
    /// The servers it lives on.
    pub testbed: &'a Testbed,
    /// The account, with the default lock table and parameter in it.
    pub account: Account,
    /// The name of the database and of the role that owns it.
    pub database: String,
    /// The role's password.
    pub password: String,
    folder: PathBuf,
    program: PathBuf,
}

impl<'a> World<'a> {
    /// A new world, in which `program` is the program under test.
    ///
    /// # Errors
    /// Those of the servers.
    pub async fn new(testbed: &'a Testbed, program: &Path) -> Result<Self> {
        let unique = Uuid::new_v4().simple().to_string();
        let world = Self {
            testbed,
            account: testbed.aws.account().await,
            database: format!("proxy_{unique}"),
            password: format!("s3same-{unique}"),
            folder: testbed.aws.folder.join(&unique),
            program: program.into(),
        };
        fs::create_dir(&world.folder)?;
        testbed.postgres.create_database(&world.database, &world.password).await?;
        world.account.create_lock_table("llm-proxy-locks", "lock_id").await?;
        let secret = ParameterType::SecureString;
        world.account.put_parameter("/llm-proxy/api-providers", secret, PROVIDERS).await?;
        Ok(world)
    }

    /// The program with the environment that a task would have.
    pub fn init(&self) -> Init {
        self.other(&self.program)
    }

    /// Another program with the same environment.
    pub fn other(&self, program: &Path) -> Init {
        let init = Init::new(program)
            .env("DATABASE_URL", self.database_url(""))
            .env("CONFIG_PATH", self.config_file());
        let variables = self.account.variables(&self.testbed.aws);
        variables.into_iter().fold(init, |init, (name, value)| init.env(&name, value))
    }

    /// The script that the program replaces, with the `goose` of that folder. Its migrations
    /// are not set.
    ///
    /// # Errors
    /// The AWS CLI can't be installed.
    pub fn script(&self, goose: &Path) -> Result<Init> {
        let script = home::repository().join("tests/fleet/script.sh");
        let script = self.other(Path::new("/bin/sh")).arg(&script.to_string_lossy());
        Ok(AwsCli::installed()?.give_to(script, goose))
    }

    /// The same with a stand-in for goose, which works for so many seconds and marks in the
    /// file `marks` when it has.
    ///
    /// # Errors
    /// The AWS CLI can't be installed.
    pub fn script_with_stand_in(&self, seconds: f64, marks: &Path) -> Result<Init> {
        let script = self.script(&home::repository().join("tests/fleet/stand-in"))?;
        Ok(script.env("WORK", seconds.to_string()).env("MARKS", marks).env("MIGRATIONS", "unused"))
    }

    /// The program with the config folder mounted read-only, as a task definition may have
    /// it by mistake: in a mount namespace of its own, for which root is needed, or
    /// else by the folder's mode.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn init_with_read_only_config_folder(&self) -> Result<Init> {
        if !install::is_root() {
            fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o555))?;
            return Ok(self.init());
        }
        let folder = self.folder.to_string_lossy();
        Ok(self.init().inside("unshare", &["--mount", "/bin/sh", "-c", READ_ONLY, "sh", &folder]))
    }

    /// A run of the program with mounts of its own. Shell commands prepare them, with the
    /// config folder as `$folder` and the program's command line as `$@`. What the folder
    /// holds afterwards is in the run's output. `None`, with a word on stderr, where nobody
    /// but root may mount.
    pub fn init_in_own_mounts(&self, prepare: &str) -> Option<Init> {
        let rights: &[&str] = if install::is_root() { &["--mount"] } else { &["--mount", "--map-root-user"] };
        let probe = std::process::Command::new("unshare").args(rights).arg("true").output();
        if !probe.is_ok_and(|probe| probe.status.success()) {
            eprintln!("testbed: SKIPPED, only root may mount here");
            return None;
        }
        let script = OWN_MOUNTS.replace("PREPARE", prepare);
        let folder = self.folder.to_string_lossy();
        let shell = ["/bin/sh", "-c", &script, "sh", &folder];
        Some(self.init().inside("unshare", &[rights, &shell].concat()))
    }

    /// The database's URL with `query` after it.
    pub fn database_url(&self, query: &str) -> String {
        self.database_url_through(self.testbed.postgres.port, query)
    }

    /// The same with another port, such as a proxy's, in place of the server's.
    pub fn database_url_through(&self, port: u16, query: &str) -> String {
        let (name, password) = (&self.database, &self.password);
        format!("postgres://{name}:{password}@127.0.0.1:{port}/{name}{query}")
    }

    /// The config file that a run writes.
    pub fn config_file(&self) -> PathBuf {
        self.folder.join("api_providers.yaml")
    }

    /// The folder of the config file.
    pub fn config_folder(&self) -> &Path {
        &self.folder
    }

    /// Connects to the database as superuser.
    ///
    /// # Errors
    /// Those of the driver.
    pub async fn connect(&self) -> Result<PgConnection> {
        self.testbed.postgres.connect(&self.database).await
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
