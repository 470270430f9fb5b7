//! The clock, against AWS's: signatures are refused when it is minutes off, and init.sh's
//! locks are judged by it.

use serde_json::json;

use super::Verdict;
use super::ask::Question;
use crate::aws::Clients;
use crate::exit::ExitCode;
use crate::lock::state::SKEW_ALLOWANCE;

/// AWS refuses signatures from further off than this (IAM user guide, "Signature Version
/// 4": requests expire after five minutes), less a margin.
const REFUSED: i64 = 290;
/// From here on it is worth a look.
const SUSPICIOUS: i64 = SKEW_ALLOWANCE / 2;

/// Asks DynamoDB anything, and looks at the date that any answer bears.
pub async fn check(clients: &Clients, table: &str) -> Verdict {
    let question = Question::new("DynamoDB_20120810.DescribeTable", &json!({ "TableName": table }));
    let _ = question.ask_dynamodb(clients, "dynamodb:DescribeTable", table).await;
    match question.ahead() {
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
