//! PostgreSQL: the way there step by step, then what the role finds.

mod encryption;
mod wire;

use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};
use wire::Startup;

use super::{BUDGET, Level, Line, Verdict, check, connection, rights, schema, step};
use crate::database::probe::{Sessions, sessions};
use crate::database::{self, Database};
use crate::exit::ExitCode;
use crate::migrate;
use crate::migrate::look::{Looked, Work, look};
use crate::reading;
use crate::settings::{DatabaseTarget, MigrationSettings, Settings};

/// A login that takes longer was one that woke the server.
const WAKING: Duration = Duration::from_secs(5);
/// How long reading the ledgers may take: short of the check's own bound, which could not
/// tell why there is no answer.
const LEDGERS_BUDGET: Duration = Duration::from_secs(14);
/// The oldest server that the migrations run on.
const OLDEST: i32 = 130_000;

/// What is told of a pooler that shares sessions, and what to do about it.
const SHARED: &str =
    "a pooler shares server sessions (PgBouncer in transaction or statement mode): locks don't hold there";
const UNSHARED: &str =
    "give the init container a DATABASE_URL to the server itself, or a pool with pool_mode = session";

const SERVER: &str = "SELECT current_setting('server_version'), current_setting('server_version_num')::int4, \
    pg_is_in_recovery() OR current_setting('transaction_read_only')::bool, \
    (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid())";

/// The steps, in the order of the report: a run that two of them stop ends by the first.
const STEPS: [&str; 8] = [
    "postgres-dns",
    "postgres-tcp",
    "postgres-tls",
    "postgres-login",
    "postgres-pooler",
    "postgres-ledgers",
    "postgres-rights",
    "application",
];

/// All checks of the database. A step that fails ends the way; what comes after it is
/// reported as not tried.
pub async fn run(settings: &Settings) -> Vec<Line> {
    let mut lines = Vec::new();
    let _ = go(settings, &mut lines).await;
    let failed = lines.iter().find(|line| line.verdict.level == Level::Fail);
    let failed = failed.map(|line| line.name.clone()).unwrap_or_default();
    for name in STEPS {
        if lines.iter().all(|line| line.name != name) {
            lines.push(check(name, BUDGET, async { Verdict::not_tried(&failed) }).await);
        }
    }
    let place = |line: &Line| STEPS.iter().position(|name| *name == line.name);
    lines.sort_by_key(place);
    lines
}

/// Goes as far as the way leads; `None` where it ends early.
async fn go(settings: &Settings, lines: &mut Vec<Line>) -> Option<()> {
    let target = &settings.database.target;
    let startup = match target.options.get_socket() {
        Some(socket) => {
            for name in [STEPS[0], STEPS[1], STEPS[2]] {
                let verdict = Verdict::ok(format!("through the socket in {}", socket.display()));
                lines.push(check(name, BUDGET, async { verdict }).await);
            }
            Startup::Unknown
        }
        None => go_by_network(target, lines).await?,
    };
    let patience = settings.database.connect_timeout;
    let database = Database::new(settings.database.clone(), settings.lock.clone(), "check");
    let login = step("postgres-login", patience + BUDGET, login(&database, patience, startup)).await;
    let mut session = note(lines, login)?;
    let schema_step =
        step("postgres-ledgers", BUDGET, ledgers(&database, &settings.migrations, &mut session)).await;
    let looked = note(lines, schema_step);
    go_on(lines)?;
    let work = work(looked.as_ref(), settings.lock.always);
    lines.push(check("postgres-rights", BUDGET, told(&database, rights::rights(&mut session, &work))).await);
    go_on(lines)?;
    if let Some(looked) = &looked {
        lines.push(
            check("application", BUDGET, told(&database, schema::application(&mut session, looked))).await,
        );
    }
    go_on(lines)?;
    let pooler = pooler(&database, &mut session, startup, !work.is_empty());
    lines.push(check("postgres-pooler", BUDGET, pooler).await);
    database::leave(session).await;
    looked.map(drop)
}

/// What a run would do; anything, where the ledgers could not be read.
fn work(looked: Option<&Looked>, always_locks: bool) -> Vec<Work> {
    match looked {
        None => vec![Work::Reconcile, Work::Migrate],
        Some(looked) if looked.work.is_empty() && always_locks => vec![Work::Reconcile],
        Some(looked) => looked.work.clone(),
    }
}

/// `None` after a check that got no answer: its session would give the next one none.
fn go_on(lines: &[Line]) -> Option<()> {
    lines.last().is_none_or(|line| line.verdict.code != ExitCode::Unavailable).then_some(())
}

fn note<T>(lines: &mut Vec<Line>, (line, found): (Line, Option<T>)) -> Option<T> {
    lines.push(line);
    found
}

