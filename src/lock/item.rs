//! The lock item: what stands in the table.
//!
//! | attribute | type | |
//! |---|---|---|
//! | `lock_id` | S | key |
//! | `expires_at` | N | epoch seconds; `init.sh` writes and reads it too |
//! | `owner` | S | who holds it, for people |
//! | `token` | S | UUID, one for each acquisition |
//! | `heartbeat` | N | counted up by every renewal |
//! | `lease` | N | the holder's lease in seconds |
//! | `acquired_at` | S | RFC 3339, for people |
//!
//! `init.sh` writes the first two alone: an item without `token` is the script's.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

/// An item as DynamoDB has it.
pub type Attributes = HashMap<String, AttributeValue>;

/// A lock item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The key.
    pub id: String,
    /// When it runs out, in epoch seconds.
    pub expires_at: i64,
    /// Who holds it; `None` when `init.sh` does.
    pub holder: Option<Holder>,
}

/// A holder of this kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// For people: task ARN, or host and process id.
    pub owner: String,
    /// Identifies the acquisition.
    pub token: String,
    /// Counts renewals.
    pub heartbeat: u64,
    /// After this silence the holder is dead.
    pub lease: Duration,
    /// When it was acquired, by the holder's clock.
    pub acquired_at: String,
}

impl Item {
    /// The token, where there is one.
    pub fn token(&self) -> Option<&str> {
        self.holder.as_ref().map(|holder| holder.token.as_str())
    }

    /// Who holds it since when, in words.
    pub fn holder_for_people(&self) -> String {
        match &self.holder {
            Some(holder) => format!("{} since {}", holder.owner, holder.acquired_at),
            None => format!("an init.sh task until {}", rfc3339(self.expires_at)),
        }
    }

    /// The attributes to put.
    pub fn to_attributes(&self) -> Attributes {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let mut attributes = Attributes::from([
            ("lock_id".to_owned(), text(&self.id)),
            ("expires_at".to_owned(), AttributeValue::N(self.expires_at.to_string())),
        ]);
        if let Some(holder) = &self.holder {
            attributes.extend([
                ("owner".to_owned(), text(&holder.owner)),
                ("token".to_owned(), text(&holder.token)),
                ("heartbeat".to_owned(), AttributeValue::N(holder.heartbeat.to_string())),
                ("lease".to_owned(), AttributeValue::N(holder.lease.as_secs().to_string())),
                ("acquired_at".to_owned(), text(&holder.acquired_at)),
            ]);
        }
        attributes
    }

    /// Reads an item.
    ///
    /// # Errors
    /// Names the attribute that is missing or of the wrong type.
    pub fn from_attributes(attributes: &Attributes) -> Result<Self, String> {
        let text = |name: &str| match attributes.get(name) {
            Some(AttributeValue::S(value)) => Ok(value.clone()),
            _ => Err(format!("{name} is not a string")),
        };
        let number = |name: &str| match attributes.get(name) {
            Some(AttributeValue::N(value)) => {
                value.parse::<i64>().map_err(|_| format!("{name} is not a whole number"))
            }
            _ => Err(format!("{name} is not a number")),
        };
        let count = |name: &str| u64::try_from(number(name)?).map_err(|_| format!("{name} is negative"));
        let holder = if attributes.contains_key("token") {
            Some(Holder {
                owner: text("owner")?,
                token: text("token")?,
                heartbeat: count("heartbeat")?,
                lease: Duration::from_secs(count("lease")?),
                acquired_at: text("acquired_at")?,
            })
        } else {
            None
        };
        Ok(Self { id: text("lock_id")?, expires_at: number("expires_at")?, holder })
    }
}

/// A moment for people.
pub fn rfc3339(epoch_seconds: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(epoch_seconds)
        .ok()
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_else(|| format!("epoch second {epoch_seconds}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Item {
        Item {
            id: "init".into(),
            expires_at: 1_800_000_300,
            holder: Some(Holder {
                owner: "arn:task/1".into(),
                token: "t-1".into(),
                heartbeat: 4,
                lease: Duration::from_secs(30),
                acquired_at: "2027-01-15T08:00:00Z".into(),
            }),
        }
    }

    #[test]
    fn an_item_reads_back_as_it_was_written() {
        for item in [ours(), Item { holder: None, ..ours() }] {
            assert_eq!(Item::from_attributes(&item.to_attributes()), Ok(item));
        }
    }

    #[test]
    fn the_script_writes_two_attributes_and_so_is_recognised() {
        let script = Item { holder: None, ..ours() };
        assert_eq!(script.to_attributes().len(), 2);
        assert_eq!(script.holder_for_people(), "an init.sh task until 2027-01-15T08:05:00Z");
    }

    #[test]
    fn what_is_no_lock_is_refused_by_name() {
        let mut attributes = ours().to_attributes();
        attributes.remove("expires_at");
        assert_eq!(Item::from_attributes(&attributes), Err("expires_at is not a number".into()));
        attributes.insert("expires_at".into(), AttributeValue::N("soon".into()));
        assert_eq!(Item::from_attributes(&attributes), Err("expires_at is not a whole number".into()));
        for name in ["heartbeat", "lease"] {
            let mut attributes = ours().to_attributes();
            attributes.insert(name.into(), AttributeValue::N("-5".into()));
            assert_eq!(Item::from_attributes(&attributes), Err(format!("{name} is negative")));
        }
    }
}
