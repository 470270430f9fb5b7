//! Parse, run, map the outcome to an exit code.

#![forbid(unsafe_code)]

use std::process;
use std::time::Duration;

use llm_proxy_init::cli::CommandLine;
use llm_proxy_init::error::Error;
use llm_proxy_init::exit::ExitCode;
use llm_proxy_init::settings::{LogSettings, Settings, secrets};
use llm_proxy_init::stop::Stop;
use llm_proxy_init::{commands, environment, logging};

/// How long the process waits for its threads when everything else is done.
const LAST_MOMENT: Duration = Duration::from_secs(1);

fn main() -> process::ExitCode {
    let command_line = match CommandLine::of_process() {
        Ok(command_line) => command_line,
        Err(answer) => return answer_without_running(&answer),
    };
    if let Some(code) = commands::run_offline(&command_line.task) {
        return code.into();
    }
    let log = LogSettings::read(&command_line).unwrap_or_default();
    let stream = command_line.task.log_stream();
    logging::start(log, secrets(&command_line), stream);
    exit_by_table_on_panic();
    let _run = logging::run_span(log, stream).entered();

    let code = run(&command_line).unwrap_or_else(|error| {
        let code = ExitCode::from(&error);
        tracing::error!(step = error.step(), exit_code = code.code(), "{error}");
        code
    });
    code.into()
}

fn run(command_line: &CommandLine) -> Result<ExitCode, Error> {
    environment::drop_empty()?;
    let settings = Settings::read(command_line)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let outcome = runtime.block_on(async {
        let stop = Stop::on_signals().map_err(Error::Runtime)?;
        commands::run(&command_line.task, &settings, &stop).await
    });
    // What a thread still does is worth a moment, such as taking a temporary file away, and not
    // more: a disk or a resolver that hangs must not keep the process from its end.
    runtime.shutdown_timeout(LAST_MOMENT);
    outcome
}

/// `--help` and `--version` are answers; anything else that ends parsing is misuse.
fn answer_without_running(answer: &clap::Error) -> process::ExitCode {
    let printed = answer.print();
    match (answer.use_stderr(), printed) {
        (false, Ok(())) => ExitCode::Done.into(),
        _ => ExitCode::Usage.into(),
    }
}

/// A panic is a bug of ours and says so, in the log and by its code.
fn exit_by_table_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(step = "bug", exit_code = ExitCode::Software.code(), "{panic}; report this as a bug");
        process::exit(ExitCode::Software.code().into());
    }));
}
