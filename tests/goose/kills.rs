//! Sudden death at every statement of a run over twenty migrations, some of them without a
//! transaction: the next run always brings the database to where an undisturbed one does.

use sqlx::postgres::PgConnection;
use testbed::{Init, Result, Running, Signal, StatementGate, World};

use super::snapshot::{Fingerprint, Snapshot, empty};
use super::{assert_code, beside, execute, migrate_up, url, wait_for_session, world};

/// Worlds that share the work.
const WORKERS: usize = 2;

/// What an undisturbed run leaves.
async fn reference() -> Result<(Snapshot, Fingerprint)> {
    let world = world().await?;
    assert_code(&migrate_up(&world, &beside("twenty")).run().await?, 0);
    Ok((Snapshot::of(&world).await?, Fingerprint::of(&mut world.connect().await?).await?))
}

#[tokio::test]
async fn a_run_that_was_killed_at_any_statement_is_completed() -> Result<()> {
    let (_, expected) = reference().await?;
    let (odd, even) = tokio::join!(kill_at_every(1, &expected), kill_at_every(2, &expected));
    let kills = odd? + even?;
    eprintln!("killed at {kills} statements");
    // Each migration has its row in either ledger, and most have a transaction.
    assert!(kills > 20 * 4, "{kills}");
    Ok(())
}

/// Kills a run at its statement `first`, another two statements later, and so on until one
/// is over before. Returns how many died.
async fn kill_at_every(first: usize, expected: &Fingerprint) -> Result<usize> {
    let world = world().await?;
    let mut database = world.connect().await?;
    let mut statement = first;
    loop {
        empty(&world, &mut database).await?;
        let gate = StatementGate::start(world.testbed.postgres.port, statement - 1).await?;
        let run = through(&gate, &world).start()?;
        if !kill_when_held(run, &gate).await? {
            return Ok((statement - first) / WORKERS);
        }
        drop(gate);
        let when = format!("after a death at statement {statement}");
        complete(&world, &mut database, expected, &when).await?;
        statement += WORKERS;
    }
}

/// `migrate up` through a gate.
fn through(gate: &StatementGate, world: &World<'_>) -> Init {
    migrate_up(world, &beside("twenty")).env("DATABASE_URL", url(world, gate.port()))
}

/// Whether the run came to the statement that is held back; it is dead then.
async fn kill_when_held(mut run: Running, gate: &StatementGate) -> Result<bool> {
    let is_held = tokio::select! {
        () = gate.held() => true,
        () = async { while run.next_line().await.is_some() {} } => false,
    };
    if is_held {
        run.signal(Signal::Kill).await?;
    }
    let run = run.finish().await?;
    assert_eq!(run.code(), if is_held { None } else { Some(0) }, "{}", run.output());
    Ok(is_held)
}

/// Runs once more, as if the dead run's lease were over, and expects everything to be there.
async fn complete(
    world: &World<'_>,
    database: &mut PgConnection,
    expected: &Fingerprint,
    when: &str,
) -> Result<()> {
    world.account.delete_lock_item().await?;
    let run = migrate_up(world, &beside("twenty")).run().await?;
    assert_code(&run, 0);
    assert_eq!(&Fingerprint::of(database).await?, expected, "{when}: {}", run.output());
    Ok(())
}

#[tokio::test]
async fn an_index_that_a_death_left_invalid_is_built_or_dropped_anew() -> Result<()> {
    let (snapshot, fingerprint) = reference().await?;
    for (version, table, invalid) in
        [(3, "accounts", "accounts_owner"), (10, "days", "days_note"), (16, "accounts", "accounts_owner")]
    {
        let world = world().await?;
        let before = (version - 1).to_string();
        assert_code(&migrate_up(&world, &beside("twenty")).arg("--to").arg(&before).run().await?, 0);
        // As the first statement of migration 10 does: so there is something to lock.
        let days = "CREATE TABLE days (day date PRIMARY KEY, note text);";
        let make = if table == "days" { days } else { "" };
        // Building and dropping wait for every transaction that uses the table.
        let lock = format!("BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE");
        let mut blocker = world.connect().await?;
        execute(&mut blocker, &format!("SET ROLE {}; {make}", world.database)).await?;
        execute(&mut blocker, &lock).await?;
        die_while_waiting(&world).await?;
        execute(&mut blocker, "COMMIT; RESET ROLE").await?;
        assert_eq!(Snapshot::of(&world).await?.invalid, [invalid]);
        let when = format!("after {invalid} was left invalid");
        complete(&world, &mut blocker, &fingerprint, &when).await?;
        snapshot.assert_same(&Snapshot::of(&world).await?, "an undisturbed run against this one");
    }
    Ok(())
}

/// A run that is killed while its statement waits; its session has ended then.
async fn die_while_waiting(world: &World<'_>) -> Result<()> {
    let gate = StatementGate::start(world.testbed.postgres.port, usize::MAX).await?;
    let run = through(&gate, world).start()?;
    wait_for_session(world, "wait_event_type = 'Lock' AND query LIKE '%CONCURRENTLY%'", 1).await?;
    run.signal(Signal::Kill).await?;
    run.finish().await?;
    drop(gate);
    wait_for_session(world, "true", 0).await
}
