//! AWS that is missing, misshapen, out of reach or says no.

use testbed::{Result, World};

use super::{assert_fails, world};

#[tokio::test]
async fn a_lock_table_that_does_not_exist_is_named() -> Result<()> {
    let world = world().await?;
    let run = world.init().env("LOCK_TABLE", "no-such-locks").run().await?;
    assert_fails(&run, 78, &["dynamodb:PutItem", "no-such-locks", "eu-west-1", "create it"]);
    assert!(!world.config_file().exists());
    Ok(())
}

#[tokio::test]
async fn a_lock_table_with_another_key_is_refused() -> Result<()> {
    let world = world().await?;
    world.account.create_lock_table("other-key", "id").await?;
    let run = world.init().env("LOCK_TABLE", "other-key").run().await?;
    assert_fails(&run, 78, &["other-key", "ValidationException"]);
    Ok(())
}

#[tokio::test]
async fn without_credentials_it_says_so_at_once() -> Result<()> {
    let world = world().await?;
    let run = world.init().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY").run().await?;
    assert_fails(&run, 77, &["credential", "task role"]);
    Ok(())
}

#[tokio::test]
async fn without_a_region_it_says_so_at_once() -> Result<()> {
    let world = world().await?;
    assert_fails(&world.init().without("AWS_REGION").run().await?, 64, &["AWS_REGION"]);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_out_of_reach() -> Result<()> {
    for variable in ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SSM"] {
        let world = world().await?;
        let run = out_of_reach(&world, variable).await?;
        assert_fails(&run, 69, &["127.0.0.1:1", "refused"]);
    }
    Ok(())
}

/// Nothing listens on port 1.
async fn out_of_reach(world: &World<'_>, variable: &str) -> Result<testbed::Finished> {
    world.init().env(variable, "http://127.0.0.1:1").env("MAX_WAIT", "1s").run().await
}
