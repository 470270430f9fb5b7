//! The clock, against AWS's: signatures are refused when it is minutes off, and init.sh's
//! locks are judged by it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

use super::Verdict;
use crate::aws::Clients;
use crate::exit::ExitCode;
use crate::lock::state::SKEW_ALLOWANCE;

/// AWS refuses signatures from further off than this (IAM user guide, "Signature Version
/// 4": requests expire after five minutes), less a margin.
const REFUSED: i64 = 290;
/// From here on it is worth a look.
const SUSPICIOUS: i64 = SKEW_ALLOWANCE / 2;

/// Asks DynamoDB for anything, and looks at the date that any answer bears.
pub async fn check(clients: &Clients, table: &str) -> Verdict {
    let seen = DateSeen::default();
    let call = clients.dynamodb.client.describe_table().table_name(table);
    let _ = call.customize().interceptor(seen.clone()).send().await;
    match seen.skew() {
        Some(ahead) => judge(ahead),
        None => Verdict::warn("no answer of AWS's to compare with", "see credentials and lock-table"),
    }
}

/// `ahead` is by how many seconds our clock runs ahead of AWS's.
fn judge(ahead: i64) -> Verdict {
    let off = match ahead {
        -1..=1 => return Verdict::ok("within a second of AWS's"),
        2.. => format!("{ahead} s ahead of AWS's"),
        _ => format!("{} s behind AWS's", ahead.saturating_neg()),
    };
    let advice = "let the host's clock follow the Amazon Time Sync Service (169.254.169.123); Fargate's does";
    match ahead.saturating_abs() {
        off_by if off_by >= REFUSED => {
            Verdict::fail(ExitCode::NoPermission, format!("{off}: AWS refuses the signatures"), advice)
        }
        off_by if off_by >= SUSPICIOUS => Verdict::warn(off, advice),
        _ => Verdict::ok(off),
    }
}

/// Notes by how much our clock is ahead when an answer comes.
#[derive(Debug, Clone, Default)]
struct DateSeen(Arc<Mutex<Option<i64>>>);

impl DateSeen {
    fn skew(&self) -> Option<i64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for DateSeen {
    fn name(&self) -> &'static str {
        "DateSeen"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(date) = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok()) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let ahead = now.as_secs().cast_signed().saturating_sub(date.secs());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_and_one_that_is_far_off_fails() {
        for (ahead, level, word) in [
            (0, Level::Ok, "within a second"),
            (-1, Level::Ok, "within a second"),
            (29, Level::Ok, "29 s ahead"),
            (-31, Level::Warn, "31 s behind"),
            (289, Level::Warn, "289 s ahead"),
            (-290, Level::Fail, "refuses the signatures"),
            (i64::MIN, Level::Fail, "behind"),
        ] {
            let verdict = judge(ahead);
            assert_eq!(verdict.level, level, "{ahead}");
            assert!(verdict.what.contains(word), "{}", verdict.what);
        }
    }
}
