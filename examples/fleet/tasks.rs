//! Tasks of both kinds, and databases that give them work.

use std::path::Path;
use std::time::Instant;

use sqlx::AssertSqlSafe;
use testbed::{Finished, Goose, Init, Result, Running, Testbed, World};
use tokio::task::JoinSet;

/// A world whose database has every migration.
pub async fn migrated(program: &Path) -> Result<World<'static>> {
    let world = World::new(Testbed::shared(), program).await?;
    finish(world.init().start()?).await?;
    Ok(world)
}

/// A world whose database forgets the last migration as soon as it is applied, and
/// takes its time over it: every task finds work and holds the lock for so long.
pub async fn with_work(program: &Path, seconds: f64) -> Result<World<'static>> {
    let world = migrated(program).await?;
    let forget = format!(
        "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
         PERFORM pg_sleep({seconds}); DELETE FROM goose_db_version WHERE version_id = 6; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER forget AFTER INSERT ON goose_db_version \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION forget(); \
         DELETE FROM goose_db_version WHERE version_id = 6"
    );
    sqlx::raw_sql(AssertSqlSafe(forget)).execute(&mut world.connect().await?).await?;
    Ok(world)
}

/// A task with a config file of its own.
pub fn numbered(world: &World<'_>, task: &Init, number: usize) -> Init {
    task.clone().env("CONFIG_PATH", world.config_folder().join(format!("{number}.yaml")))
}

/// The script with a stand-in for goose that works for so many seconds.
pub fn script_with_work(world: &World<'_>, seconds: f64) -> Result<Init> {
    Ok(with_its_settings(world, world.script_with_stand_in(seconds, Path::new("/dev/null"))?))
}

/// The script with the real goose and our migrations as goose has its files.
pub fn script_with_goose(world: &World<'_>, goose: &Goose) -> Result<Init> {
    let script = world.script(goose.folder())?.env("MIGRATIONS", Goose::migrations(world)?);
    Ok(with_its_settings(world, script))
}

/// The settings that the script comes with.
fn with_its_settings(world: &World<'_>, script: Init) -> Init {
    // TLS without verification, which ours does by itself.
    let script = script.env("DATABASE_URL", world.database_url("?sslmode=require"));
    script.env("POLL_INTERVAL", "5").env("MAX_WAIT", "300")
}

/// Does the same several times at once.
pub async fn side_by_side<T, F>(times: usize, act: impl FnMut(usize) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let mut acting: JoinSet<Result<T>> = (0..times).map(act).collect();
    let mut outcomes = Vec::new();
    while let Some(outcome) = acting.join_next().await {
        outcomes.push(outcome??);
    }
    Ok(outcomes)
}

/// Waits for a line and tells when it came.
pub async fn when(task: &mut Running, line: &str) -> Result<Instant> {
    task.wait_for(line).await?;
    Ok(Instant::now())
}

/// Waits, however long it takes, for an end with exit code 0.
pub async fn finish(task: Running) -> Result<()> {
    let finished = ended(task).await?;
    match finished.code() {
        Some(0) => Ok(()),
        code => Err(format!("a task ended with {code:?}: {}", finished.output()).into()),
    }
}

/// Waits, however long it takes, for an end.
pub async fn ended(mut task: Running) -> Result<Finished> {
    while task.next_line().await.is_some() {}
    task.finish().await
}
