//! A mixed fleet: while a deployment goes on, tasks of the old script run among ours.
//! Neither kind works while the other does.
//!
//! Who worked when is told from outside: ours by a trigger in the database, which the
//! work runs into, the script's by marks that goose's stand-in writes. Both clocks are
//! this machine's.

use std::fs;
use std::path::PathBuf;

use sqlx::postgres::PgConnection;
use testbed::{Finished, Init, PROVIDERS, Result, World};

use super::{assert_done, config_file, execute, world};

const OURS: usize = 8;

/// The database forgets the last version as soon as it is applied, so that every task
/// finds work; and it writes down when that work began and ended.
const FORGET: &str = "
    CREATE TABLE work (began timestamptz, ended timestamptz);
    CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        PERFORM pg_sleep(0.4);
        DELETE FROM goose_db_version WHERE version_id = 6;
        INSERT INTO work VALUES (transaction_timestamp(), clock_timestamp());
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER forget AFTER INSERT ON goose_db_version
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION forget();
    DELETE FROM goose_db_version WHERE version_id = 6;";

/// When work began and ended, in microseconds since the epoch, and whose it was.
type Work = (i64, i64, &'static str);

#[tokio::test]
async fn the_script_and_we_never_work_at_the_same_time() -> Result<()> {
    let (world, _machine) = world().await?;
    let script = script(&world)?;
    let numbered = |init: Init, task: usize| init.env("CONFIG_PATH", config_file(&world, task));
    assert_done(&world.init().run().await?);
    let mut database = world.connect().await?;
    execute(&mut database, FORGET).await?;

    // The script's before ours, beside ours, and behind at least one of ours.
    let mut first = numbered(script.clone(), 0).start()?;
    first.wait_for("lock acquired").await?;
    let second = numbered(script.clone(), 1).start()?;
    let ours = (0..OURS).map(|task| numbered(world.init(), 3 + task).start());
    let mut ours = ours.collect::<Result<Vec<_>>>()?;
    ours[0].wait_for("lock acquired").await?;
    let third = numbered(script, 2).start()?;

    for task in [first, second, third] {
        assert_done(&task.finish().await?);
    }
    for task in ours {
        let finished: Finished = task.finish().await?;
        assert_done(&finished);
        assert_eq!(finished.last()["migrations_applied"], 1, "{}", finished.output());
    }
    let mut work = [of_scripts(&world)?, of_ours(&mut database).await?].concat();
    work.sort_unstable();
    eprintln!("{}", work.iter().map(|(_, _, whose)| *whose).collect::<Vec<_>>().join(", "));
    assert_eq!(work.len(), 3 + OURS, "{work:?}");
    assert!(work.is_sorted_by(|one, next| one.1 <= next.0), "two at the same time: {work:?}");
    for task in 0..3 + OURS {
        assert_eq!(fs::read_to_string(config_file(&world, task))?.trim_end(), PROVIDERS.trim_end());
    }
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

/// A task of the old kind, with a stand-in for goose.
fn script(world: &World<'_>) -> Result<Init> {
    let script = world.script_with_stand_in(1.0, &marks(world))?;
    Ok(script.env("POLL_INTERVAL", "1").env("MAX_WAIT", "100"))
}

fn marks(world: &World<'_>) -> PathBuf {
    world.config_folder().join("marks")
}

fn of_scripts(world: &World<'_>) -> Result<Vec<Work>> {
    let marks = fs::read_to_string(marks(world))?;
    let read = |line: &str| {
        let (began, ended) = line.split_once(' ').ok_or("a mark has two times")?;
        Ok((began.parse()?, ended.parse()?, "script"))
    };
    marks.lines().map(read).collect()
}

async fn of_ours(database: &mut PgConnection) -> Result<Vec<Work>> {
    let micros = "SELECT (extract(epoch FROM began) * 1000000)::int8, \
        (extract(epoch FROM ended) * 1000000)::int8 FROM work";
    let rows: Vec<(i64, i64)> = sqlx::query_as(micros).fetch_all(database).await?;
    Ok(rows.into_iter().map(|(began, ended)| (began, ended, "ours")).collect())
}
