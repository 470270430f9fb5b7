//! The check: everything that a task needs, tried from inside the task's network and role.
//!
//! Promises that every check is made even when others fail, all at once and each within a
//! bound; that each says what it found, how long that took and what to do about it; and
//! that nothing is changed, but for what is asked for and taken back at once.

mod ask;
mod aws;
mod clock;
mod connection;
mod local;
mod lock_table;
mod parameter;
mod postgres;
mod redis;
mod report;
mod rights;
mod schema;

use std::pin::Pin;
use std::time::{Duration, Instant};

pub use report::{Checked, Level, Line, Verdict};

use crate::exit::ExitCode;
use crate::settings::Settings;

/// How long a check may take that no setting bounds.
const BUDGET: Duration = Duration::from_secs(15);

/// What may be done beyond looking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Put an item of its own into the lock table, and delete it.
    pub write: bool,
}

/// Makes all checks.
pub async fn run(settings: &Settings, options: Options) -> Checked {
    let (aws, postgres, redis, local) = tokio::join!(
        aws::run(settings, options),
        postgres::run(settings),
        redis::run(&settings.redis),
        local::run(&settings.config),
    );
    Checked { lines: [aws, postgres, redis, local].concat() }
}

/// A future whose type is of no interest: one copy of what drives it serves all checks.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Makes one check within a bound, and takes its time.
fn check<'a>(name: &'a str, budget: Duration, check: impl Future<Output = Verdict> + 'a) -> Boxed<'a, Line> {
    Box::pin(time(name, budget, Box::pin(check)))
}

/// The same for a check that others build on: also returns what it has found.
async fn step<T>(
    name: &str,
    budget: Duration,
    step: impl Future<Output = (Verdict, Option<T>)>,
) -> (Line, Option<T>) {
    let mut found = None;
    let making = async {
        let (verdict, made) = step.await;
        found = made;
        verdict
    };
    let line = time(name, budget, Box::pin(making)).await;
    (line, found)
}

async fn time(name: &str, budget: Duration, check: Boxed<'_, Verdict>) -> Line {
    let started = Instant::now();
    let verdict = tokio::time::timeout(budget, check).await.unwrap_or_else(|_| {
        let what = format!("no answer within {} s", budget.as_secs());
        Verdict::fail(ExitCode::Unavailable, what, connection::DROPPED)
    });
    Line { name: name.to_owned(), verdict, took: started.elapsed() }
}
