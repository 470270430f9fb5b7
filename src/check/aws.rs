//! AWS: region, credentials, whose they are, and the checks of the services.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;

use super::{BUDGET, Line, Options, Verdict, check, clock, lock_table, parameter};
use crate::aws::{self, Clients, Kind, Modelled, Place};
use crate::exit::ExitCode;
use crate::settings::{ConfigSource, Settings};
use crate::wording::chain;

/// What STS is not needed for, to begin with.
const NOT_NEEDED: &str = "the job needs no STS: only this check does";

/// All checks of AWS.
pub async fn run(settings: &Settings, options: Options) -> Vec<Line> {
    let config = aws::configuration().await;
    let clients = match Clients::of(&config) {
        Ok(clients) => clients,
        Err(error) => return without_region(&error, settings, options).await,
    };
    let write = async {
        if !options.write {
            return None;
        }
        Some(check("lock-write", BUDGET, lock_table::write(&clients, &settings.lock)).await)
    };
    let (region, credentials, identity, table, write, parameter, clock) = tokio::join!(
        check("region", BUDGET, async { region(&clients) }),
        check("credentials", BUDGET, credentials(&config)),
        check("identity", BUDGET, identity(&config)),
        check("lock-table", BUDGET, lock_table::look(&clients, &settings.lock)),
        write,
        check("parameter", BUDGET, parameter::check(&clients, &settings.config.source)),
        check("clock", BUDGET, clock::check(&clients, &settings.lock.table)),
    );
    let lines =
        [Some(region), Some(credentials), Some(identity), Some(table), write, Some(parameter), Some(clock)];
    lines.into_iter().flatten().collect()
}

async fn without_region(error: &aws::Error, settings: &Settings, options: Options) -> Vec<Line> {
    let mut lines = vec![check("region", BUDGET, async { read(error) }).await];
    let needs_aws = matches!(settings.config.source, ConfigSource::Parameter(_));
    for (name, is_made) in [
        ("credentials", true),
        ("identity", true),
        ("lock-table", true),
        ("lock-write", options.write),
        ("parameter", needs_aws),
        ("clock", true),
    ] {
        if is_made {
            lines.push(check(name, BUDGET, async { Verdict::not_tried("region") }).await);
        }
    }
    lines
}

/// A call's error as a verdict.
pub fn read(error: &aws::Error) -> Verdict {
    let what = format!("{} on {}: {}", error.action, error.resource, error.detail);
    Verdict::fail(ExitCode::from(error), what, error.kind.advice())
}

fn region(clients: &Clients) -> Verdict {
    let (dynamodb, ssm) = (clients.dynamodb.place.to_string(), clients.ssm.place.to_string());
    Verdict::ok(if dynamodb == ssm { dynamodb } else { format!("DynamoDB in {dynamodb}, SSM in {ssm}") })
}

async fn credentials(config: &SdkConfig) -> Verdict {
    let none = |why: String| {
        let what = format!("no credentials: {why}");
        Verdict::fail(ExitCode::NoPermission, what, Kind::NoCredentials.advice())
    };
    let Some(provider) = config.credentials_provider() else {
        return none("no provider is configured".into());
    };
    match provider.provide_credentials().await {
        Ok(credentials) => Verdict::ok(format!("from {}", provider_of(&credentials))),
        Err(error) => none(chain(&error)),
    }
}

/// The provider's name, which the SDK tells in the debug form alone; that form has no
/// secret in it, and nothing else of it is used.
fn provider_of(credentials: &Credentials) -> String {
    let shown = format!("{credentials:?}");
    let name = shown.split_once("provider_name: \"").and_then(|(_, rest)| rest.split('"').next());
    match name {
        Some("EnvironmentVariable") => "the environment's variables".into(),
        Some("EcsContainer") => "the container's task role (ECS credentials endpoint)".into(),
        Some("IMDSv2") => "the instance's role (EC2 metadata)".into(),
        Some("WebIdentityToken") => "a web identity token".into(),
        Some(name) => name.to_owned(),
        None => "a provider without a name".into(),
    }
}

async fn identity(config: &SdkConfig) -> Verdict {
    let place = match Place::of(config, "AWS_ENDPOINT_URL_STS") {
        Ok(place) => place,
        Err(error) => return read(&error),
    };
    let error = match aws_sdk_sts::Client::new(config).get_caller_identity().send().await {
        Ok(answer) => {
            return match answer.arn() {
                Some(arn) => Verdict::ok(arn),
                None => Verdict::warn("STS told no ARN", NOT_NEEDED),
            };
        }
        Err(error) => aws::Error::read("sts:GetCallerIdentity", format!("STS in {place}"), &error),
    };
    match error.kind {
        Kind::NoCredentials => read(&error),
        _ => Verdict::warn(read(&error).what, NOT_NEEDED),
    }
}

impl Modelled for GetCallerIdentityError {
    fn kind(&self) -> Option<Kind> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_told_and_nothing_secret() {
        let credentials =
            Credentials::new("AKIDq9x", "sesame", Some("token-q9x".into()), None, "EcsContainer");
        let told = provider_of(&credentials);
        assert!(told.contains("task role"), "{told}");
        assert!(!told.contains("q9x") && !told.contains("sesame"), "{told}");
        assert_eq!(provider_of(&Credentials::new("a", "b", None, None, "Custom")), "Custom");
    }
}
