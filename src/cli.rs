//! The command line: what is to be done, and one flag for each setting, built from the
//! settings' own table.
//!
//! Promises that `--help` shows every setting with its environment variable and its
//! default, that every command which uses settings takes their flags, that flags only
//! carry raw texts: checking them is the settings' work; and that a refusal of the
//! arguments quotes nothing that may carry a password.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::answer::Form;
use crate::config::validate::Format;
use crate::logging::Stream;
use crate::secrets;
use crate::settings::{Source, table};
use crate::unlock::Consent;

const ABOUT: &str = "Prepares a task before llm-proxy starts: takes the lock, writes the provider \
    config, migrates the database, releases the lock.";

const AFTER: &str = "\
Durations: 300, 300s, 5m, 500ms. An empty environment variable counts as unset; a flag wins.
AWS region, credentials and endpoints come from the SDK's own variables (AWS_REGION,
AWS_ENDPOINT_URL, ...). Prefer DATABASE_URL to --database-url: a process's arguments are public.

Exit codes:
    0  done
    1  a migration failed and was rolled back
   64  bad usage or settings
   65  the provider config or a migration file is invalid
   69  DynamoDB, SSM or PostgreSQL can't be reached
   70  a bug of this program
   73  the config file can't be written
   75  gave up waiting for the lock
   76  the lease was lost while working: an outage or a theft, the log says which
   77  permission denied or credentials missing
   78  the lock table, the parameter or the database doesn't exist or has the wrong shape
  130  stopped by SIGINT, in good order
  143  stopped by SIGTERM, in good order";

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// The whole job.
    Run,
    /// Check a provider config offline.
    ConfigValidate {
        /// A path, or `-`.
        file: String,
        /// The form of the answer.
        format: Format,
    },
    /// Show where each migration stands.
    MigrateStatus {
        /// The form of the answer.
        form: Form,
    },
    /// Show what would run.
    MigratePlan {
        /// The highest version to apply.
        to: Option<i64>,
        /// The form of the answer.
        form: Form,
    },
    /// Migrate, and nothing else.
    MigrateUp {
        /// The highest version to apply.
        to: Option<i64>,
    },
    /// Try everything that a task needs.
    Check {
        /// Whether to put and delete an item beside the lock.
        write: bool,
        /// The form of the answer.
        form: Form,
    },
    /// Tell what there is: lock, schema, config.
    Status {
        /// Whether to watch the holder until it is known to live or to be dead.
        watch: bool,
        /// The form of the answer.
        form: Form,
    },
    /// Remove the lock by hand.
    Unlock(Consent),
    /// Copy this program to a folder.
    Install {
        /// The folder.
        folder: PathBuf,
    },
}

impl Task {
    /// Where the log goes: a command's answer has stdout to itself.
    pub fn log_stream(&self) -> Stream {
        match self {
            Self::Run | Self::MigrateUp { .. } => Stream::Stdout,
            _ => Stream::Stderr,
        }
    }
}

/// The command with all its flags.
fn command() -> Command {
    with_settings(Command::new("llm-proxy-init"))
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(AFTER)
        .subcommands([check(), status(), unlock(), install(), migrate(), config()])
        .max_term_width(100)
}

/// Adds a flag for every setting.
fn with_settings(command: Command) -> Command {
    table::ALL.iter().fold(command, |command, setting| {
        let default = setting.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
        let arg = Arg::new(setting.flag).long(setting.flag);
        let arg = if setting.value.is_empty() {
            arg.num_args(0..=1).require_equals(true).value_name("true|false").default_missing_value("true")
        } else {
            arg.value_name(setting.value)
        };
        command.arg(
            arg.help_heading(setting.group)
                .help(format!("{}\n[env: {}]{default}", setting.help, setting.env)),
        )
    })
}

/// `config validate`: what needs nothing but a file.
fn config() -> Command {
    let file =
        Arg::new("file").value_name("FILE").required(true).help("The file to check, or - for standard input");
    let format = Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["text", "json", "github"])
        .default_value("text");
    let format = format.help("For people, for programs, or as annotations of a GitHub pull request");
    let validate = Command::new("validate")
        .about("Check a provider config offline, as a task would: 0 when it is valid, 65 when not")
        .args([file, format]);
    group("config", "Work on provider configs").subcommand(validate)
}

/// `migrate status`, `plan` and `up`.
fn migrate() -> Command {
    let to = Arg::new("to").long("to").value_name("VERSION").value_parser(clap::value_parser!(i64));
    let to = to.help("The highest version to apply; without it all are");
    let status = Command::new("status")
        .about("Show each migration as both ledgers have it: applied, pending, missing, divergent, unknown");
    let plan = Command::new("plan").about("Print the SQL that a run would execute, and change nothing");
    let up = Command::new("up").about("Migrate, under the lock and the fence, and do nothing else");
    group(
        "migrate",
        "See what migrations there are, and apply them. There is no `down`: see docs/migrations.md",
    )
    .subcommand(with_settings(status.arg(json())))
    .subcommand(with_settings(plan.args([to.clone(), json()])))
    .subcommand(with_settings(up.arg(to)))
}

/// `check`: everything that a task needs, tried from where it runs.
fn check() -> Command {
    let write = switch("write", "Also put and delete an item of its own in the lock table");
    with_settings(Command::new("check"))
        .about("Try everything that a task needs, from where it runs; 0 when nothing failed")
        .args([write, json()])
}

/// `status`: who holds the lock, and how schema and config stand.
fn status() -> Command {
    let watch = switch("watch", "Watch the holder until it renews the lock or its lease is over");
    with_settings(Command::new("status"))
        .about("Tell who holds the lock, what is pending, and whether the config differs")
        .args([watch, json()])
}

