//! `unlock`: shows the holder, asks, removes it.

use std::io::{self, BufRead, IsTerminal, Write};

use tokio::sync::oneshot;

use crate::aws::Clients;
use crate::database;
use crate::error::Error;
use crate::exit::ExitCode;
use crate::settings::Settings;
use crate::status::Present;
use crate::unlock::{Consent, Unlocked, Unlocking};

/// What has to be typed.
const YES: &str = "yes";

/// Shows, asks and removes.
///
/// # Errors
/// AWS or the database refuse.
pub async fn run(settings: &Settings, consent: &Consent) -> Result<ExitCode, Error> {
    let may_ask = io::stdin().is_terminal();
    let unlocking = Unlocking::new(&Clients::from_environment().await?, settings);
    let Some(present) = unlocking.holder().await? else {
        say(settings, &format!("the lock {:?} is free: there is nothing to remove", settings.lock.id));
        return Ok(ExitCode::Done);
    };
    show(settings, &present);
    if !consent.allows(&present.item) {
        say(settings, "this is not the lock that you named: nothing was removed");
        return Ok(ExitCode::Usage);
    }
    if consent.yes && !consent.names_one() || !consent.yes && !may_ask {
        say(
            settings,
            &format!("nothing was removed; to remove this lock: unlock {} --yes", naming(&present)),
        );
        return Ok(ExitCode::Usage);
    }
    if !consent.yes && !ask().await {
        say(settings, "nothing was removed");
        return Ok(ExitCode::Usage);
    }
    tell(settings, unlocking.remove(&present.item).await?)
}

fn say(settings: &Settings, text: &str) {
    println!("{}", settings.secrets.blank(text));
}

fn show(settings: &Settings, present: &Present) {
    say(settings, &format!("held by {}", present.item.holder_for_people()));
    for line in present.to_lines() {
        say(settings, &line);
    }
}

/// The flag that names this lock.
fn naming(present: &Present) -> String {
    match present.item.token() {
        Some(token) => format!("--token {token}"),
        None => format!("--expires-at {}", present.item.expires_at),
    }
}

/// Asks on the terminal. The thread that reads is left behind when a signal comes first.
async fn ask() -> bool {
    let (answer, answered) = oneshot::channel();
    std::thread::spawn(move || {
        print!("Remove this lock? A holder that lives will roll back and end. Type {YES}: ");
        let mut line = String::new();
        let read = io::stdout().flush().and_then(|()| io::stdin().lock().read_line(&mut line));
        let _ = answer.send(read.is_ok() && line.trim() == YES);
    });
    answered.await.unwrap_or(false)
}

fn tell(settings: &Settings, unlocked: Unlocked) -> Result<ExitCode, Error> {
    let ended = match unlocked {
        Unlocked::Done(ended) => {
            say(settings, "removed");
            ended
        }
        Unlocked::WasGone(ended) => {
            say(settings, "it had gone by itself meanwhile");
            ended
        }
        Unlocked::AnothersNow(item) => {
            let holder = item.holder_for_people();
            say(settings, &format!("held by {holder} now, which was not shown: nothing was removed"));
            return Ok(ExitCode::Usage);
        }
    };
    tell_sessions(settings, ended)?;
    Ok(ExitCode::Done)
}

fn tell_sessions(settings: &Settings, ended: Result<u64, database::Error>) -> Result<(), Error> {
    match ended {
        Ok(0) => say(settings, "it has no database session"),
        Ok(1) => say(settings, "ended its database session"),
        Ok(count) => say(settings, &format!("ended its {count} database sessions")),
        Err(error) => {
            say(settings, "its database sessions could not be ended, see the error");
            return Err(error.into());
        }
    }
    Ok(())
}
