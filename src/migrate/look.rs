//! Looking at the schema from beside: which version it has, what is pending, and what the
//! application's own goose would do with it now.
//!
//! Promises that a look changes nothing, asks for no more than the right to read the
//! ledgers, and works through a pooler that hands each statement to another server
//! session: it sends plain statements and prepares none.
//!
//! goose's `Up` is foretold by its own rules (goose 3.26, `UpTo` and `EnsureDBVersion`):
//! a table in which no version's newest row says "applied" is an error; so is a version
//! below the highest one that has no row at all; every other version without a row is run.

use std::fmt;

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::catalogue::{Catalogue, Entry};
use super::ledger::{self, Ledgers};
use super::standing::{State, assess};
use super::{Error, is_up_to_date, not_applied, to_run};
use crate::settings::MigrationSettings;

/// The migration that fails on a schema which has it: it adds a column unconditionally.
const NOT_REPEATABLE: i64 = 4;

/// Whether the schema has what that migration makes.
const TOKEN_IDS: &str = "SELECT EXISTS (SELECT FROM pg_attribute \
    WHERE attrelid = to_regclass('tokens') AND attname = 'id' AND NOT attisdropped)";

/// A schema as it was found.
#[derive(Debug)]
pub struct Looked {
    /// The highest version that is applied; 0 for none.
    pub version: i64,
    /// The migrations that a run would apply, ascending.
    pub pending: Vec<String>,
    /// What a run would do; nothing where it has nothing to do.
    pub work: Vec<Work>,
    /// Why a run would refuse, if it would.
    pub obstacle: Option<Error>,
    /// Applied versions that only another release knows.
    pub unknown: Vec<i64>,
    /// What the application's goose would do at its next start.
    pub goose: GooseUp,
}

/// A part of what a run does to the database. Each takes rights of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Bring the ledgers into step: with whatever else there is to do.
    Reconcile,
    /// Create a ledger.
    CreateLedger,
    /// Give goose's ledger its first row.
    FirstRow,
    /// Give refinery's ledger rows of what goose has applied.
    Adopt,
    /// Take rows out of refinery's ledger that goose has taken back.
    Forget,
    /// Record the present text of changed migrations.
    Accept,
    /// Apply migrations.
    Migrate,
}

/// What goose's `Up` would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GooseUp {
    /// Every version is applied.
    NothingToDo,
    /// It would run these versions, and none of them is in its way.
    WouldApply(Vec<i64>),
    /// It would end with an error, and the application with it.
    WouldFail(String),
}

impl fmt::Display for GooseUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingToDo => f.write_str("goose.Up finds nothing to do"),
            Self::WouldApply(versions) => write!(f, "goose.Up would apply {} itself", list(versions)),
            Self::WouldFail(reason) => write!(f, "goose.Up would fail: {reason}"),
        }
    }
}

/// Looks at the schema.
///
/// # Errors
/// Those of the driver.
pub async fn look(
    connection: &mut PgConnection,
    catalogue: &Catalogue,
    settings: &MigrationSettings,
) -> Result<Looked, sqlx::Error> {
    let ledgers = ledger::read(connection).await?;
    let has_token_ids = sqlx::raw_sql(TOKEN_IDS).fetch_one(connection).await?.try_get(0)?;
    Ok(judge(catalogue, &ledgers, settings, has_token_ids))
}

fn judge(
    catalogue: &Catalogue,
    ledgers: &Ledgers,
    settings: &MigrationSettings,
    has_token_ids: bool,
) -> Looked {
    let standings = assess(catalogue, ledgers);
    let is_unknown = |version: &i64| catalogue.find(*version).is_none();
    let applied = standings.0.iter().filter(|standing| standing.goose.is_some());
    let known: Vec<i64> = catalogue.entries().iter().map(Entry::version).collect();
    Looked {
        version: ledgers.schema_version(),
        pending: not_applied(catalogue, ledgers).iter().map(ToString::to_string).collect(),
        work: work(catalogue, ledgers, settings),
        obstacle: to_run(catalogue, ledgers, settings).err(),
        unknown: applied.map(|standing| standing.version).filter(is_unknown).collect(),
        goose: foretell(ledgers, &known, has_token_ids),
    }
}

