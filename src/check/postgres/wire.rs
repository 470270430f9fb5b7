//! The first messages of PostgreSQL's protocol, as far as no driver tells what was
//! answered (PostgreSQL documentation, "Message Formats": `SSLRequest`, `StartupMessage`,
//! `ErrorResponse`).

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::check::connection::BUDGET;
use crate::settings::DatabaseTarget;

/// The request code of `SSLRequest`.
const SSL_REQUEST: i32 = 80_877_103;
/// Version 3.0 of the protocol.
const PROTOCOL: i32 = 196_608;
/// A setting of our own: the server takes any with a prefix, PgBouncer none that it
/// does not know.
const UNKNOWN_SETTING: &str = "llm_proxy_init.probe";
/// An answer to `StartupMessage` is shorter.
const LONGEST: usize = 8 * 1024;

/// How a first message with a setting that no pooler knows was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Startup {
    /// As by a server.
    Taken,
    /// As by PgBouncer, which refuses the setting before it asks for a password.
    Refused,
    /// It could not be found out.
    Unknown,
}

/// Asks for TLS; whether the server agrees.
pub async fn ask_for_tls(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<bool, String> {
    let mut request = 8_i32.to_be_bytes().to_vec();
    request.extend(SSL_REQUEST.to_be_bytes());
    stream.write_all(&request).await.map_err(|error| error.to_string())?;
    match stream.read_u8().await {
        Ok(b'S') => Ok(true),
        Ok(b'N') => Ok(false),
        Ok(other) => Err(format!("it answers SSLRequest with byte {other}")),
        Err(error) => Err(format!("no answer to SSLRequest: {error}")),
    }
}

/// Sends a first message, and goes away after the first answer. No password is sent.
pub async fn start(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), target: &DatabaseTarget) -> Startup {
    timeout(BUDGET, try_start(stream, target)).await.ok().flatten().unwrap_or(Startup::Unknown)
}

async fn try_start(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    target: &DatabaseTarget,
) -> Option<Startup> {
    let user = target.options.get_username();
    let database = target.options.get_database().unwrap_or(user);
    let mut body = PROTOCOL.to_be_bytes().to_vec();
    for text in ["user", user, "database", database, UNKNOWN_SETTING, "1", ""] {
        body.extend(text.as_bytes());
        body.push(0);
    }
    let length = i32::try_from(body.len() + 4).ok()?;
    stream.write_all(&[&length.to_be_bytes()[..], &body].concat()).await.ok()?;
    stream.flush().await.ok()?;
    let kind = stream.read_u8().await.ok()?;
    let length = usize::try_from(stream.read_i32().await.ok()?).ok()?.checked_sub(4)?;
    let mut answer = vec![0; length.min(LONGEST)];
    stream.read_exact(&mut answer).await.ok()?;
    let is_about_it = String::from_utf8_lossy(&answer).contains(UNKNOWN_SETTING);
    Some(if kind == b'E' && is_about_it { Startup::Refused } else { Startup::Taken })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_answer_tells_who_answers() {
        let (mut us, mut them) = tokio::io::duplex(1024);
        them.write_all(b"S").await.unwrap();
        assert_eq!(ask_for_tls(&mut us).await, Ok(true));
        let mut request = [0; 8];
        them.read_exact(&mut request).await.unwrap();
        assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47]);
        them.write_all(b"HTTP").await.unwrap();
        assert!(ask_for_tls(&mut us).await.unwrap_err().contains("byte 72"));
    }
}
