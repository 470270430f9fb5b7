//! The AWS emulator and accounts in it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};
use aws_sdk_ssm::types::ParameterType;
use uuid::Uuid;

use crate::keeper::Keeper;
use crate::{Result, home, install};

/// A lock item as it stands in the table.
pub type LockItem = HashMap<String, AttributeValue>;

/// A running emulator.
#[derive(Debug)]
pub struct Emulator {
    /// `http://127.0.0.1:port`.
    pub endpoint: String,
    /// A folder that goes when the emulator goes.
    pub folder: PathBuf,
    _keeper: Keeper,
}

impl Emulator {
    /// Starts an emulator on a free port and waits until it answers.
    ///
    /// # Errors
    /// It can't be installed or does not come up.
    pub fn start() -> Result<Self> {
        let program = install::ministack()?;
        let folder = home::temporary("aws")?;
        let port = home::free_port()?;
        let program = program.to_string_lossy();
        let (port_setting, state) = (format!("GATEWAY_PORT={port}"), format!("HOME={}", folder.display()));
        let command = ["env", &port_setting, &state, "BIND_HOST=127.0.0.1", &program];
        let keeper = Keeper::start(&command, &folder, "TERM", None)?;
        keeper.wait_until(|| Ok(is_healthy(port).unwrap_or(false)))?;
        Ok(Self { endpoint: format!("http://127.0.0.1:{port}"), folder, _keeper: keeper })
    }

    /// A new account: what is in it no other account sees.
    pub async fn account(&self) -> Account {
        let id = format!("{:012}", Uuid::new_v4().as_u128() % 1_000_000_000_000);
        let http = aws_smithy_http_client::Builder::new();
        let tls = aws_smithy_http_client::tls::Provider::Rustls(
            aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
        );
        let key = aws_sdk_dynamodb::config::Credentials::new(&id, SECRET_KEY, None, None, "testbed");
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.tls_provider(tls).build_https())
            .region(Region::new(REGION))
            .endpoint_url(&self.endpoint)
            .credentials_provider(key)
            .load()
            .await;
        Account {
            id,
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
        }
    }
}

pub(crate) const REGION: &str = "eu-west-1";
/// Stands for a secret in tests that look for it in every output.
const SECRET_KEY: &str = "wJalrXUtnFEMI-testbed-secret-key";

/// Asks the emulator's health page.
fn is_healthy(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET /_ministack/health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(status.ends_with(b" 200"))
}

/// One AWS account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Twelve digits; as access key id they select the account in the emulator.
    pub id: String,
    /// For arranging and looking.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// For arranging and looking.
    pub ssm: aws_sdk_ssm::Client,
}

impl Account {
    /// The SDK's variables that lead into this account.
    pub fn variables(&self, emulator: &Emulator) -> Vec<(String, String)> {
        [
            ("AWS_REGION", REGION),
            ("AWS_ENDPOINT_URL", &emulator.endpoint),
            ("AWS_ACCESS_KEY_ID", &self.id),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            // Without credentials the SDK would look for an instance's on the network.
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Creates a lock table, see [`create_lock_table`].
    ///
    /// # Errors
    /// Those of the emulator.
    pub async fn create_lock_table(&self, table: &str, key: &str) -> Result<()> {
        create_lock_table(&self.dynamodb, table, key).await
    }

    /// Creates or changes a parameter.
    ///
    /// # Errors
    /// Those of the emulator.
    pub async fn put_parameter(&self, name: &str, kind: ParameterType, value: &str) -> Result<()> {
        let put = self.ssm.put_parameter().name(name).value(value).r#type(kind).overwrite(true);
        put.send().await?;
        Ok(())
    }

    /// Gives a version of a parameter a label; returns the parameter's ARN.
    ///
    /// # Errors
    /// Those of the emulator.
    pub async fn label_parameter(&self, name: &str, version: i64, label: &str) -> Result<String> {
        let put = self.ssm.label_parameter_version().name(name).parameter_version(version).labels(label);
        put.send().await?;
        let found = self.ssm.get_parameter().name(name).send().await?;
        Ok(found.parameter.and_then(|parameter| parameter.arn).ok_or("a parameter without an ARN")?)
    }

    /// The lock item, if there is one.
    ///
    /// # Errors
    /// Those of the emulator.
    pub async fn lock_item(&self) -> Result<Option<LockItem>> {
        let get = self.dynamodb.get_item().table_name("llm-proxy-locks").consistent_read(true);
        Ok(get.key("lock_id", AttributeValue::S("init".into())).send().await?.item)
    }

    /// Puts a lock item, whatever is there.
    ///
    /// # Errors
    /// Those of the emulator.
    pub async fn put_lock_item(&self, attributes: &[(&str, AttributeValue)]) -> Result<()> {
        let item = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.dynamodb.put_item().table_name("llm-proxy-locks").set_item(Some(item)).send().await?;
        Ok(())
    }

    /// Puts the item that init.sh writes, running out so many seconds from now.
    ///
    /// # Errors
    /// Those of the emulator.
    pub async fn put_script_lock(&self, seconds_left: i64) -> Result<()> {
        let expires_at = epoch_seconds() + seconds_left;
        self.put_lock_item(&[
            ("lock_id", AttributeValue::S("init".into())),
            ("expires_at", AttributeValue::N(expires_at.to_string())),
        ])
        .await
    }

    /// Deletes the lock item, whoever holds it, as init.sh does.
    ///
    /// # Errors
    /// Those of the emulator.
    pub async fn delete_lock_item(&self) -> Result<()> {
        let delete = self.dynamodb.delete_item().table_name("llm-proxy-locks");
        delete.key("lock_id", AttributeValue::S("init".into())).send().await?;
        Ok(())
    }
}

/// Creates a lock table: a string key, on demand, TTL on `expires_at`.
///
/// # Errors
/// Those of the emulator.
pub async fn create_lock_table(client: &aws_sdk_dynamodb::Client, table: &str, key: &str) -> Result<()> {
    let string = AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S);
    let hash = KeySchemaElement::builder().attribute_name(key).key_type(KeyType::Hash);
    client
        .create_table()
        .table_name(table)
        .attribute_definitions(string.build()?)
        .key_schema(hash.build()?)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await?;
    let expiry = TimeToLiveSpecification::builder().attribute_name("expires_at").enabled(true);
    let update = client.update_time_to_live().table_name(table);
    update.time_to_live_specification(expiry.build()?).send().await?;
    Ok(())
}

/// The wall clock, as init.sh reads it.
fn epoch_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().cast_signed()
}
