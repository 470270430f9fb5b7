//! The parameter in SSM: one decrypted read.

use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use aws_sdk_ssm::types::ParameterType;

use super::{Error, ProviderConfig, packed};
use crate::aws::{self, Clients, Kind, Modelled};

/// Fetches and checks the provider config.
///
/// `name` is what `GetParameter` takes: a name, `name:version`, `name:label` or an ARN
/// (AWS Systems Manager API reference, `GetParameter`).
///
/// # Errors
/// The call failed, the parameter is a list, or the proxy would refuse its value.
pub async fn fetch(clients: &Clients, name: &str) -> Result<ProviderConfig, Error> {
    let sent = clients.ssm.client.get_parameter().name(name).with_decryption(true).send().await;
    let answer = sent.map_err(|error| {
        aws::Error::read("ssm:GetParameter", format!("{name} in {}", clients.ssm.place), &error)
    })?;
    let parameter = answer.parameter.unwrap_or_else(|| aws_sdk_ssm::types::Parameter::builder().build());
    if let Some(found @ ParameterType::StringList) = &parameter.r#type {
        return Err(Error::WrongType { parameter: name.into(), found: found.to_string() });
    }
    let version = parameter.version;
    let source = format!("{name} (version {version})");
    let value = packed::unpack(parameter.value.unwrap_or_default())
        .map_err(|reason| Error::Packed { parameter: source.clone(), reason })?;
    let config = ProviderConfig::check(value, source.clone())?;
    for warning in config.warnings() {
        tracing::warn!(step = "config", "{source}: {warning}");
    }
    Ok(config)
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
