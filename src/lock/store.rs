//! The lock's requests to DynamoDB: two conditional puts and a conditional delete.
//!
//! Promises that each changes the item only as its condition says, and that a
//! refusal brings the present item with it (`ReturnValuesOnConditionCheckFailure`,
//! Amazon DynamoDB API reference, `PutItem` and `DeleteItem`).

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::Error;
use super::item::Item;
use crate::aws::{self, Clients, Kind, Modelled, Service};
use crate::settings::LockSettings;

/// So many tries of a request fit into a lease: one that hangs must not cost it.
const TRIES_PER_LEASE: u32 = 6;

/// One lock item's place.
#[derive(Debug)]
pub struct Store {
    pub(super) dynamodb: Service<Client>,
    /// Without the SDK's own retries: their pauses could outlast the lease.
    renewing: Service<Client>,
    pub(super) table: String,
    pub(super) id: String,
}

/// How a put ended.
#[derive(Debug)]
pub enum Put {
    /// The item is ours now.
    Done,
    /// The condition did not hold; this is the item that stood there, if one did.
    Refused(Option<Item>),
}

/// How a delete ended.
#[derive(Debug)]
pub enum Deleted {
    /// The item is gone.
    Done,
    /// There was none: an earlier try's answer was lost, or it ran out.
    WasGone,
    /// Somebody else's item stands there and was left alone.
    AnothersNow(Item),
}

impl Store {
    /// The item that `settings` name.
    pub fn new(clients: &Clients, settings: &LockSettings) -> Self {
        Self {
            dynamodb: clients.dynamodb.trying(aws::ATTEMPTS, settings.lease / TRIES_PER_LEASE),
            renewing: clients.dynamodb.trying(1, settings.lease / TRIES_PER_LEASE),
            table: settings.table.clone(),
            id: settings.id.clone(),
        }
    }

    /// Puts our own `item` again with its next heartbeat: only if it is still ours and
    /// has not had this heartbeat, so that a put that arrives late changes nothing.
    pub async fn put_renewal(&self, item: &Item) -> Result<Put, Error> {
        let (token, heartbeat) = match &item.holder {
            Some(holder) => (holder.token.clone(), holder.heartbeat),
            None => (String::new(), 0),
        };
        let put = self
            .renewing
            .client
            .put_item()
            .condition_expression("#token = :token AND heartbeat < :heartbeat")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":token", AttributeValue::S(token))
            .expression_attribute_values(":heartbeat", AttributeValue::N(heartbeat.to_string()));
        self.put(item, put).await
    }

    /// Puts `item` where there is none.
    pub async fn put_if_absent(&self, item: &Item) -> Result<Put, Error> {
        self.put(item, self.dynamodb.client.put_item().condition_expression("attribute_not_exists(lock_id)"))
            .await
    }

    /// Puts `item` in place of the very item that was seen.
    pub async fn put_instead_of(&self, seen: &Item, item: &Item) -> Result<Put, Error> {
        let put = self.dynamodb.client.put_item();
        let put = match &seen.holder {
            Some(holder) => put
                .condition_expression("#token = :token AND heartbeat = :heartbeat")
                .expression_attribute_names("#token", "token")
                .expression_attribute_values(":token", AttributeValue::S(holder.token.clone()))
                .expression_attribute_values(":heartbeat", AttributeValue::N(holder.heartbeat.to_string())),
            None => put
                .condition_expression("expires_at = :expires_at AND attribute_not_exists(#token)")
                .expression_attribute_names("#token", "token")
                .expression_attribute_values(":expires_at", AttributeValue::N(seen.expires_at.to_string())),
        };
        self.put(item, put).await
    }

    async fn put(&self, item: &Item, put: PutItemFluentBuilder) -> Result<Put, Error> {
        let sent = put
            .table_name(&self.table)
            .set_item(Some(item.to_attributes()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Put::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                    self.present(refusal).map(Put::Refused)
                }
                _ => Err(self.failed("dynamodb:PutItem", &error)),
            },
        }
    }

    /// Deletes the item if it bears `token`.
    pub async fn delete_if(&self, token: &str) -> Result<Deleted, Error> {
        let delete = self
            .dynamodb
            .client
            .delete_item()
            .condition_expression("#token = :token")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":token", AttributeValue::S(token.to_owned()));
        self.delete(delete).await
    }

    /// Deletes the item on a condition.
    pub async fn delete(&self, delete: DeleteItemFluentBuilder) -> Result<Deleted, Error> {
        let sent = delete
            .table_name(&self.table)
            .key("lock_id", AttributeValue::S(self.id.clone()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Deleted::Done),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(refusal)) => {
                    let present = self.present(refusal)?;
                    Ok(present.map_or(Deleted::WasGone, Deleted::AnothersNow))
                }
                _ => Err(self.failed("dynamodb:DeleteItem", &error)),
            },
        }
    }

    /// The item that a refusal brought, if there was one.
    fn present(&self, refusal: &ConditionalCheckFailedException) -> Result<Option<Item>, Error> {
        let item = refusal.item.as_ref().filter(|attributes| !attributes.is_empty());
        item.map(Item::from_attributes).transpose().map_err(|reason| self.no_lock(reason))
    }

    /// What stands under the key is no lock.
    pub fn no_lock(&self, reason: String) -> Error {
        Error::WrongItem { table: self.table.clone(), id: self.id.clone(), reason }
    }

    /// A refusal without the item that is in the way: nothing can be done without knowing it.
    pub fn untold(&self) -> Error {
        let error = aws::Error {
            kind: Kind::WrongShape,
            action: "dynamodb:PutItem",
            resource: self.resource(),
            detail: "the refusal does not bring the item that is in the way \
                     (ReturnValuesOnConditionCheckFailure), as DynamoDB's does"
                .into(),
        };
        error.into()
    }

    /// Reads a call's error.
    pub fn failed<E>(&self, action: &'static str, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: Modelled + ProvideErrorMetadata + std::error::Error + 'static,
    {
        aws::Error::read(action, self.resource(), error).into()
    }

    fn resource(&self) -> String {
        format!("table {} in {}", self.table, self.dynamodb.place)
    }
}

impl Modelled for PutItemError {
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::ResourceNotFoundException(_) => Some(Kind::Missing),
            Self::ProvisionedThroughputExceededException(_)
            | Self::RequestLimitExceeded(_)
            | Self::ThrottlingException(_)
            | Self::InternalServerError(_)
            | Self::TransactionConflictException(_)
            | Self::ReplicatedWriteConflictException(_) => Some(Kind::Busy),
            _ => None,
        }
    }
}

impl Modelled for DeleteItemError {
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::ResourceNotFoundException(_) => Some(Kind::Missing),
            Self::ProvisionedThroughputExceededException(_)
            | Self::RequestLimitExceeded(_)
            | Self::ThrottlingException(_)
            | Self::InternalServerError(_)
            | Self::TransactionConflictException(_)
            | Self::ReplicatedWriteConflictException(_) => Some(Kind::Busy),
            _ => None,
        }
    }
}
