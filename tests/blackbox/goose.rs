//! The application's own migrator, for real: goose on the databases that we leave.

use testbed::{Goose, Result};

use super::{assert_code, full_goose_ledger, goose_ledger, refinery_ledger, world};

#[tokio::test]
async fn goose_finds_nothing_to_do_after_us() -> Result<()> {
    let Some(goose) = Goose::installed()? else { return Ok(()) };
    let world = world().await?;
    assert_code(&world.init().run().await?, 0);
    let said =
        goose.run(&Goose::migrations(&world)?, &world.database_url("?sslmode=disable"), &["up"]).await?;
    assert!(said.contains("no migrations to run. current version: 6"), "{said}");
    let mut database = world.connect().await?;
    assert_eq!(goose_ledger(&mut database).await?, full_goose_ledger());
    Ok(())
}

#[tokio::test]
async fn we_continue_where_goose_stopped() -> Result<()> {
    let Some(goose) = Goose::installed()? else { return Ok(()) };
    let world = world().await?;
    let url = world.database_url("?sslmode=disable");
    goose.run(&Goose::migrations(&world)?, &url, &["up-to", "3"]).await?;
    let run = world.init().run().await?;
    assert_code(&run, 0);
    assert_eq!(run.last()["migrations_applied"], 3);
    let mut database = world.connect().await?;
    assert_eq!(goose_ledger(&mut database).await?, full_goose_ledger());
    assert_eq!(refinery_ledger(&mut database).await?, [1, 2, 3, 4, 5, 6]);
    Ok(())
}
