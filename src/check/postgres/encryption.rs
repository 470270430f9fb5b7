//! TLS to PostgreSQL: whether there is any, what the certificate is worth, and whether
//! `sslmode` asks for enough.

use std::path::Path;

use sqlx::postgres::PgSslMode;
use tokio::net::TcpStream;

use super::wire::{self, Startup};
use crate::check::Verdict;
use crate::exit::ExitCode;
use crate::settings::DatabaseTarget;
use crate::tls::{Demand, Distrust, Fault, Trust};

/// Asks for TLS as `sslmode` says and looks at what comes; returns how the first message
/// was taken then.
pub async fn tls(target: &DatabaseTarget, mut stream: TcpStream) -> (Verdict, Option<Startup>) {
    let mode = target.options.get_ssl_mode();
    if matches!(mode, PgSslMode::Disable | PgSslMode::Allow) {
        let verdict = Verdict::warn("sslmode=disable: nothing is encrypted", "use sslmode=verify-full");
        return (verdict, Some(wire::start(&mut stream, target).await));
    }
    let is_demanded = !matches!(mode, PgSslMode::Prefer);
    match wire::ask_for_tls(&mut stream).await {
        Ok(true) => handshake(target, stream, mode).await,
        Ok(false) if is_demanded => {
            let what = format!("the server speaks no TLS, and sslmode={} asks for it", name_of(mode));
            let advice = "switch TLS on at the server (ssl = on; Aurora and RDS have it), or lower sslmode";
            (Verdict::fail(ExitCode::Unavailable, what, advice), None)
        }
        Ok(false) => {
            let verdict = Verdict::warn(
                "the server speaks no TLS: nothing is encrypted",
                "switch TLS on at the server, then use sslmode=verify-full",
            );
            (verdict, Some(wire::start(&mut stream, target).await))
        }
        Err(why) => {
            let what = format!("what answers is no PostgreSQL server: {why}");
            (Verdict::fail(ExitCode::Unavailable, what, "check host and port"), None)
        }
    }
}

async fn handshake(
    target: &DatabaseTarget,
    stream: TcpStream,
    mode: PgSslMode,
) -> (Verdict, Option<Startup>) {
    let trust = match Trust::public_and(target.root_certificate.as_deref().map(Path::new)) {
        Ok(trust) => trust,
        Err(why) => {
            return (Verdict::fail(ExitCode::Usage, why, "correct sslrootcert, or put the file there"), None);
        }
    };
    let demand = match mode {
        PgSslMode::VerifyFull => Demand::ChainAndName,
        PgSslMode::VerifyCa => Demand::Chain,
        _ => Demand::Nothing,
    };
    let (mut stream, seen) = match trust.handshake(stream, target.options.get_host(), demand).await {
        Ok(shaken) => shaken,
        Err(fault) => return (read_fault(&fault), None),
    };
    let what = format!("{}, {} certificates", seen.version, seen.certificates);
    let verdict = match (seen.verdict, demand) {
        (Ok(None), Demand::ChainAndName) => {
            Verdict::ok(format!("{what}, verified for {}", target.options.get_host()))
        }
        (Ok(Some(end)), _) => Verdict::warn(
            format!("{what}, verified; the server's certificate ends on {end}"),
            "renew the server's certificate (RDS does so by itself in the maintenance window)",
        ),
        (Ok(None), _) => Verdict::warn(
            format!(
                "{what}; sslmode={} does not verify all of it, sslmode=verify-full would succeed",
                name_of(mode)
            ),
            "use sslmode=verify-full",
        ),
        (Err(distrust), _) => Verdict::warn(
            format!("{what}; sslmode={} accepts it although {distrust}", name_of(mode)),
            format!("{}; then use sslmode=verify-full", advice_on(&distrust)),
        ),
    };
    (verdict, Some(wire::start(&mut stream, target).await))
}

fn read_fault(fault: &Fault) -> Verdict {
    let (what, advice) = match fault {
        Fault::Certificate(distrust) => {
            (format!("the server is not trusted: {distrust}"), advice_on(distrust))
        }
        other => (other.to_string(), "check host and port, and the server's TLS settings"),
    };
    Verdict::fail(ExitCode::Unavailable, what, advice)
}

fn advice_on(distrust: &Distrust) -> &'static str {
    match distrust {
        Distrust::Authority => {
            "name its authority's certificate in sslrootcert: for Aurora and RDS the bundle that the image carries"
        }
        Distrust::Expired(_) => "renew the server's certificate, and check this host's clock",
        Distrust::Early(_) => "check this host's clock, and the server's certificate",
        Distrust::Name { .. } => {
            "connect to a name that the certificate has: the cluster's endpoint, no address or alias"
        }
        Distrust::Other(_) => "replace the server's certificate",
    }
}

fn name_of(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}
