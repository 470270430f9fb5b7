//! Log lines: one event a line, as JSON for machines or text for people.
//!
//! Promises that only this program's own lines and other libraries' warnings are
//! written, whatever the level: at `trace` the AWS SDK would log requests with their
//! headers, and the driver statements. And, should any text carry a known secret all
//! the same, it is blanked before it leaves the process.

use std::io::{self, IsTerminal, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::secrets::Secrets;
use crate::settings::{LogFormat, LogSettings};

/// Where log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    fn is_terminal(self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
        }
    }

    fn write_all(self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().write_all(bytes),
            Self::Stderr => io::stderr().write_all(bytes),
        }
    }

    fn flush(self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().flush(),
            Self::Stderr => io::stderr().flush(),
        }
    }
}

/// Starts logging, for the rest of the process. Texts in `secrets` never appear.
/// A second call is without effect.
pub fn start(settings: LogSettings, secrets: Secrets, stream: Stream) {
    let is_json = is_json(settings, stream);
    let writer = Blanking { secrets, stream };
    let layer = if is_json {
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_target(false)
            .with_writer(writer)
            .boxed()
    } else {
        fmt::layer().compact().with_target(false).with_ansi(stream.is_terminal()).with_writer(writer).boxed()
    };
    // A filter of the layer's own would lose the line after a question whether another one is
    // wanted; the driver asks that about every notice of the server's.
    let _ = tracing_subscriber::registry().with(filter(settings.level)).with(layer).try_init();
}

/// The span of a whole run: once its field `owner` is recorded, every JSON line has
/// it. People see the owner once, in the first line.
pub fn run_span(settings: LogSettings, stream: Stream) -> tracing::Span {
    if is_json(settings, stream) {
        tracing::error_span!("run", owner = tracing::field::Empty)
    } else {
        tracing::Span::none()
    }
}

fn is_json(settings: LogSettings, stream: Stream) -> bool {
    match settings.format {
        Some(format) => format == LogFormat::Json,
        None => !stream.is_terminal(),
    }
}

fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("llm_proxy_init", level)
        // Refinery's and the SDK's own reports come through our errors.
        .with_target("refinery_core", LevelFilter::OFF)
        .with_target("aws_config", level.min(LevelFilter::ERROR))
}

/// A stream without the secrets.
#[derive(Debug, Clone)]
struct Blanking {
    secrets: Secrets,
    stream: Stream,
}

/// The formatter hands each line over in one piece.
impl Write for Blanking {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.stream.write_all(self.secrets.blank(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<'a> MakeWriter<'a> for Blanking {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_libraries_stay_below_their_warnings() {
        let filter = filter(LevelFilter::TRACE);
        assert!(filter.would_enable("llm_proxy_init::lock", &tracing::Level::TRACE));
        assert!(filter.would_enable("sqlx::query", &tracing::Level::WARN));
        assert!(!filter.would_enable("sqlx::query", &tracing::Level::INFO));
        assert!(!filter.would_enable("aws_smithy_runtime", &tracing::Level::DEBUG));
        assert!(!filter.would_enable("refinery_core::runner", &tracing::Level::ERROR));
    }
}
