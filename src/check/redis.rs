//! The application's Redis servers: TCP, TLS, login, PING. The job does without them; the
//! application does not.

mod protocol;

use std::time::Duration;

use tokio::time::timeout;

use protocol::{Refusal, Reply};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{Line, Verdict, check, connection};
use crate::exit::ExitCode;
use crate::settings::{RedisServer, RedisSettings, RedisTarget};
use crate::tls::{Demand, Distrust, Fault, Trust};

/// How long a server may take, all steps together.
const BUDGET: Duration = Duration::from_secs(25);
/// The variable of the application's event bus.
const EVENT_BUS: &str = "REDIS_ADDR";

/// Tries each server that is named.
pub async fn run(settings: &RedisSettings) -> Vec<Line> {
    let trying = |place: usize| async move {
        match settings.targets.get(place) {
            Some(target) => {
                let name = target.variable.to_lowercase().replace('_', "-");
                Some(check(&name, BUDGET, try_target(settings, target)).await)
            }
            None => None,
        }
    };
    let (first, second, third) = tokio::join!(trying(0), trying(1), trying(2));
    let lines: Vec<Line> = [first, second, third].into_iter().flatten().collect();
    if !lines.is_empty() {
        return lines;
    }
    let none = "none of REDIS_URL, REDIS_CACHE_URL and REDIS_ADDR is set here";
    vec![check("redis", BUDGET, async { Verdict::ok(none) }).await]
}

async fn try_target(settings: &RedisSettings, target: &RedisTarget) -> Verdict {
    let server = match &target.server {
        Ok(server) => server,
        Err(rule) => {
            let what = format!("{}: {rule}", target.variable);
            return Verdict::fail(ExitCode::Usage, what, "correct it in the task definition");
        }
    };
    let is_event_bus = target.variable == EVENT_BUS;
    match try_server(settings, server).await {
        Ok(how) if is_event_bus => {
            Verdict::ok(format!("{server} {how}; the application's event bus speaks plain TCP only"))
        }
        Ok(how) => Verdict::ok(format!("{server} {how}")),
        Err(mut verdict) => {
            if is_event_bus {
                verdict.what = format!("{}; the application's event bus speaks plain TCP only", verdict.what);
                verdict.advice =
                    "give REDIS_ADDR a server without TLS and AUTH (ElastiCache: transit encryption \
                    mode `preferred`, no auth token), reachable by the task"
                        .into();
            }
            verdict
        }
    }
}

/// Goes all the way; says how, or what failed.
async fn try_server(settings: &RedisSettings, server: &RedisServer) -> Result<String, Verdict> {
    let mut stream = connect(server).await?;
    if !server.tls {
        return match talk(&mut stream, server).await {
            Ok(how) => Ok(format!("in plain TCP: {how}")),
            Err(Refusal::Closed(why)) => Err(read_silence(server, &why).await),
            Err(refusal) => Err(read_refusal(server, &refusal)),
        };
    }
    let trust = Trust::public_and(settings.ca_file.as_deref())
        .map_err(|why| Verdict::fail(ExitCode::Usage, why, "correct REDIS_CA_FILE, or put the file there"))?;
    let shaking = trust.handshake(stream, &server.host, Demand::ChainAndName);
    let (mut stream, seen) = match timeout(connection::BUDGET, shaking).await {
        Ok(Ok(shaken)) => shaken,
        Ok(Err(Fault::Certificate(distrust))) => return Err(read_distrust(server, &distrust)),
        Ok(Err(fault)) => return Err(read_no_tls(server, &fault.to_string()).await),
        Err(_) => return Err(read_no_tls(server, "no answer to the handshake").await),
    };
    match talk(&mut stream, server).await {
        Ok(how) => Ok(format!("over {}: {how}", seen.version)),
        Err(refusal) => Err(read_refusal(server, &refusal)),
    }
}

async fn connect(server: &RedisServer) -> Result<TcpStream, Verdict> {
    let (verdict, addresses) = connection::resolve(&server.host, server.port).await;
    let (verdict, stream) = match addresses {
        Some(addresses) => connection::connect(&addresses).await,
        None => (verdict, None),
    };
    stream.ok_or(verdict)
}

