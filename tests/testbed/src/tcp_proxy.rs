//! A proxy between the program and PostgreSQL that can fall silent and can cut
//! connections, as a network does.
//!
//! Promises that bytes pass unchanged; that nothing passes while it is frozen, in
//! either direction, although connections stay open and new ones can be made; and
//! that a cut closes all present connections on both sides.
//!
//! The proxy lives on the runtime of the test: it stands still while the test blocks
//! its thread, and ends with it.

use std::io::Result as IoResult;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Result;

/// A running proxy.
#[derive(Debug)]
pub struct TcpProxy {
    port: u16,
    /// Of the connections so many are frozen, in the order in which they came.
    frozen: watch::Sender<usize>,
    connections: Arc<Mutex<JoinSet<IoResult<()>>>>,
}

impl TcpProxy {
    /// Starts a proxy for a port of 127.0.0.1.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(target_port: u16) -> Result<Self> {
        Self::start_on("127.0.0.1", target_port).await
    }

    /// The same, listening on another address of this host.
    ///
    /// # Errors
    /// The host has no such address, or no port is free.
    pub async fn start_on(address: &str, target_port: u16) -> Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let port = listener.local_addr()?.port();
        let frozen = watch::Sender::new(0);
        let connections = Arc::default();
        tokio::spawn(accept(listener, target_port, frozen.subscribe(), Arc::clone(&connections)));
        Ok(Self { port, frozen, connections })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets nothing pass from now on: connections stay open and are silent, and new
    /// ones are accepted and silent too.
    pub fn freeze(&self) {
        self.frozen.send_replace(usize::MAX);
    }

    /// The same for present connections alone: new ones are not affected.
    ///
    /// # Panics
    /// When the proxy has panicked.
    pub fn freeze_present(&self) {
        self.frozen.send_replace(self.connections());
    }

    /// How many connections there have been so far.
    ///
    /// # Panics
    /// When the proxy has panicked.
    pub fn connections(&self) -> usize {
        self.connections.lock().expect("the proxy has panicked").len()
    }

    /// Ends a freeze. What was sent meanwhile passes now.
    pub fn thaw(&self) {
        self.frozen.send_replace(0);
    }

    /// Closes all present connections, frozen or not; later ones are not affected.
    ///
    /// # Panics
    /// When the proxy has panicked.
    pub fn cut(&self) {
        self.connections.lock().expect("the proxy has panicked").abort_all();
    }
}

async fn accept(
    listener: TcpListener,
    target_port: u16,
    frozen: watch::Receiver<usize>,
    connections: Arc<Mutex<JoinSet<IoResult<()>>>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let mut connections = connections.lock().expect("the proxy has panicked");
        let number = connections.len();
        connections.spawn(forward(client, target_port, Freezing { frozen: frozen.clone(), number }));
    }
}

/// Forwards both directions of a connection until both have ended or one has failed.
async fn forward(client: TcpStream, target_port: u16, mut freezing: Freezing) -> IoResult<()> {
    freezing.until_thawed().await;
    let server = TcpStream::connect(("127.0.0.1", target_port)).await?;
    // Small packets go as they come, as without a proxy.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pass(from_client, to_server, freezing.clone());
    let back = pass(from_server, to_client, freezing);
    tokio::try_join!(there, back)?;
    Ok(())
}

/// Passes on what comes, its end included.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut freezing: Freezing) -> IoResult<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let came = from.read(&mut buffer).await;
        // After reading: a freeze holds back whatever comes, be it an end or an error.
        freezing.until_thawed().await;
        match buffer.get(..came?) {
            None | Some([]) => return to.shutdown().await,
            Some(bytes) => to.write_all(bytes).await?,
        }
    }
}

/// One connection's view of the freeze.
#[derive(Clone)]
struct Freezing {
    frozen: watch::Receiver<usize>,
    number: usize,
}

impl Freezing {
    /// Returns at once unless frozen.
    async fn until_thawed(&mut self) {
        // An error means that the proxy has been dropped: nobody could thaw it any more.
        let _ = self.frozen.wait_for(|frozen| self.number >= *frozen).await;
    }
}
