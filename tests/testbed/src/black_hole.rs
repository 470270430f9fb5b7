//! A port that drops what comes, as a security group does: a listener whose queue is full
//! and that never accepts. The kernel answers no further connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::Result;

/// More connections than any queue of length 1 takes.
const MANY: usize = 64;
/// On loopback a connection stands at once or not at all.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A port on 127.0.0.1 that answers nobody.
#[derive(Debug)]
pub struct BlackHole {
    /// The port.
    pub port: u16,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    /// Opens it.
    ///
    /// # Errors
    /// No port is free, or its queue can't be filled.
    pub async fn start() -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(1)?;
        let address = listener.local_addr()?;
        let mut queue = Vec::new();
        while queue.len() < MANY {
            match timeout(AT_ONCE, TcpStream::connect(address)).await {
                Ok(connected) => queue.push(connected?),
                Err(_) => return Ok(Self { port: address.port(), _listener: listener, _queue: queue }),
            }
        }
        Err("a queue of length 1 that is never full".into())
    }
}
