//! Who we are, for people: the name under which this task holds the lock.
//!
//! Promises an answer within a second, always: the ECS task's ARN where the task
//! metadata endpoint (version 4) tells it, else host name and process id. The name
//! is only ever shown; the lock's `token` is what identifies a holder.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;

use crate::{aws, wording};

/// The endpoint is on the task's own host; it answers in milliseconds or not at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Names this task. `metadata_uri` is the value of `ECS_CONTAINER_METADATA_URI_V4`.
pub async fn name(metadata_uri: Option<&str>) -> String {
    let Some(uri) = metadata_uri else { return host_and_process() };
    let told = tokio::time::timeout(PATIENCE, task_arn(uri)).await;
    let reason = match told {
        Ok(Ok(arn)) => return arn,
        Ok(Err(reason)) => reason,
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    tracing::warn!(step = "start", "the ECS metadata endpoint {uri} did not name the task: {reason}");
    host_and_process()
}

/// Asks `${ECS_CONTAINER_METADATA_URI_V4}/task` for `TaskARN` (Amazon ECS developer
/// guide, "Task metadata endpoint version 4").
async fn task_arn(uri: &str) -> Result<String, String> {
    let request = HttpRequest::get(format!("{}/task", uri.trim_end_matches('/')))
        .map_err(|error| wording::chain(&error))?;
    let client = Connector::builder().tls_provider(aws::tls_provider()).build();
    let response = client.call(request).await.map_err(|error| wording::chain(&error))?;
    if !response.status().is_success() {
        return Err(format!("HTTP status {}", response.status().as_u16()));
    }
    let body =
        ByteStream::new(response.into_body()).collect().await.map_err(|error| wording::chain(&error))?;
    let task: serde_json::Value =
        serde_json::from_slice(&body.into_bytes()).map_err(|error| error.to_string())?;
    let arn = task.get("TaskARN").and_then(|arn| arn.as_str());
    arn.map(str::to_owned).ok_or_else(|| "the answer has no TaskARN".into())
}

fn host_and_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "unknown-host" } else { host };
    format!("{host} pid {}", std::process::id())
}