/// What a run would do, by the rule that lets it leave without the lock.
fn work(catalogue: &Catalogue, ledgers: &Ledgers, settings: &MigrationSettings) -> Vec<Work> {
    if is_up_to_date(catalogue, ledgers) {
        return Vec::new();
    }
    let standings = assess(catalogue, ledgers);
    let accepts = settings.accept_divergent && !standings.entries(State::Divergent).is_empty();
    let parts = [
        (Work::Reconcile, true),
        (Work::CreateLedger, !ledgers.has_goose || !ledgers.has_refinery),
        (Work::FirstRow, ledgers.goose.is_empty()),
        (Work::Adopt, !standings.to_adopt().is_empty()),
        (Work::Forget, !standings.to_forget().is_empty()),
        (Work::Accept, accepts),
        (Work::Migrate, !not_applied(catalogue, ledgers).is_empty()),
    ];
    parts.into_iter().filter_map(|(part, is_there)| is_there.then_some(part)).collect()
}

/// What goose would do with this ledger. To it a version has a row or not, whatever the row
/// says.
fn foretell(ledgers: &Ledgers, known: &[i64], has_token_ids: bool) -> GooseUp {
    // goose makes a missing table, with a row for version 0.
    if ledgers.has_goose && !ledgers.goose.iter().any(|row| row.is_applied) {
        return GooseUp::WouldFail("no row of goose_db_version says that a version is applied".into());
    }
    let has_row = |version: i64| ledgers.goose.iter().any(|row| row.version == version);
    let highest = ledgers.goose.iter().map(|row| row.version).max().unwrap_or(0);
    let would: Vec<i64> = known.iter().copied().filter(|version| !has_row(*version)).collect();
    let missing: Vec<i64> = would.iter().copied().filter(|version| *version < highest).collect();
    if !missing.is_empty() {
        let missing = list(&missing);
        return GooseUp::WouldFail(format!("{missing} has no row although version {highest} has one"));
    }
    if would.contains(&NOT_REPEATABLE) && has_token_ids {
        let why = format!("it would run version {NOT_REPEATABLE} again, and tokens.id is there already");
        return GooseUp::WouldFail(why);
    }
    if would.is_empty() { GooseUp::NothingToDo } else { GooseUp::WouldApply(would) }
}

fn list(versions: &[i64]) -> String {
    let numbers: Vec<String> = versions.iter().map(ToString::to_string).collect();
    let noun = if versions.len() == 1 { "version" } else { "versions" };
    format!("{noun} {}", numbers.join(", "))
}

#[cfg(test)]
mod tests {
    use refinery::Migration;

    use super::super::ledger::GooseRow;
    use super::*;

    const KNOWN: &[i64] = &[1, 2, 3, 4, 5, 6];

    fn ledgers(rows: &[(i64, bool)]) -> Ledgers {
        let row = |&(version, is_applied): &(i64, bool)| GooseRow { version, is_applied, at: None };
        let goose = rows.iter().map(row).collect();
        Ledgers { has_goose: true, has_refinery: true, goose, refinery: Vec::new() }
    }

    fn applied(versions: &[i64]) -> Ledgers {
        ledgers(&versions.iter().map(|version| (*version, true)).collect::<Vec<_>>())
    }