/// Name, TCP, TLS, and who answers: returns how the first message was taken.
async fn go_by_network(target: &DatabaseTarget, lines: &mut Vec<Line>) -> Option<Startup> {
    let (host, port) = (target.options.get_host(), target.options.get_port());
    let addresses = note(lines, step(STEPS[0], BUDGET, connection::resolve(host, port)).await)?;
    let stream = note(lines, step(STEPS[1], BUDGET, connection::connect(&addresses)).await)?;
    note(lines, step(STEPS[2], BUDGET, encryption::tls(target, stream)).await)
}

fn read_error(error: &database::Error) -> Verdict {
    Verdict::error(ExitCode::from(error), &error.to_string())
}

async fn login(database: &Database, patience: Duration, startup: Startup) -> (Verdict, Option<PgConnection>) {
    let started = Instant::now();
    let mut session = match database.visit().await {
        Ok(session) => session,
        Err(error) if startup == Startup::Refused => {
            let mut verdict = read_error(&error);
            verdict.advice =
                format!("{}; a PgBouncer answers: check its [databases] and auth_file", verdict.advice);
            return (verdict, None);
        }
        Err(error) => return (read_error(&error), None),
    };
    let took = started.elapsed();
    match server(&mut session).await {
        Ok(verdict) if verdict.code == ExitCode::Done && took >= WAKING => {
            let what = format!("{}, after {} s", verdict.what, took.as_secs());
            let advice = format!(
                "a cluster that wakes from zero takes so long: keep DB_CONNECT_TIMEOUT ({} s) well above it",
                patience.as_secs()
            );
            (Verdict::warn(what, advice), Some(session))
        }
        Ok(verdict) => (verdict, Some(session)),
        Err(error) => (read_error(&database.read_error(&error)), None),
    }
}

/// What kind of server it is.
async fn server(session: &mut PgConnection) -> Result<Verdict, sqlx::Error> {
    let row: PgRow = sqlx::raw_sql(AssertSqlSafe(SERVER)).fetch_one(session).await?;
    let (version, number): (String, i32) = (row.try_get(0)?, row.try_get(1)?);
    let (read_only, tls): (bool, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
    let tls = tls.map_or_else(|| "without TLS".to_owned(), |version| format!("over {version}"));
    let what = format!("logged in to PostgreSQL {version} {tls}");
    Ok(if number < OLDEST {
        Verdict::fail(
            ExitCode::Missing,
            format!("{what}, which is too old"),
            "upgrade to PostgreSQL 13 or later",
        )
    } else if read_only {
        let advice = "use the writer's endpoint (Aurora: the cluster endpoint, not the reader's)";
        Verdict::fail(ExitCode::Missing, format!("{what}, which is read-only"), advice)
    } else {
        Verdict::ok(what)
    })
}

async fn ledgers(
    database: &Database,
    migrations: &MigrationSettings,
    session: &mut PgConnection,
) -> (Verdict, Option<Looked>) {
    let catalogue = match migrate::open(migrations) {
        Ok(catalogue) => catalogue,
        Err(error) => return (Verdict::error(ExitCode::from(&error), &error.to_string()), None),
    };
    let looked = reading::read(database, session, LEDGERS_BUDGET, async |session| {
        look(session, &catalogue, migrations).await
    });
    match looked.await {
        Ok(looked) => (schema::ledgers(&looked), Some(looked)),
        Err(error) => (Verdict::error(ExitCode::from(&error), &error.to_string()), None),
    }
}

async fn told(database: &Database, made: impl Future<Output = Result<Verdict, sqlx::Error>>) -> Verdict {
    made.await.unwrap_or_else(|error| read_error(&database.read_error(&error)))
}

/// Whether something that shares server sessions stands in between: a run with work
/// refuses it, and one without has nothing to guard.
async fn pooler(
    database: &Database,
    session: &mut PgConnection,
    startup: Startup,
    has_work: bool,
) -> Verdict {
    let mut other = match database.visit().await {
        Ok(other) => other,
        Err(error) => {
            return Verdict::warn(format!("no second session to compare: {error}"), "raise max_connections");
        }
    };
    let found = sessions(session, &mut other).await;
    database::leave(other).await;
    match (found, startup) {
        (Err(error), _) => read_error(&database.read_error(&error)),
        (Ok(Sessions::Shared), _) if has_work => Verdict::fail(ExitCode::Usage, SHARED, UNSHARED),
        (Ok(Sessions::Shared), _) => Verdict::warn(format!("{SHARED}; nothing needs them now"), UNSHARED),
        (Ok(Sessions::OwnEach), Startup::Refused) => Verdict::ok(
            "PgBouncer stands in between, in session mode: each connection has its own server session",
        ),
        (Ok(Sessions::OwnEach), _) => Verdict::ok("none: each connection has its own server session"),
    }
}