/// `unlock`: removes the holder that it shows.
fn unlock() -> Command {
    let token = Arg::new("token").long("token").value_name("TOKEN");
    let expires_at = Arg::new("expires-at").long("expires-at").value_name("EPOCH_SECONDS");
    let expires_at = expires_at.value_parser(clap::value_parser!(i64)).conflicts_with("token");
    with_settings(Command::new("unlock"))
        .about("Show the holder, ask, remove exactly that lock item and end its database sessions")
        .arg(token.help("Only the lock that bears this token"))
        .arg(expires_at.help("Only an init.sh task's lock that runs out at this second"))
        .arg(switch("yes", "Don't ask; needs --token or --expires-at"))
}

/// `install`: brings the program to where it can be run by hand.
fn install() -> Command {
    let folder = Arg::new("folder").value_name("DIR").required(true);
    Command::new("install")
        .about("Copy this program to a folder, such as a volume that the proxy's container shares")
        .arg(folder.value_parser(clap::value_parser!(PathBuf)).help("The folder; it must be there"))
}

fn json() -> Arg {
    switch("json", "Answer with one JSON object")
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// A command that only has commands of its own.
fn group(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).subcommand_required(true).arg_required_else_help(true)
}

/// What was asked for, the flags that were given, and the process's environment.
#[derive(Debug)]
pub struct CommandLine {
    /// What is to be done.
    pub task: Task,
    /// The innermost command's first: the nearer flag wins.
    matches: Vec<ArgMatches>,
}

impl CommandLine {
    /// Reads the process's arguments.
    ///
    /// # Errors
    /// They are wrong, or ask for help or the version.
    pub fn of_process() -> Result<Self, clap::Error> {
        command().try_get_matches().map(Self::new).map_err(blanked)
    }

    fn new(matches: ArgMatches) -> Self {
        let (mut path, mut levels) = (Vec::new(), vec![matches]);
        while let Some((name, inner)) = levels.first().and_then(ArgMatches::subcommand) {
            path.push(name.to_owned());
            let inner = inner.clone();
            levels.insert(0, inner);
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        Self { task: task(&path, &levels), matches: levels }
    }
}

/// The refusal without the arguments that may carry a password: a URL where no value was
/// expected is quoted by the parser as it stands.
fn blanked(mut refusal: clap::Error) -> clap::Error {
    let carries_one = |value: &ContextValue| secrets::may_carry_one(&value.to_string());
    let telling: Vec<ContextKind> =
        refusal.context().filter(|(_, value)| carries_one(value)).map(|(kind, _)| kind).collect();
    for kind in telling {
        refusal.insert(kind, ContextValue::String(secrets::BLANK.into()));
    }
    refusal
}

fn task(path: &[&str], matches: &[ArgMatches]) -> Task {
    match path {
        ["config", "validate"] => {
            let file = text(matches, "file").unwrap_or_default();
            let format = match text(matches, "format").as_deref() {
                Some("json") => Format::Json,
                Some("github") => Format::Github,
                _ => Format::Text,
            };
            Task::ConfigValidate { file, format }
        }
        ["migrate", "status"] => Task::MigrateStatus { form: form(matches) },
        ["migrate", "plan"] => Task::MigratePlan { to: value(matches, "to"), form: form(matches) },
        ["migrate", "up"] => Task::MigrateUp { to: value(matches, "to") },
        ["check"] => Task::Check { write: is_set(matches, "write"), form: form(matches) },
        ["status"] => Task::Status { watch: is_set(matches, "watch"), form: form(matches) },
        ["unlock"] => Task::Unlock(Consent {
            token: text(matches, "token"),
            expires_at: value(matches, "expires-at"),
            yes: is_set(matches, "yes"),
        }),
        ["install"] => Task::Install { folder: value(matches, "folder").unwrap_or_default() },
        _ => Task::Run,
    }
}

fn form(matches: &[ArgMatches]) -> Form {
    if is_set(matches, "json") { Form::Json } else { Form::Text }
}

fn is_set(matches: &[ArgMatches], name: &str) -> bool {
    value(matches, name).unwrap_or(false)
}

/// The innermost value of that name. A command that doesn't know the name has none.
fn text(matches: &[ArgMatches], name: &str) -> Option<String> {
    value(matches, name)
}

fn value<T: Clone + Send + Sync + 'static>(matches: &[ArgMatches], name: &str) -> Option<T> {
    matches.iter().find_map(|matches| matches.try_get_one::<T>(name).ok().flatten()).cloned()
}

impl Source for CommandLine {
    fn flag(&self, name: &str) -> Option<String> {
        text(&self.matches, name)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn help_names_every_setting_with_variable_and_default() {
        let help = command().render_long_help().to_string();
        let words: Vec<&str> = help.split_whitespace().collect();
        let help = words.join(" ");
        for setting in table::ALL {
            let value = if setting.value.is_empty() {
                "[=<true|false>]".to_owned()
            } else {
                format!(" <{}>", setting.value)
            };
            assert!(help.contains(&format!("--{}{value}", setting.flag)), "{}", setting.flag);
            assert!(help.contains(&format!("[env: {}]", setting.env)), "{}", setting.env);
            if let Some(default) = setting.default {
                assert!(help.contains(&format!("[default: {default}]")), "{default}");
            }
        }
    }

    #[test]
    fn a_command_without_a_flag_of_that_name_has_no_value() {
        let line =
            CommandLine::new(command().get_matches_from(["llm-proxy-init", "config", "validate", "f"]));
        assert_eq!(line.task, Task::ConfigValidate { file: "f".into(), format: Format::Text });
        assert_eq!(line.flag("lock-table"), None);
    }
}
