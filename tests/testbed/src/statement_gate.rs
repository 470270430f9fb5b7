//! A proxy between the program and PostgreSQL that counts the statements which the program
//! sends, and holds one of them back.
//!
//! Promises that bytes pass unchanged up to there; that a statement is what makes the server
//! work: a simple query (`Q`) or the binding of a prepared one (`B`; PostgreSQL
//! documentation, "Message Formats"), counted over all connections; that whoever sends it or a later one
//! waits; and that this moment can be waited for. It does not understand TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::Result;

/// A running proxy.
#[derive(Debug)]
pub struct StatementGate {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    last: usize,
    statements: AtomicUsize,
    held: Notify,
    /// Connections end with it.
    end: watch::Sender<bool>,
}

impl StatementGate {
    /// Starts a proxy for a port of 127.0.0.1 that lets so many statements pass.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(target_port: u16, last: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            last,
            statements: AtomicUsize::new(0),
            held: Notify::new(),
            end: watch::Sender::new(false),
        });
        let accepting = tokio::spawn(accept(listener, target_port, Arc::clone(&shared)));
        Ok(Self { port, shared, accepting })
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until a statement is held back.
    pub async fn held(&self) {
        self.shared.held.notified().await;
    }
}

impl Drop for StatementGate {
    /// Ends its connections.
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.end.send_replace(true);
    }
}

async fn accept(listener: TcpListener, target_port: u16, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let mut end = shared.end.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                _ = forward(client, target_port, &shared) => {}
                _ = end.wait_for(|end| *end) => {}
            }
        });
    }
}

async fn forward(client: TcpStream, target_port: u16, shared: &Shared) -> Result<()> {
    let server = TcpStream::connect(("127.0.0.1", target_port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(there(from_client, to_server, shared), back(from_server, to_client))?;
    Ok(())
}

/// Passes on what the client sends, message by message: first one without a type, then those
/// with one.
async fn there(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, shared: &Shared) -> Result<()> {
    let startup = message(&mut client, &[]).await?;
    server.write_all(&startup).await?;
    loop {
        let Ok(kind) = client.read_u8().await else { return Ok(server.shutdown().await?) };
        let message = message(&mut client, &[kind]).await?;
        if matches!(kind, b'Q' | b'B') && shared.statements.fetch_add(1, Ordering::SeqCst) >= shared.last {
            shared.held.notify_one();
            std::future::pending::<()>().await;
        }
        server.write_all(&message).await?;
    }
}

/// Reads a message: `head`, its length, which counts itself, and the rest.
async fn message(client: &mut OwnedReadHalf, head: &[u8]) -> Result<Vec<u8>> {
    let length = client.read_u32().await?;
    let mut message = [head, &length.to_be_bytes()].concat();
    client.take(u64::from(length.saturating_sub(4))).read_to_end(&mut message).await?;
    Ok(message)
}

async fn back(mut server: OwnedReadHalf, mut client: OwnedWriteHalf) -> Result<()> {
    copy(&mut server, &mut client).await?;
    Ok(client.shutdown().await?)
}
