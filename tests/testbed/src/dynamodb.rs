//! DynamoDB alone, in this process: for tests of the lock that need nothing else, and a
//! second opinion on its conditions by another implementation than the AWS emulator's.

use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_sdk_dynamodb::config::Credentials;
use dynoxide::Database;
use tokio::net::TcpListener;

use crate::Result;

/// A running DynamoDB, empty at first. It ends with the runtime.
#[derive(Debug)]
pub struct InProcessDynamoDb {
    endpoint: String,
}

impl InProcessDynamoDb {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let database = Database::memory()?;
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        Ok(Self { endpoint })
    }

    /// A configuration of the AWS SDK that leads here.
    pub fn config(&self) -> ConfigLoader {
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(&self.endpoint)
            .credentials_provider(Credentials::new("testbed", "testbed", None, None, "testbed"))
    }
}