/// Logs in where there is a password, chooses the database, and asks for a sign of life.
async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    server: &RedisServer,
) -> Result<String, Refusal> {
    let mut how = Vec::new();
    if let Some(password) = &server.password {
        let mut auth = vec!["AUTH"];
        auth.extend(server.user.as_deref());
        auth.push(password);
        protocol::ask(stream, &auth).await?;
        how.push(server.user.as_ref().map_or("AUTH".to_owned(), |user| format!("AUTH as {user}")));
    }
    if server.database > 0 {
        protocol::ask(stream, &["SELECT", &server.database.to_string()]).await?;
        how.push(format!("database {}", server.database));
    }
    let Reply(pong) = protocol::ask(stream, &["PING"]).await?;
    how.push(format!("PING answered {pong}"));
    Ok(how.join(", "))
}

/// A server that closes the connection on plain text may want TLS.
async fn read_silence(server: &RedisServer, why: &str) -> Verdict {
    let wants_tls = async {
        let trust = Trust::public_and(None).ok()?;
        let stream = connect(server).await.ok()?;
        timeout(connection::BUDGET, trust.handshake(stream, &server.host, Demand::Nothing)).await.ok()?.ok()
    };
    if wants_tls.await.is_some() {
        let what = format!("{server} speaks TLS only");
        return Verdict::fail(ExitCode::Unavailable, what, "write rediss:// in place of redis://");
    }
    let what = format!("{server} does not answer PING: {why}");
    Verdict::fail(ExitCode::Unavailable, what, "check that it is a Redis server")
}

/// A server that does not shake hands may speak plain text: Redis itself then waits for the
/// end of a line.
async fn read_no_tls(server: &RedisServer, why: &str) -> Verdict {
    let is_redis = match connect(server).await {
        Ok(mut stream) => !matches!(protocol::ask(&mut stream, &["PING"]).await, Err(Refusal::Closed(_))),
        Err(_) => false,
    };
    let advice = "write redis:// in place of rediss://, or switch encryption in transit on at the server";
    let what = if is_redis {
        format!("{server} speaks plain text only")
    } else {
        format!("{server} does not speak TLS: {why}")
    };
    Verdict::fail(ExitCode::Unavailable, what, advice)
}

fn read_distrust(server: &RedisServer, distrust: &Distrust) -> Verdict {
    let advice = match distrust {
        Distrust::Authority => {
            "ElastiCache's is public; name another authority's PEM file in REDIS_CA_FILE for this check, \
             and in SSL_CERT_FILE for the application"
        }
        Distrust::Expired(_) | Distrust::Early(_) => {
            "renew the server's certificate, and check this host's clock"
        }
        Distrust::Name { .. } => "connect to the endpoint's own name, not to an address or an alias",
        Distrust::Other(_) => "replace the server's certificate",
    };
    Verdict::fail(ExitCode::Unavailable, format!("{server} is not trusted: {distrust}"), advice)
}

fn read_refusal(server: &RedisServer, refusal: &Refusal) -> Verdict {
    let (code, what, advice) = match refusal {
        Refusal::Closed(why) => (
            ExitCode::Unavailable,
            format!("{server} does not answer PING: {why}"),
            "check that it is a Redis server",
        ),
        Refusal::Error(said) => match said.split(' ').next().unwrap_or_default() {
            "NOAUTH" => (
                ExitCode::NoPermission,
                format!("{server} asks for a password: {said}"),
                "put it into the URL: rediss://:PASSWORD@HOST, or USER:PASSWORD with an access control list",
            ),
            "WRONGPASS" => (
                ExitCode::NoPermission,
                format!("{server} refuses user or password: {said}"),
                "compare the secret with the server's auth token or user group, and percent-encode it in the URL",
            ),
            "NOPERM" => (
                ExitCode::NoPermission,
                format!("{server} refuses a command to this user: {said}"),
                "allow it in the user's access string, for example `on ~* +@all`",
            ),
            _ => (ExitCode::Missing, format!("{server} refuses: {said}"), "correct the URL or the server"),
        },
    };
    Verdict::fail(code, what, advice)
}
