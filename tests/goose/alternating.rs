//! goose and we take turns at random on one database, over the same folder and with targets
//! drawn at random; on a second database goose alone follows the same targets.
//!
//! The draws come from a seed, which is printed; `ALTERNATING_SEED` repeats them.

use fastrand::Rng;
use testbed::{Goose, Result, World};

use super::snapshot::Snapshot;
use super::{assert_code, beside, migrate_up, run_goose, world};

const STEPS: usize = 200;
/// After so many steps the databases are compared.
const COMPARED: usize = 20;
/// The highest version of the folder.
const LAST: i64 = 20;

/// What is to be done next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Up,
    UpTo(i64),
    /// One migration back.
    Down,
    DownTo(i64),
}

impl Step {
    /// Something for a database at this version; ways up and down are about as long.
    fn draw(chance: &mut Rng, version: i64) -> Self {
        let is_up = version == 0 || (version < LAST && chance.u8(..3) > 0);
        match (is_up, chance.u8(..8)) {
            (true, 0) => Self::Up,
            (true, _) => Self::UpTo((version + chance.i64(1..=4)).min(LAST)),
            (false, 0..4) => Self::Down,
            (false, _) => Self::DownTo(chance.i64(0..version)),
        }
    }

    fn is_up(self) -> bool {
        matches!(self, Self::Up | Self::UpTo(_))
    }

    /// The version afterwards.
    fn target(self, version: i64) -> i64 {
        match self {
            Self::Up => LAST,
            Self::Down => version - 1,
            Self::UpTo(target) | Self::DownTo(target) => target,
        }
    }

    async fn by_goose(self, goose: &Goose, world: &World<'_>) -> Result<()> {
        let (command, target) = match self {
            Self::Up => ("up", None),
            Self::UpTo(target) => ("up-to", Some(target)),
            Self::Down => ("down", None),
            Self::DownTo(target) => ("down-to", Some(target)),
        };
        let target = target.map(|target| target.to_string());
        let command: Vec<&str> = std::iter::once(command).chain(target.as_deref()).collect();
        run_goose(goose, world, &beside("twenty"), &command).await.map(drop)
    }

    async fn by_us(self, world: &World<'_>, version: i64) -> Result<()> {
        let up = migrate_up(world, &beside("twenty"));
        let up = if let Self::UpTo(target) = self { up.arg("--to").arg(&target.to_string()) } else { up };
        let done = up.run().await?;
        assert_code(&done, 0);
        assert_eq!(done.last()["migrations_applied"], self.target(version) - version, "{}", done.output());
        Ok(())
    }
}

#[tokio::test]
async fn taking_turns_ends_where_goose_alone_does() -> Result<()> {
    let Some(goose) = Goose::installed()? else { return Ok(()) };
    let seed =
        std::env::var("ALTERNATING_SEED").map_or_else(|_| Ok(fastrand::u64(..)), |seed| seed.parse())?;
    eprintln!("ALTERNATING_SEED={seed}");
    let mut chance = Rng::with_seed(seed);
    let (alone, shared) = (world().await?, world().await?);
    let (mut version, mut ours) = (0, 0);
    for number in 1..=STEPS {
        let step = Step::draw(&mut chance, version);
        let is_ours = step.is_up() && chance.bool();
        let (theirs, turn) = tokio::join!(step.by_goose(&goose, &alone), async {
            if is_ours { step.by_us(&shared, version).await } else { step.by_goose(&goose, &shared).await }
        });
        theirs.and(turn).map_err(|error| format!("step {number}, {step:?} at {version}: {error}"))?;
        version = step.target(version);
        ours += usize::from(is_ours);
        if number % COMPARED == 0 {
            let what = format!("goose alone against both after step {number}");
            Snapshot::of(&alone).await?.assert_same(&Snapshot::of(&shared).await?, &what);
        }
    }
    assert!(ours > STEPS / 5, "only {ours} steps were ours");
    Ok(())
}
