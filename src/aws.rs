//! AWS: one set of clients with bounded waiting, and one reading of what goes wrong.
//!
//! Promises that region, credentials and endpoints come from the SDK's own
//! variables; that no call can hang (the SDK sets no read timeout by itself); and
//! that every failure becomes an [`Error`] that names the action and the resource
//! and says what to do. One HTTP client and one TLS stack serve all services.

use std::error::Error as StdError;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::wording::{causes, chain};

/// One try of one call: connecting, sending and reading the answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// However short a lease is, a try gets this long.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(300);
/// One call with all of the SDK's own retries.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a service may give no answer at all, over all calls, before that is an outage;
/// one that is busy answers.
pub const SILENCE_BUDGET: Duration = Duration::from_secs(30);
/// Tries of one call; the SDK backs off between them and honours throttling.
pub const ATTEMPTS: u32 = 4;

/// The services that the job needs.
#[derive(Debug, Clone)]
pub struct Clients {
    /// For the lock.
    pub dynamodb: Service<aws_sdk_dynamodb::Client>,
    /// For the provider config.
    pub ssm: Service<aws_sdk_ssm::Client>,
}

/// A client, and where its calls go.
#[derive(Debug, Clone)]
pub struct Service<C> {
    /// The SDK's client.
    pub client: C,
    /// To name in messages.
    pub place: Place,
}

/// Where calls go, for messages: `eu-west-1`, or `eu-west-1 via http://localhost:4566`.
#[derive(Debug, Clone)]
pub struct Place {
    region: String,
    endpoint: Option<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "{} via {endpoint}", self.region),
            None => f.write_str(&self.region),
        }
    }
}

impl Clients {
    /// Sets the clients up by the SDK's own variables. Nothing is sent yet, unless the SDK
    /// must ask for the region.
    ///
    /// # Errors
    /// [`Kind::NoRegion`] when none is configured.
    pub async fn from_environment() -> Result<Self, Error> {
        Self::of(&configuration().await)
    }

    /// Sets the clients up by a configuration that may say more than the environment.
    ///
    /// # Errors
    /// [`Kind::NoRegion`] when none is configured.
    pub async fn load(loader: ConfigLoader) -> Result<Self, Error> {
        Self::of(&configure(loader).await)
    }

    /// Sets the clients up by a configuration that has been loaded.
    ///
    /// # Errors
    /// [`Kind::NoRegion`] when none is configured.
    pub fn of(config: &SdkConfig) -> Result<Self, Error> {
        Ok(Self {
            dynamodb: Service {
                client: aws_sdk_dynamodb::Client::new(config),
                place: Place::of(config, "AWS_ENDPOINT_URL_DYNAMODB")?,
            },
            ssm: Service {
                client: aws_sdk_ssm::Client::new(config),
                place: Place::of(config, "AWS_ENDPOINT_URL_SSM")?,
            },
        })
    }
}

/// The configuration by the SDK's own variables, with bounded waiting.
pub async fn configuration() -> SdkConfig {
    configure(aws_config::defaults(BehaviorVersion::latest())).await
}

async fn configure(loader: ConfigLoader) -> SdkConfig {
    loader
        .http_client(aws_smithy_http_client::Builder::new().tls_provider(tls_provider()).build_https())
        .timeout_config(timeouts(ATTEMPT_TIMEOUT))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .load()
        .await
}

impl Service<aws_sdk_dynamodb::Client> {
    /// The same with another bound for single tries, and with so many of them.
    #[must_use]
    pub fn trying(&self, tries: u32, each: Duration) -> Self {
        let timeouts = timeouts(each.clamp(SHORTEST_ATTEMPT, ATTEMPT_TIMEOUT));
        let retries = RetryConfig::standard().with_max_attempts(tries);
        let config = self.client.config().to_builder().timeout_config(timeouts).retry_config(retries);
        Self { client: aws_sdk_dynamodb::Client::from_conf(config.build()), place: self.place.clone() }
    }
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(CALL_TIMEOUT).build()
}

/// The TLS stack of everything that speaks HTTP here.
pub fn tls_provider() -> tls::Provider {
    tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)
}

