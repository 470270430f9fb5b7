//! Questions whose answers the SDK would read at length: what a table or a parameter is
//! like.
//!
//! `DescribeTable` answers in some sixty shapes, of which the check looks at four. The
//! SDK's readers of those alone would add a tenth of a megabyte to a program that every
//! task start loads. So another request to the same service, which the program has
//! anyway, is given another target and body before it is signed, and the answer is read
//! as plain JSON (the services' protocol is AWS JSON 1.0 and 1.1: the header
//! `X-Amz-Target` names the operation). Endpoint, credentials, retries and errors stay
//! the SDK's.
//!
//! Each answer, a refusal too, also bears the service's date.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use serde_json::Value;

use crate::aws::{self, Clients};

/// A question, and what came back.
#[derive(Debug, Clone)]
pub struct Question {
    target: &'static str,
    body: String,
    answer: Arc<Mutex<Answer>>,
}

/// What came back, of the last try.
#[derive(Debug, Clone, Default)]
struct Answer {
    body: Value,
    ahead: Option<i64>,
}

impl Question {
    /// `target` is the operation as the service's protocol names it.
    pub fn new(target: &'static str, body: &Value) -> Self {
        Self { target, body: body.to_string(), answer: Arc::default() }
    }

    /// Asks DynamoDB about `table`; `action` is the IAM action.
    ///
    /// # Errors
    /// The call failed.
    pub async fn ask_dynamodb(
        &self,
        clients: &Clients,
        action: &'static str,
        table: &str,
    ) -> Result<Value, aws::Error> {
        let unused = AttributeValue::Null(true);
        let carrier = clients.dynamodb.client.get_item().table_name(table).key("lock_id", unused);
        let sent = carrier.customize().interceptor(self.clone()).send().await;
        let resource = || format!("table {table} in {}", clients.dynamodb.place);
        sent.map_err(|error| aws::Error::read(action, resource(), &error))?;
        Ok(self.answer().body.clone())
    }

    /// Asks SSM about the parameter `name`; `action` is the IAM action.
    ///
    /// # Errors
    /// The call failed.
    pub async fn ask_ssm(
        &self,
        clients: &Clients,
        action: &'static str,
        name: &str,
    ) -> Result<Value, aws::Error> {
        let carrier = clients.ssm.client.get_parameter().name(name);
        let sent = carrier.customize().interceptor(self.clone()).send().await;
        let resource = || format!("{name} in {}", clients.ssm.place);
        sent.map_err(|error| aws::Error::read(action, resource(), &error))?;
        Ok(self.answer().body.clone())
    }

    /// By how many seconds our clock is ahead of the service's, if it answered.
    pub fn ahead(&self) -> Option<i64> {
        self.answer().ahead
    }

    fn answer(&self) -> MutexGuard<'_, Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Question {
    fn name(&self) -> &'static str {
        "Question"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("x-amz-target", self.target);
        request.headers_mut().insert("content-length", self.body.len().to_string());
        *request.body_mut() = SdkBody::from(self.body.as_str());
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let body = response.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok());
        let date = response.headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().cast_signed();
        let ahead = date.map(|date| now.saturating_sub(date.secs()));
        *self.answer() = Answer { body: body.unwrap_or_default(), ahead };
        Ok(())
    }
}

/// The text at a place of an answer (a JSON pointer, RFC 6901); empty when there is none.
pub fn text<'a>(answer: &'a Value, place: &str) -> &'a str {
    answer.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a place of an answer; empty when there is none.
pub fn list<'a>(answer: &'a Value, place: &str) -> &'a [Value] {
    answer.pointer(place).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
