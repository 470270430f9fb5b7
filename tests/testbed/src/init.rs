//! The program under test as a process: its environment, its lines, its end.
//!
//! Tests wait for lines and for the end, never for time to pass.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{Error, Result};

/// After this a test is stuck, not slow.
pub const STUCK: Duration = Duration::from_secs(120);

/// A process that is not started yet. Its environment is empty but for what is set.
#[derive(Debug, Clone)]
pub struct Init {
    program: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

impl Init {
    /// The given program without any environment.
    pub fn new(program: &Path) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: BTreeMap::new() }
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.into(), value.as_ref().to_string_lossy().into_owned());
        self
    }

    /// Removes a variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Runs it by another program, which gets it and its arguments as its last ones.
    #[must_use]
    pub fn inside(mut self, program: &str, arguments: &[&str]) -> Self {
        let program = std::mem::replace(&mut self.program, program.into());
        let outer = arguments.iter().map(ToString::to_string);
        let inner = std::iter::once(program.to_string_lossy().into_owned());
        self.arguments = outer.chain(inner).chain(self.arguments).collect();
        let path = std::env::var("PATH").unwrap_or_default();
        self.env("PATH", path)
    }

    /// Starts it.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn start(&self) -> Result<Running> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let stderr = child.stderr.take().ok_or("no stderr")?;
        Ok(Running {
            child,
            started: Instant::now(),
            incoming: lines(stdout),
            seen: Vec::new(),
            stderr: tokio::spawn(read_all(stderr)),
        })
    }

    /// Starts it and waits for its end.
    ///
    /// # Errors
    /// It can't be started or does not end.
    pub async fn run(&self) -> Result<Finished> {
        self.start()?.finish().await
    }
}

/// A signal to send.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL: it ends without a word.
    Kill,
    /// SIGSTOP: it stands still.
    Freeze,
    /// SIGCONT: it goes on.
    Thaw,
}

/// A process that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    started: Instant,
    incoming: UnboundedReceiver<String>,
    seen: Vec<String>,
    stderr: tokio::task::JoinHandle<String>,
}

impl Running {
    /// The next line of its log, as soon as it is written; `None` at its end.
    pub async fn next_line(&mut self) -> Option<String> {
        let line = self.incoming.recv().await?;
        self.seen.push(line.clone());
        Some(line)
    }

    /// Waits for a line that contains `text`.
    ///
    /// # Errors
    /// The process ends without it, or takes too long.
    pub async fn wait_for(&mut self, text: &str) -> Result<String> {
        let searching = async {
            while let Some(line) = self.next_line().await {
                if line.contains(text) {
                    return Some(line);
                }
            }
            None
        };
        let found = tokio::time::timeout(STUCK, searching).await;
        found.ok().flatten().ok_or_else(|| format!("no line with {text:?} in {:#?}", self.seen).into())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// The process has ended already.
    pub async fn signal(&self, signal: Signal) -> Result<()> {
        let name = match signal {
            Signal::Interrupt => "INT",
            Signal::Terminate => "TERM",
            Signal::Kill => "KILL",
            Signal::Freeze => "STOP",
            Signal::Thaw => "CONT",
        };
        let process = self.child.id().ok_or("the process has ended already")?;
        let sent = Command::new("/bin/sh").arg("-c").arg(format!("kill -{name} {process}")).status().await?;
        if sent.success() { Ok(()) } else { Err("kill failed".into()) }
    }

    /// Waits for its end and everything it has written.
    ///
    /// # Errors
    /// It does not end.
    pub async fn finish(mut self) -> Result<Finished> {
        let ending = async {
            while self.next_line().await.is_some() {}
            let status = self.child.wait().await?;
            Ok::<_, Error>(Finished {
                status,
                duration: self.started.elapsed(),
                stdout: std::mem::take(&mut self.seen),
                stderr: (&mut self.stderr).await?,
            })
        };
        match tokio::time::timeout(STUCK, ending).await {
            Ok(finished) => finished,
            Err(_) => Err(format!("still running after {STUCK:?}: {:#?}", self.seen).into()),
        }
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    status: ExitStatus,
    /// From start to end.
    pub duration: Duration,
    /// Its log, line by line.
    pub stdout: Vec<String>,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Finished {
    /// Its exit code; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Its log as JSON.
    ///
    /// # Panics
    /// When a line is no JSON object: that is a defect of the program under test.
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &String| {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(value.is_object(), "{line}");
            value
        };
        self.stdout.iter().map(parse).collect()
    }

    /// The last line of its log as JSON.
    ///
    /// # Panics
    /// When there is none.
    pub fn last(&self) -> Value {
        self.json().pop().expect("the log is empty")
    }

    /// Everything it has written.
    pub fn output(&self) -> String {
        format!("{}\n{}", self.stdout.join("\n"), self.stderr)
    }
}

fn lines(stream: impl AsyncRead + Unpin + Send + 'static) -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

async fn read_all(mut stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
