//! Stopping: the one way in which anything tells everything else to end.
//!
//! Promises that the first cause wins and stays, that [`Stop::requested`] is cheap
//! to await from many places, and that work that must not be cut in the middle
//! (a request that may change the lock) can choose its own points to look.

use std::{fmt, io};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// A signal that ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM, as from ECS when it stops a task.
    Terminate,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        })
    }
}

/// Why everything has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A signal came.
    Signal(Signal),
    /// Another step has failed and reports its own error.
    Failure,
    /// There is nothing to migrate: nobody need wait for the lock.
    NothingToDo,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => signal.fmt(f),
            Self::Failure => f.write_str("another step's failure"),
            Self::NothingToDo => f.write_str("having nothing to do"),
        }
    }
}

/// A handle that is shared by all who may ask for, or must heed, an early end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<Option<Cause>>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Stop {
    /// A handle that SIGINT and SIGTERM trip. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the operating system refuses the handlers.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let handle = stop.clone();
        tokio::spawn(async move {
            let signal = tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = terminate.recv() => Signal::Terminate,
            };
            tracing::warn!(step = "stop", %signal, "{signal} received; ending in good order");
            handle.request(Cause::Signal(signal));
        });
        Ok(stop)
    }

    /// Asks everything to end. The first cause counts; only a signal outranks having
    /// nothing to do, which ends the wait and not the work.
    pub fn request(&self, cause: Cause) {
        self.0.send_if_modified(|current| {
            let counts = match current {
                None => true,
                Some(Cause::NothingToDo) => matches!(cause, Cause::Signal(_)),
                Some(_) => false,
            };
            if counts {
                *current = Some(cause);
            }
            counts
        });
    }

    /// Waits until somebody asks for the end.
    pub async fn requested(&self) -> Cause {
        let mut receiver = self.0.subscribe();
        match receiver.wait_for(Option::is_some).await.ok().and_then(|cause| *cause) {
            Some(cause) => cause,
            // Only a closed channel gets here, and `self` keeps it open.
            None => std::future::pending().await,
        }
    }

    /// Runs `work` unless, or until, a signal comes; then drops it where it stands.
    ///
    /// # Errors
    /// The signal, when it came first.
    pub async fn unless_signalled<T>(&self, work: impl Future<Output = T>) -> Result<T, Signal> {
        let mut receiver = self.0.subscribe();
        let signalled = async {
            let is_signal = |cause: &Option<Cause>| matches!(cause, Some(Cause::Signal(_)));
            match receiver.wait_for(is_signal).await.ok().and_then(|cause| *cause) {
                Some(Cause::Signal(signal)) => signal,
                // Only a closed channel gets here, and `self` keeps it open.
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            signal = signalled => Err(signal),
            done = work => Ok(done),
        }
    }

    /// Runs `work` unless, or until, the end is asked for; then drops it where it stands.
    ///
    /// # Errors
    /// The cause, when it came first.
    pub async fn unless<T>(&self, work: impl Future<Output = T>) -> Result<T, Cause> {
        tokio::select! {
            biased;
            cause = self.requested() => Err(cause),
            done = work => Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_cause_wins() {
        let stop = Stop::default();
        assert_eq!(stop.unless(async { 7 }).await, Ok(7));
        stop.request(Cause::Signal(Signal::Terminate));
        stop.request(Cause::Failure);
        assert_eq!(stop.requested().await, Cause::Signal(Signal::Terminate));
        assert_eq!(stop.unless(async { 7 }).await, Err(Cause::Signal(Signal::Terminate)));
    }

    #[tokio::test]
    async fn having_nothing_to_do_ends_the_wait_and_not_the_work() {
        let stop = Stop::default();
        stop.request(Cause::NothingToDo);
        assert_eq!(stop.unless_signalled(async { 7 }).await, Ok(7));
        stop.request(Cause::Failure);
        assert_eq!(stop.requested().await, Cause::NothingToDo);
        stop.request(Cause::Signal(Signal::Interrupt));
        assert_eq!(stop.unless_signalled(async { 7 }).await, Err(Signal::Interrupt));
    }

    #[tokio::test]
    async fn a_request_ends_work_that_is_under_way() {
        let stop = Stop::default();
        let asking = stop.clone();
        let (outcome, ()) =
            tokio::join!(
                stop.unless(std::future::pending::<()>()),
                async move { asking.request(Cause::Failure) }
            );
        assert_eq!(outcome, Err(Cause::Failure));
    }
}
