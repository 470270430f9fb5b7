//! Redis's protocol, as far as a command with a reply of one line goes (Redis
//! documentation, "Redis serialization protocol specification"). A client library would
//! bring a second connection and TLS layer for these three commands.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::check::connection::BUDGET;

/// A reply of one line is shorter.
const LONGEST: usize = 1024;

/// A reply that is no error, without its first byte.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply(pub String);

/// Why there is none.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The server's error, beginning with its kind.
    Error(String),
    /// The connection broke, or something else answers.
    Closed(String),
}

/// Sends a command and reads its reply, within a bound.
pub async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    command: &[&str],
) -> Result<Reply, Refusal> {
    let silent = format!("nothing within {} s", BUDGET.as_secs());
    tokio::time::timeout(BUDGET, exchange(stream, command)).await.unwrap_or(Err(Refusal::Closed(silent)))
}

async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    command: &[&str],
) -> Result<Reply, Refusal> {
    let closed = |error: std::io::Error| Refusal::Closed(error.to_string());
    let words: String = command.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    let request = format!("*{}\r\n{words}", command.len());
    stream.write_all(request.as_bytes()).await.map_err(closed)?;
    stream.flush().await.map_err(closed)?;
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST {
            return Err(Refusal::Closed("its reply has no end".into()));
        }
        line.push(stream.read_u8().await.map_err(closed)?);
    }
    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
    if let Some(error) = line.strip_prefix('-') {
        return Err(Refusal::Error(error.to_owned()));
    }
    match line.strip_prefix('+') {
        Some(reply) => Ok(Reply(reply.to_owned())),
        None => Err(Refusal::Closed("its reply is none of Redis's".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_is_framed_and_its_reply_read() {
        let (mut us, mut them) = tokio::io::duplex(4096);
        them.write_all(b"+PONG\r\n-WRONGPASS no such user\r\nHTTP/1.1 400\r\n").await.unwrap();
        assert_eq!(ask(&mut us, &["AUTH", "käse"]).await, Ok(Reply("PONG".into())));
        let mut sent = [0; 25];
        them.read_exact(&mut sent).await.unwrap();
        assert_eq!(sent, "*2\r\n$4\r\nAUTH\r\n$5\r\nkäse\r\n".as_bytes()[..]);
        assert_eq!(ask(&mut us, &["PING"]).await, Err(Refusal::Error("WRONGPASS no such user".into())));
        assert!(
            matches!(ask(&mut us, &["PING"]).await, Err(Refusal::Closed(why)) if why.contains("none of"))
        );
        them.write_all(&[b'+'; 2 * LONGEST]).await.unwrap();
        assert!(matches!(ask(&mut us, &["PING"]).await, Err(Refusal::Closed(why)) if why.contains("no end")));
    }
}
