//! Sudden death: tasks that wait and tasks that hold the lock are killed again and
//! again; whoever is left finishes the job as if nothing had happened.
//!
//! Who dies when is drawn from a seed, which is printed; `FLEET_SEED` repeats the draws,
//! though not what the machine makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use fastrand::Rng;
use testbed::{Finished, PROVIDERS, Result, World};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::doom::{Doom, live, was_killed, was_killed_holding};
use super::gates::{Gates, LAST};
use super::{assert_done, assert_migrated_once, config_file, world};

/// Tasks alive at once: one that ends is replaced.
const ALIVE: usize = 20;
/// How many have to die at least.
const DEATHS: usize = 50;
/// How many of them as holders of the lock.
const DEATHS_OF_HOLDERS: usize = 12;

#[tokio::test]
async fn who_is_left_finishes_the_job() -> Result<()> {
    let (world, _machine) = world().await?;
    let seed = std::env::var("FLEET_SEED").map_or_else(|_| Ok(fastrand::u64(..)), |seed| seed.parse())?;
    eprintln!("FLEET_SEED={seed}");
    let mut gates = Gates::close(&world).await?;
    let mut fleet = Fleet::new(&world, seed);
    while !fleet.enough_have_died() {
        fleet.fill_up()?;
        fleet.next_end().await?;
        gates.open_up_to(fleet.holders_killed() * LAST / DEATHS_OF_HOLDERS).await?;
    }
    fleet.pardon.send_replace(true);
    gates.open_up_to(LAST).await?;
    while fleet.next_end().await? {}

    let (killed, holders) = (fleet.killed(), fleet.holders_killed());
    let survivors = fleet.ended.len() - killed;
    eprintln!("{killed} were killed, {holders} of them as holders, {survivors} survived");
    assert!(survivors > 0);
    assert_no_torn_config(&world, &fleet.ended)?;
    assert_applied_once(fleet.ended.values());
    assert_migrated_once(&mut world.connect().await?).await?;
    assert_lock_is_gone_or_a_dead_ones(&world, fleet.ended.values()).await
}

/// The tasks that run and, by number, those that have ended.
struct Fleet<'a> {
    world: &'a World<'a>,
    chance: Rng,
    pardon: watch::Sender<bool>,
    started: usize,
    running: JoinSet<Result<(usize, Finished)>>,
    ended: BTreeMap<usize, Finished>,
}

impl<'a> Fleet<'a> {
    fn new(world: &'a World<'a>, seed: u64) -> Self {
        let (chance, pardon) = (Rng::with_seed(seed), watch::Sender::new(false));
        Self { world, chance, pardon, started: 0, running: JoinSet::new(), ended: BTreeMap::new() }
    }

    /// Starts tasks until enough are alive.
    fn fill_up(&mut self) -> Result<()> {
        while self.running.len() < ALIVE {
            let number = self.started;
            let task = self.world.init().env("CONFIG_PATH", config_file(self.world, number));
            let task = task.env("LOCK_LEASE", "2s").env("MAX_WAIT", "100s");
            let task = task.env("MIGRATION_LOCK_TIMEOUT", "100s").start()?;
            let life = live(task, Doom::draw(&mut self.chance), self.pardon.subscribe());
            self.running.spawn(async move { Ok((number, life.await?)) });
            self.started += 1;
        }
        Ok(())
    }

    /// Waits for a task's end: killed, or with its job done. False when none is left.
    async fn next_end(&mut self) -> Result<bool> {
        let Some(ended) = self.running.join_next().await else { return Ok(false) };
        let (number, task) = ended??;
        if !was_killed(&task) {
            assert_done(&task);
        }
        self.ended.insert(number, task);
        Ok(true)
    }

    fn enough_have_died(&self) -> bool {
        self.killed() >= DEATHS && self.holders_killed() >= DEATHS_OF_HOLDERS
    }

    fn killed(&self) -> usize {
        self.ended.values().filter(|task| was_killed(task)).count()
    }

    fn holders_killed(&self) -> usize {
        self.ended.values().filter(|task| was_killed_holding(task)).count()
    }
}

/// A survivor's config is complete, a dead one's complete or absent; the dead may have
/// left temporary files.
fn assert_no_torn_config(world: &World<'_>, ended: &BTreeMap<usize, Finished>) -> Result<()> {
    for (number, task) in ended {
        match fs::read_to_string(config_file(world, *number)) {
            Ok(text) => assert_eq!(text, PROVIDERS, "torn by task {number}: {}", task.output()),
            Err(error) => assert!(was_killed(task), "{error}: {}", task.output()),
        }
    }
    let complete = ended.keys().filter(|number| config_file(world, **number).exists()).count();
    let files = fs::read_dir(world.config_folder())?.collect::<Result<Vec<_>, _>>()?;
    let temporary = files.iter().filter(|file| file.file_name().to_string_lossy().ends_with(".tmp")).count();
    let killed = ended.values().filter(|task| was_killed(task)).count();
    assert_eq!(files.len(), complete + temporary, "{files:?}");
    assert!(temporary <= killed, "a survivor left a temporary file: {files:?}");
    Ok(())
}

/// No version was applied by two tasks.
fn assert_applied_once<'a>(ended: impl Iterator<Item = &'a Finished>) {
    let says_so = |message: &str| message.starts_with("applied V");
    let lines = ended.flat_map(Finished::json);
    let applied = lines.filter_map(|line| line["message"].as_str().map(str::to_owned)).filter(|m| says_so(m));
    let applied: Vec<String> = applied.collect();
    let different: BTreeSet<&String> = applied.iter().collect();
    assert_eq!(applied.len(), different.len(), "{applied:?}");
}

/// When nobody needs the lock any more, that of a task which was killed last may be
/// left. Whoever comes next cleans it up.
async fn assert_lock_is_gone_or_a_dead_ones<'a>(
    world: &World<'_>,
    mut ended: impl Iterator<Item = &'a Finished>,
) -> Result<()> {
    if let Some(item) = world.account.lock_item().await? {
        let owner = item["owner"].as_s().cloned().unwrap_or_default();
        let said_it = |line: &String| line.contains(&format!("starting as {owner}\""));
        let holder = ended.find(|task| task.stdout.iter().any(said_it)).expect("one of these tasks");
        assert!(was_killed(holder), "a survivor left its lock: {}", holder.output());
    }
    assert_done(&world.init().env("ALWAYS_LOCK", "true").run().await?);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}
