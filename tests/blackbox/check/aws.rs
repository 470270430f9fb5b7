//! The checks of AWS.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ProvisionedThroughput, ScalarAttributeType,
};
use aws_sdk_ssm::types::ParameterType;
use testbed::{AwsProxy, Fault, PROVIDERS, Result, Rule, World};

use super::super::{assert_code, world};
use super::{Checked, check, symptoms};

#[tokio::test]
async fn without_a_region() -> Result<()> {
    let world = world().await?;
    let checked = check(world.init().without("AWS_REGION")).await?;
    checked.assert_fails(&symptoms::NO_REGION, 64);
    checked.assert_ok("postgres-login", &[]);
    Ok(())
}

#[tokio::test]
async fn without_credentials() -> Result<()> {
    let world = world().await?;
    let init = world.init().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let checked = check(init).await?;
    checked.assert_fails(&symptoms::NO_CREDENTIALS, 77);
    checked.assert_told(&symptoms::CLOCK_UNKNOWN);
    Ok(())
}

#[tokio::test]
async fn services_that_are_out_of_reach() -> Result<()> {
    let world = world().await?;
    let checked = check(world.init().env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")).await?;
    checked.assert_told(&symptoms::NO_STS);
    checked.assert_fails(&symptoms::TABLE_UNREACHABLE, 69);
    checked.assert_told(&symptoms::PARAMETER_UNREACHABLE);
    Ok(())
}

#[tokio::test]
async fn a_table_with_another_key() -> Result<()> {
    let world = world().await?;
    world.account.create_lock_table("other-key", "id").await?;
    check(world.init().env("LOCK_TABLE", "other-key")).await?.assert_fails(&symptoms::WRONG_KEY, 78);
    Ok(())
}

#[tokio::test]
async fn a_table_that_works_and_is_not_as_it_should_be() -> Result<()> {
    let world = world().await?;
    let key = AttributeDefinition::builder().attribute_name("lock_id").attribute_type(ScalarAttributeType::S);
    let hash = KeySchemaElement::builder().attribute_name("lock_id").key_type(KeyType::Hash);
    let throughput = ProvisionedThroughput::builder().read_capacity_units(1).write_capacity_units(1);
    let create = world.account.dynamodb.create_table().table_name("provisioned");
    let create = create.attribute_definitions(key.build()?).key_schema(hash.build()?);
    let create = create.billing_mode(BillingMode::Provisioned).provisioned_throughput(throughput.build()?);
    create.send().await?;
    let checked = check(world.init().env("LOCK_TABLE", "provisioned")).await?;
    checked.assert_told(&symptoms::TABLE_ODD);
    assert_code(&checked.run, 0);
    Ok(())
}

/// Checks with a role that lacks a right.
async fn without_right_to(world: &World<'_>, rules: &[Rule], more: &[&str]) -> Result<Checked> {
    let proxy = AwsProxy::start(&world.testbed.aws).await?;
    for rule in rules {
        proxy.inject(rule.clone());
    }
    let init = world.init().env("AWS_ENDPOINT_URL", proxy.endpoint());
    let init = init.arg("check").arg("--json");
    let run = more.iter().fold(init, |init, argument| init.arg(argument)).run().await?;
    let report = run.last();
    Ok(Checked { run, report })
}

#[tokio::test]
async fn a_role_that_may_not_look_at_the_table() -> Result<()> {
    let world = world().await?;
    let describe = Fault::Deny.on("DescribeTable");
    let checked = without_right_to(&world, std::slice::from_ref(&describe), &[]).await?;
    checked.assert_told(&symptoms::TABLE_NOT_DESCRIBED);
    let checked = without_right_to(&world, &[describe, Fault::Deny.on("GetItem")], &[]).await?;
    checked.assert_told(&symptoms::TABLE_DENIED);
    assert_code(&checked.run, 0);
    Ok(())
}

#[tokio::test]
async fn a_role_that_may_not_write_the_lock() -> Result<()> {
    let world = world().await?;
    let checked = without_right_to(&world, &[Fault::Deny.on("PutItem")], &["--write"]).await?;
    checked.assert_fails(&symptoms::PUT_DENIED, 77);
    let checked = without_right_to(&world, &[Fault::Deny.on("DeleteItem")], &["--write"]).await?;
    checked.assert_fails(&symptoms::DELETE_DENIED, 77);
    Ok(())
}

#[tokio::test]
async fn writing_is_tried_when_asked_for_and_leaves_nothing() -> Result<()> {
    let world = world().await?;
    let proxy = AwsProxy::start(&world.testbed.aws).await?;
    let init = || world.init().env("AWS_ENDPOINT_URL_DYNAMODB", proxy.endpoint());
    assert_code(&check(init()).await?.run, 0);
    assert!(proxy.seen().iter().all(|seen| !["PutItem", "DeleteItem"].contains(&seen.operation.as_str())));
    let run = init().arg("check").arg("--json").arg("--write").run().await?;
    let checked = Checked { report: run.last(), run };
    checked.assert_ok("lock-write", &["on conditions", "init.check."]);
    let left = world.account.dynamodb.scan().table_name("llm-proxy-locks").send().await?;
    assert_eq!(left.count(), 0, "{:?}", left.items());
    Ok(())
}

#[tokio::test]
async fn a_parameter_that_is_missing_or_no_config() -> Result<()> {
    let world = world().await?;
    let with = |name: &str| world.init().env("CONFIG_PARAMETER", name);
    check(with("/no/such")).await?.assert_fails(&symptoms::NO_PARAMETER, 78);
    world.account.put_parameter("/bad", ParameterType::String, "apis: {}\n").await?;
    check(with("/bad")).await?.assert_fails(&symptoms::PARAMETER_INVALID, 65);
    world.account.put_parameter("/list", ParameterType::StringList, "a,b").await?;
    check(with("/list")).await?.assert_fails(&symptoms::PARAMETER_LIST, 78);
    Ok(())
}

#[tokio::test]
async fn a_parameter_that_may_not_be_read() -> Result<()> {
    let world = world().await?;
    let checked = without_right_to(&world, &[Fault::Deny.on("GetParameter")], &[]).await?;
    checked.assert_fails(&symptoms::PARAMETER_DENIED, 77);
    Ok(())
}

#[tokio::test]
async fn a_parameter_that_is_nearly_full() -> Result<()> {
    let world = world().await?;
    let padding = "#".repeat(3_900 - PROVIDERS.len());
    let value = format!("{PROVIDERS}{padding}\n");
    world.account.put_parameter("/full", ParameterType::String, &value).await?;
    let checked = check(world.init().env("CONFIG_PARAMETER", "/full")).await?;
    checked.assert_told(&symptoms::PARAMETER_FULL);
    assert_code(&checked.run, 0);
    Ok(())
}

#[tokio::test]
async fn a_config_from_a_file_is_checked_too() -> Result<()> {
    let world = world().await?;
    let file = world.config_folder().join("from.yaml");
    std::fs::write(&file, PROVIDERS)?;
    let checked = check(world.init().env("CONFIG_PARAMETER", format!("file://{}", file.display()))).await?;
    checked.assert_ok("parameter", &["the file is valid"]);
    Ok(())
}

#[tokio::test]
async fn a_clock_that_is_off() -> Result<()> {
    let world = world().await?;
    let long_ago = Fault::Date("Mon, 23 Nov 2020 14:00:00 GMT").on("DescribeTable");
    let checked = without_right_to(&world, &[long_ago], &[]).await?;
    checked.assert_fails(&symptoms::CLOCK_OFF, 77);
    Ok(())
}
