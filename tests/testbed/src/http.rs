//! HTTP/1.1 messages, as far as the AWS SDK and the emulator need them: a head and a
//! body whose length the head tells. What passes through is changed only where asked.

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use crate::Result;

/// A request or an answer.
#[derive(Debug, Clone)]
pub struct Message {
    /// The first line and the headers, each with its line end.
    head: String,
    /// What follows the head.
    pub body: Vec<u8>,
}

impl Message {
    /// The next message of a stream; `None` when the stream ends first.
    pub async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Self>> {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            match stream.read_line(&mut line).await? {
                0 => return Ok(None),
                _ if line == "\r\n" => break,
                _ => head.push_str(&line),
            }
        }
        let mut message = Self { head, body: Vec::new() };
        let length = message.header("Content-Length").ok_or("a message without Content-Length")?;
        message.body.resize(length.parse()?, 0);
        stream.read_exact(&mut message.body).await?;
        Ok(Some(message))
    }

    /// An answer of DynamoDB's that is an error.
    pub fn error(status: &str, kind: &str, message: &str) -> Self {
        let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"{message}"}}"#);
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n",
            body.len()
        );
        Self { head, body: body.into_bytes() }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| value_of(line, name))
    }

    /// The same without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.head = self.head.split_inclusive('\n').filter(|line| value_of(line, name).is_none()).collect();
        self
    }

    /// The same with a header in place of any of that name.
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut message = self.without(name);
        message.head.extend([name, ": ", value, "\r\n"]);
        message
    }

    /// As it goes over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// The header's value, if the line is that header.
fn value_of<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.eq_ignore_ascii_case(name).then_some(value.trim())
}
