//! The testbed: real parts for tests and for the demo.
//!
//! Promises a real PostgreSQL server and a real AWS emulator on free loopback ports,
//! found on the machine or installed by itself, gone when the process that asked for
//! them is gone, however it ends. [`World`] is one tenant in them: a database, an AWS
//! account and a config folder of its own, so that tests never meet. [`AwsProxy`],
//! [`TcpProxy`] and [`StatementGate`] stand between the program and the servers and fail on
//! demand.

#![forbid(unsafe_code)]
// Test code: a panic is how a test fails.
#![allow(clippy::panic, clippy::expect_used)]

mod aws;
mod aws_cli;
mod aws_proxy;
mod black_hole;
mod corpus;
mod dynamodb;
mod fault;
mod go;
mod goose;
mod home;
mod http;
mod init;
mod install;
mod keeper;
mod metadata;
mod oracle;
mod pgbouncer;
mod postgres;
mod redis;
mod release;
mod statement_gate;
mod tcp_proxy;
mod tls;
pub mod versions;
mod world;

use std::sync::OnceLock;

pub use aws::{Account, Emulator, LockItem, create_lock_table};
pub use aws_cli::AwsCli;
pub use aws_proxy::{AwsProxy, Seen};
pub use black_hole::BlackHole;
pub use corpus::{Case, corpus};
pub use dynamodb::InProcessDynamoDb;
pub use fault::{Fault, Rule};
pub use go::go_program;
pub use goose::Goose;
pub use init::{Finished, Init, Running, Signal};
pub use metadata::TaskMetadata;
pub use oracle::ask_oracle;
pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;
pub use redis::{Redis, RedisKind};
pub use release::release_binary;
pub use statement_gate::StatementGate;
pub use tcp_proxy::TcpProxy;
pub use tls::{Certificate, Certificates};
pub use world::{PROVIDERS, World};

/// An error that ends a test or the demo; its text is all that matters.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// The outcome of anything that can end a test or the demo.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The servers, running.
#[derive(Debug)]
pub struct Testbed {
    /// The database server.
    pub postgres: Postgres,
    /// The AWS emulator.
    pub aws: Emulator,
}

impl Testbed {
    /// Brings the servers up, installing what is missing.
    ///
    /// # Errors
    /// Says in one line how to get what could be neither found nor installed.
    pub fn start() -> Result<Self> {
        let aws = std::thread::spawn(Emulator::start);
        let postgres = Postgres::create()?;
        postgres.start()?;
        let aws = aws.join().map_err(|_| "starting the AWS emulator panicked")??;
        Ok(Self { postgres, aws })
    }

    /// The servers of this process, brought up at first use.
    ///
    /// # Panics
    /// When they can't be brought up.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Testbed>> = OnceLock::new();
        match SHARED.get_or_init(Self::start) {
            Ok(testbed) => testbed,
            Err(error) => panic!("no testbed: {error}"),
        }
    }
}
