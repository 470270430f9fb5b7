//! The parameter in SSM: one decrypted read, and the patience that it takes in a fleet.

use std::time::{Duration, Instant};

use aws_sdk_ssm::operation::get_parameter::{GetParameterError, GetParameterOutput};
use aws_sdk_ssm::types::ParameterType;

use super::Error;
use crate::aws::{self, Clients, Kind, Modelled};
use crate::pacing::{Backoff, Patience, TELL_EVERY, Telling};

/// The longest pause between two calls, each of which has the SDK's own retries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Reads the value of a parameter; returns it with the name that tells its version.
///
/// `name` is what `GetParameter` takes: a name, `name:version`, `name:label` or an ARN
/// (AWS Systems Manager API reference, `GetParameter`). `max_wait` is for how long to
/// try again while the service is busy.
///
/// # Errors
/// The call failed, or the parameter is a list.
pub async fn read(clients: &Clients, name: &str, max_wait: Duration) -> Result<(String, String), Error> {
    let answer = get(clients, name, max_wait).await?;
    let parameter = answer.parameter.unwrap_or_else(|| aws_sdk_ssm::types::Parameter::builder().build());
    if let Some(found @ ParameterType::StringList) = &parameter.r#type {
        return Err(Error::WrongType { parameter: name.into(), found: found.to_string() });
    }
    let source = format!("parameter {name} (version {})", parameter.version);
    Ok((parameter.value.unwrap_or_default(), source))
}

/// Calls. All tasks of an account and region share 40 `GetParameter` calls a second (AWS
/// Systems Manager quotas), and a fleet asks all at once: each waits its turn.
async fn get(clients: &Clients, name: &str, max_wait: Duration) -> Result<GetParameterOutput, aws::Error> {
    let started = Instant::now();
    let (mut backoff, mut telling) = (Backoff::new(LONGEST_PAUSE), Telling::every(TELL_EVERY));
    let mut patience = Patience::new(max_wait, aws::SILENCE_BUDGET);
    loop {
        let sent = clients.ssm.client.get_parameter().name(name).with_decryption(true).send().await;
        let error = match sent {
            Ok(answer) => return Ok(answer),
            Err(error) => {
                let resource = format!("{name} in {}", clients.ssm.place);
                aws::Error::read("ssm:GetParameter", resource, &error)
            }
        };
        let left = patience.left(started.elapsed(), error.kind == Kind::Busy);
        if left.is_zero() || !error.kind.is_transient() {
            return Err(error);
        }
        if telling.is_due(started.elapsed()) {
            tracing::warn!(step = "config", "no config yet, trying again: {error}");
        }
        tokio::time::sleep(backoff.next(fastrand::f64())).await;
    }
}

impl Modelled for GetParameterError {
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::ParameterNotFound(_) | Self::ParameterVersionNotFound(_) => Some(Kind::Missing),
            // The key that encrypts the value is disabled or may not be used.
            Self::InvalidKeyId(_) => Some(Kind::Denied),
            Self::InternalServerError(_) => Some(Kind::Busy),
            _ => None,
        }
    }
}
