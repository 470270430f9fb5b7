//! Where each migration stands: the catalogue held against both ledgers.
//!
//! Promises one verdict for each version that either side knows, without asking the
//! database anything: what to run, what stops a run, and what `migrate status` shows all
//! come from here. goose's ledger is the truth; a version is missing when it is not
//! applied though a higher one is, as goose has it.

use std::collections::BTreeSet;

use refinery::Migration;

use super::catalogue::{Catalogue, Entry};
use super::ledger::{GooseRow, Ledgers};

/// What there is to say of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Applied, with this text.
    Applied,
    /// Not applied yet; a run applies it.
    Pending,
    /// Not applied though a higher version is; a run refuses to go on.
    Missing,
    /// Applied with another text; a run refuses to go on.
    Divergent,
    /// In a ledger and not among the migrations that we know: a newer release's.
    Unknown,
}

impl State {
    /// One word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Missing => "missing",
            Self::Divergent => "divergent",
            Self::Unknown => "unknown",
        }
    }
}

/// One version, and what each side knows of it.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// The version.
    pub version: i64,
    /// The verdict.
    pub state: State,
    /// The migration, if we know it.
    pub entry: Option<&'a Entry>,
    /// goose's newest row, if it says that the version is applied.
    pub goose: Option<&'a GooseRow>,
    /// refinery's row.
    pub refinery: Option<&'a Migration>,
}

/// Every version's standing, ascending.
#[derive(Debug, Clone)]
pub struct Standings<'a>(pub Vec<Standing<'a>>);

/// Holds the catalogue against the ledgers.
pub fn assess<'a>(catalogue: &'a Catalogue, ledgers: &'a Ledgers) -> Standings<'a> {
    let known = catalogue.entries().iter().map(Entry::version);
    let versions: BTreeSet<i64> = known.chain(ledgers.versions()).collect();
    let highest = ledgers.schema_version();
    let standing = |version| {
        let (entry, goose) = (catalogue.find(version), ledgers.applied(version));
        let refinery = ledgers.recorded(version);
        let state = match (entry, goose) {
            (None, _) => State::Unknown,
            (Some(_), None) if version < highest => State::Missing,
            (Some(_), None) => State::Pending,
            (Some(entry), Some(_)) if refinery.is_some_and(|row| *row != entry.migration) => State::Divergent,
            (Some(_), Some(_)) => State::Applied,
        };
        Standing { version, state, entry, goose, refinery }
    };
    Standings(versions.into_iter().map(standing).collect())
}

impl<'a> Standings<'a> {
    /// The migrations in that state, ascending.
    pub fn entries(&self, state: State) -> Vec<&'a Entry> {
        self.known_where(|standing| standing.state == state)
    }

    /// Applied, and not in refinery's ledger: to be adopted there.
    pub fn to_adopt(&self) -> Vec<&'a Entry> {
        self.known_where(|standing| standing.goose.is_some() && standing.refinery.is_none())
    }

    /// In refinery's ledger, and taken back by goose: to be forgotten there.
    pub fn to_forget(&self) -> Vec<&'a Entry> {
        self.known_where(|standing| standing.goose.is_none() && standing.refinery.is_some())
    }

    fn known_where(&self, holds: impl Fn(&Standing<'_>) -> bool) -> Vec<&'a Entry> {
        self.0.iter().filter(|standing| holds(standing)).filter_map(|standing| standing.entry).collect()
    }

    /// Whether a run would change nothing: every known migration is applied with its
    /// present text, and refinery's ledger says so too.
    pub fn is_up_to_date(&self) -> bool {
        let is_done = |standing: &Standing<'_>| match standing.state {
            State::Applied => standing.refinery.is_some(),
            State::Unknown => true,
            State::Pending | State::Missing | State::Divergent => false,
        };
        self.0.iter().all(is_done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledgers(applied: &[i64], recorded: &[Migration]) -> Ledgers {
        let row = |version: &i64| GooseRow { version: *version, is_applied: true, at: None };
        let (goose, refinery) = (applied.iter().map(row).collect(), recorded.to_vec());
        Ledgers { has_goose: true, has_refinery: true, goose, refinery }
    }

    fn states(applied: &[i64], recorded: &[Migration]) -> Vec<(i64, State)> {
        let (catalogue, ledgers) = (Catalogue::open(None).unwrap(), ledgers(applied, recorded));
        assess(&catalogue, &ledgers).0.iter().map(|standing| (standing.version, standing.state)).collect()
    }

    #[test]
    fn what_is_not_applied_is_pending_above_and_missing_below_the_highest() {
        use State::{Applied, Missing, Pending};
        assert!(states(&[0], &[]).iter().all(|(_, state)| *state == Pending));
        assert_eq!(
            states(&[0, 1, 4], &[]),
            [(1, Applied), (2, Missing), (3, Missing), (4, Applied), (5, Pending), (6, Pending)]
        );
    }

    #[test]
    fn versions_of_others_are_unknown_and_make_lower_ones_missing() {
        let states = states(&[0, 1, 2, 3, 4, 5, 7], &[]);
        assert_eq!(states.get(5..), Some([(6, State::Missing), (7, State::Unknown)].as_slice()));
    }

    #[test]
    fn another_text_is_divergent_only_where_it_is_applied() {
        let other = Migration::unapplied("V1__initial_schema", "SELECT 1").unwrap();
        assert_eq!(states(&[0, 1], std::slice::from_ref(&other)).first(), Some(&(1, State::Divergent)));
        assert_eq!(states(&[0], &[other]).first(), Some(&(1, State::Pending)));
    }

    #[test]
    fn up_to_date_needs_both_ledgers() {
        let catalogue = Catalogue::open(None).unwrap();
        let recorded: Vec<Migration> =
            catalogue.entries().iter().map(|entry| entry.migration.clone()).collect();
        let all = [0, 1, 2, 3, 4, 5, 6];
        let is_up_to_date = |ledgers: Ledgers| assess(&catalogue, &ledgers).is_up_to_date();
        assert!(is_up_to_date(ledgers(&all, &recorded)));
        assert!(!is_up_to_date(ledgers(&all, recorded.get(1..).unwrap())));
        assert!(!is_up_to_date(ledgers(all.get(..6).unwrap(), &recorded)));
    }
}