impl Place {
    /// `endpoint_variable` is the SDK's variable for this service alone; it wins over
    /// `AWS_ENDPOINT_URL` (AWS SDKs and tools reference, "Service-specific endpoints").
    ///
    /// # Errors
    /// [`Kind::NoRegion`] when none is configured.
    pub fn of(config: &SdkConfig, endpoint_variable: &str) -> Result<Self, Error> {
        let region = config.region().ok_or_else(|| Error {
            kind: Kind::NoRegion,
            action: "load the AWS configuration",
            resource: "AWS_REGION".into(),
            detail: "no region is configured".into(),
        })?;
        let own = std::env::var(endpoint_variable).ok();
        let endpoint = own.or_else(|| config.endpoint_url().map(str::to_owned));
        Ok(Self { region: region.to_string(), endpoint })
    }
}

/// What kind of trouble it is, and so who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No region is configured.
    NoRegion,
    /// There are no credentials, or AWS does not accept them.
    NoCredentials,
    /// The credentials are good and do not permit the action.
    Denied,
    /// The table or the parameter does not exist.
    Missing,
    /// The table or the parameter is not what it must be.
    WrongShape,
    /// No answer: refused, unreachable, timed out.
    Unreachable,
    /// Throttled, or a fault on the service's side; the SDK has retried.
    Busy,
}

impl Kind {
    /// Whether trying again later can help.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::Busy)
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::NoRegion => "set AWS_REGION (ECS sets it by itself)",
            Self::NoCredentials => "give the task a task role, or set the AWS credential variables",
            Self::Denied => "allow this action on this resource in the task role's policy",
            Self::Missing => "create it, or correct its name, region or account",
            Self::WrongShape => "correct the resource or the setting that names it",
            Self::Unreachable => "check route, security groups, VPC endpoints and AWS_ENDPOINT_URL",
            Self::Busy => "start the task again; if it persists see the AWS health dashboard and quotas",
        }
    }
}

/// A call to AWS that failed for good.
#[derive(Debug, thiserror::Error)]
#[error("{action} on {resource}: {detail}; {}", kind.advice())]
pub struct Error {
    /// What kind of trouble it is.
    pub kind: Kind,
    /// The IAM action.
    pub action: &'static str,
    /// What it was tried on, and where.
    pub resource: String,
    /// What AWS or the network said.
    pub detail: String,
}

impl Error {
    /// Reads an SDK error: by its type where the service's model has one, else by the
    /// error code that the service sent.
    pub fn read<E>(action: &'static str, resource: String, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Modelled + ProvideErrorMetadata + StdError + 'static,
    {
        let kind = match error {
            SdkError::ServiceError(answer) => {
                let by_code = || kind_of_answer(answer.err().code(), answer.raw().status().as_u16());
                answer.err().kind().unwrap_or_else(by_code)
            }
            other if caused_by_credentials(other) => Kind::NoCredentials,
            _ => Kind::Unreachable,
        };
        let detail = match error {
            SdkError::ServiceError(answer) => {
                let code = answer.err().code().unwrap_or("unknown error");
                let status = answer.raw().status().as_u16();
                format!("{code} ({status}) {}", answer.err().message().unwrap_or_default())
            }
            other => chain(other),
        };
        Self { kind, action, resource, detail: detail.trim_end_matches([' ', '.']).to_owned() }
    }
}

/// An operation's error type, of which the service's model has some variants.
pub trait Modelled {
    /// What the variant means; `None` for what is not in the model.
    fn kind(&self) -> Option<Kind>;
}

/// What is in no service's model: access, credentials and signatures, throttling at the
/// door (see "Common Error Types" in the API references).
fn kind_of_answer(code: Option<&str>, status: u16) -> Kind {
    match code.unwrap_or_default() {
        "AccessDeniedException" | "AccessDenied" => Kind::Denied,
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => Kind::NoCredentials,
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" => Kind::Busy,
        _ if status >= 500 || status == 429 => Kind::Busy,
        _ if status == 401 || status == 403 => Kind::Denied,
        _ => Kind::WrongShape,
    }
}

fn caused_by_credentials(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(<dyn StdError>::is::<CredentialsError>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_by_code_then_by_status() {
        for (code, status, kind) in [
            (Some("AccessDeniedException"), 400, Kind::Denied),
            (Some("UnrecognizedClientException"), 400, Kind::NoCredentials),
            (Some("ValidationException"), 400, Kind::WrongShape),
            (Some("ThrottlingException"), 400, Kind::Busy),
            (Some("InternalServerError"), 500, Kind::Busy),
            (None, 503, Kind::Busy),
            (None, 403, Kind::Denied),
            (None, 404, Kind::WrongShape),
        ] {
            assert_eq!(kind_of_answer(code, status), kind, "{code:?} {status}");
        }
    }
}