    #[test]
    fn goose_is_foretold_by_its_own_rules() {
        let told = |ledgers: &Ledgers, ids| foretell(ledgers, KNOWN, ids);
        let fails = |told: GooseUp, word: &str| matches!(told, GooseUp::WouldFail(why) if why.contains(word));
        let none = Ledgers::default();
        assert_eq!(told(&applied(&[0, 1, 2, 3, 4, 5, 6]), true), GooseUp::NothingToDo);
        assert_eq!(told(&applied(&[0, 1, 2, 3, 4, 5, 6, 7]), true), GooseUp::NothingToDo, "a newer schema");
        assert_eq!(told(&applied(&[0, 1, 2, 3]), false), GooseUp::WouldApply(vec![4, 5, 6]));
        assert_eq!(told(&none, false), GooseUp::WouldApply(KNOWN.to_vec()));
        assert!(fails(told(&none, true), "version 4 again"));
        assert!(fails(told(&applied(&[0, 1, 2, 3]), true), "version 4 again"));
        assert!(fails(told(&ledgers(&[]), true), "no row"));
        assert!(fails(told(&ledgers(&[(0, false)]), true), "no row"));
        assert!(fails(told(&applied(&[0, 1, 2, 4, 5, 6]), true), "version 3 has no row although version 6"));
        let mut taken_back = applied(&[0, 1, 2, 3, 4, 5]);
        taken_back.goose.push(GooseRow { version: 6, is_applied: false, at: None });
        assert_eq!(told(&taken_back, true), GooseUp::NothingToDo, "any row counts");
    }

    fn settings() -> MigrationSettings {
        MigrationSettings {
            folder: None,
            lock_timeout: std::time::Duration::from_secs(1),
            statement_timeout: None,
            allow_missing: false,
            accept_divergent: false,
        }
    }

    #[test]
    fn work_is_what_the_ledgers_leave_to_do() {
        use Work::{Accept, Adopt, CreateLedger, FirstRow, Forget, Migrate, Reconcile};
        let catalogue = Catalogue::open(None).unwrap();
        let recorded = || catalogue.entries().iter().map(|entry| entry.migration.clone()).collect();
        let told = |ledgers: &Ledgers| work(&catalogue, ledgers, &settings());
        let mut done = applied(&[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(told(&done), [Reconcile, Adopt]);
        done.has_refinery = false;
        assert_eq!(told(&done), [Reconcile, CreateLedger, Adopt]);
        let done = Ledgers { has_refinery: true, refinery: recorded(), ..done };
        assert_eq!(told(&done), []);
        assert_eq!(told(&Ledgers::default()), [Reconcile, CreateLedger, FirstRow, Migrate]);
        let taken_back = Ledgers { refinery: recorded(), ..applied(&[0, 1, 2, 3, 4, 5]) };
        assert_eq!(told(&taken_back), [Reconcile, Forget, Migrate]);
        let changed = Migration::unapplied("V1__initial_schema", "").unwrap();
        let changed = Ledgers { refinery: vec![changed], ..applied(&[0, 1]) };
        assert_eq!(told(&changed), [Reconcile, Migrate]);
        let accepting = MigrationSettings { accept_divergent: true, ..settings() };
        assert_eq!(work(&catalogue, &changed, &accepting), [Reconcile, Accept, Migrate]);
    }

    #[test]
    fn a_look_tells_version_pending_and_obstacle() {
        let catalogue = Catalogue::open(None).unwrap();
        let settings = settings();
        let told = |ledgers: &Ledgers| judge(&catalogue, ledgers, &settings, false);
        let fresh = told(&Ledgers::default());
        assert_eq!((fresh.version, fresh.pending.len(), fresh.obstacle.is_none()), (0, 6, true));
        let newer = told(&applied(&[0, 1, 2, 3, 4, 5, 6, 9]));
        assert_eq!((newer.version, newer.pending.len(), newer.unknown), (9, 0, vec![9]));
        assert!(
            told(&applied(&[0, 1, 3]))
                .obstacle
                .is_some_and(|why| matches!(why, Error::Gap { missing, .. } if missing == [2]))
        );
        let mut differing = applied(&[0, 1, 2]);
        differing.refinery = vec![Migration::unapplied("V2__add_deactivation_columns", "").unwrap()];
        assert!(told(&differing).obstacle.is_some_and(|why| matches!(why, Error::Divergent(_))));
    }
}
