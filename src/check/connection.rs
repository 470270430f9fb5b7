//! Names and TCP: the part of every check that goes over the network.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::Verdict;
use crate::exit::ExitCode;

/// How long a name or a connection may take: what a security group drops never answers.
pub const BUDGET: Duration = Duration::from_secs(5);
/// What to do when nothing comes back at all.
pub const DROPPED: &str = "something drops it on the way: let the server's security group admit the task's on \
    this port, and check route tables, network ACLs and VPC endpoints";

/// Looks a name up.
pub async fn resolve(host: &str, port: u16) -> (Verdict, Option<Vec<SocketAddr>>) {
    let failed = |why: &str| {
        let advice =
            "correct the name, or let the VPC resolve it (enableDnsSupport, the private hosted zone)";
        Verdict::fail(ExitCode::Unavailable, format!("the name {host} has no address: {why}"), advice)
    };
    let looked_up = match tokio::time::timeout(BUDGET, tokio::net::lookup_host((host, port))).await {
        Err(_) => return (failed("no answer from the name server"), None),
        Ok(Err(error)) => return (failed(&error.to_string()), None),
        Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
    };
    if looked_up.is_empty() {
        return (failed("the answer is empty"), None);
    }
    let list: Vec<String> = looked_up.iter().map(|address| address.ip().to_string()).collect();
    (Verdict::ok(format!("{host} is {}", list.join(", "))), Some(looked_up))
}

/// Connects to the first address that answers; says otherwise how the last one failed.
pub async fn connect(addresses: &[SocketAddr]) -> (Verdict, Option<TcpStream>) {
    let mut verdict = Verdict::fail(ExitCode::Unavailable, "there is no address", "");
    for address in addresses {
        verdict = match tokio::time::timeout(BUDGET, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                return (Verdict::ok(format!("connected to {address}")), Some(stream));
            }
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Verdict::fail(
                ExitCode::Unavailable,
                format!("{address} refuses connections"),
                "nothing listens there: check the port, and that the server runs",
            ),
            Ok(Err(error)) => {
                Verdict::fail(ExitCode::Unavailable, format!("can't reach {address}: {error}"), DROPPED)
            }
            Err(_) => Verdict::fail(
                ExitCode::Unavailable,
                format!("no answer from {address} within {} s", BUDGET.as_secs()),
                DROPPED,
            ),
        };
    }
    (verdict, None)
}
