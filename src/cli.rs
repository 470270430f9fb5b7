//! The command line: what is to be done, and one flag for each setting, built from the
//! settings' own table.
//!
//! Promises that `--help` shows every setting with its environment variable and its
//! default, that every command which uses settings takes their flags, and that flags
//! only carry raw texts: checking them is the settings' work.

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::validate::Format;
use crate::logging::Stream;
use crate::settings::{Source, table};

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
   65  the provider config is invalid
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
        /// For programs.
        json: bool,
    },
    /// Show what would run.
    MigratePlan {
        /// The highest version to apply.
        to: Option<i64>,
        /// For programs.
        json: bool,
    },
    /// Migrate, and nothing else.
    MigrateUp {
        /// The highest version to apply.
        to: Option<i64>,
    },
}

impl Task {
    /// Where the log goes: a command's answer has stdout to itself.
    pub fn log_stream(&self) -> Stream {
        match self {
            Self::Run | Self::MigrateUp { .. } => Stream::Stdout,
            Self::ConfigValidate { .. } | Self::MigrateStatus { .. } | Self::MigratePlan { .. } => {
                Stream::Stderr
            }
        }
    }
}

/// The command with all its flags.
fn command() -> Command {
    with_settings(Command::new("llm-proxy-init"))
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(AFTER)
        .subcommand(config())
        .subcommand(migrate())
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
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("For programs: one JSON object");
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
    .subcommand(with_settings(status.arg(json.clone())))
    .subcommand(with_settings(plan.args([to.clone(), json])))
    .subcommand(with_settings(up.arg(to)))
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
        command().try_get_matches().map(Self::new)
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
        ["migrate", "status"] => Task::MigrateStatus { json: is_given(matches, "json") },
        ["migrate", "plan"] => Task::MigratePlan { to: version(matches), json: is_given(matches, "json") },
        ["migrate", "up"] => Task::MigrateUp { to: version(matches) },
        _ => Task::Run,
    }
}

fn is_given(matches: &[ArgMatches], name: &str) -> bool {
    matches.first().is_some_and(|innermost| innermost.get_flag(name))
}

fn version(matches: &[ArgMatches]) -> Option<i64> {
    matches.first().and_then(|innermost| innermost.get_one("to")).copied()
}

/// The innermost value of that name. A command that doesn't know the name has none.
fn text(matches: &[ArgMatches], name: &str) -> Option<String> {
    matches.iter().find_map(|matches| matches.try_get_one::<String>(name).ok().flatten()).cloned()
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
