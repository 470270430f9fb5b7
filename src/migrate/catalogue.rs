//! The catalogue: the migrations that this run knows.
//!
//! Promises them in ascending order of version, each with its text and with the form in
//! which refinery's ledger knows it, and to open no file twice. Whether a text can be run
//! is asked for pending ones only: what is applied already need not be understood.

use std::path::Path;

use refinery::Migration;

use super::source::{self, Fault, File};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// One known migration.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it comes from, and its text.
    pub file: File,
    /// What refinery makes of it: the name in its ledger, and the checksum.
    pub migration: Migration,
}

/// All known migrations.
#[derive(Debug, Clone)]
pub struct Catalogue(Vec<Entry>);

impl Catalogue {
    /// The migrations of `folder`, or without one those that the binary brings.
    ///
    /// # Errors
    /// The folder can't be read, or what is in it are not migrations.
    pub fn open(folder: Option<&Path>) -> Result<Self, source::Error> {
        let mut entries = match folder {
            Some(folder) => of_folder(folder)?,
            None => embedded(),
        };
        entries.sort_by_key(Entry::version);
        Ok(Self(entries))
    }

    /// Without the versions above `highest`, if there is such a limit.
    #[must_use]
    pub fn up_to(mut self, highest: Option<i64>) -> Self {
        self.0.retain(|entry| highest.is_none_or(|highest| entry.version() <= highest));
        self
    }

    /// Every migration, ascending.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The migration with that version.
    pub fn find(&self, version: i64) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.version() == version)
    }
}

impl Entry {
    /// Its version.
    pub fn version(&self) -> i64 {
        self.file.version
    }
}

/// Shown as refinery writes it: version and name.
impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.migration.fmt(f)
    }
}

fn embedded() -> Vec<Entry> {
    let migrations = embedded::migrations::runner().get_migrations().clone();
    let entry = |migration: Migration| {
        let text = migration.sql().unwrap_or_default();
        let name = format!("{migration}.sql");
        Entry { file: File::embedded(&name, migration.version(), migration.name(), text), migration }
    };
    migrations.into_iter().map(entry).collect()
}

fn of_folder(folder: &Path) -> Result<Vec<Entry>, source::Error> {
    let entry = |file: File| {
        let name = format!("V{}__{}", file.version, recorded_name(&file.name));
        match Migration::unapplied(&name, &file.text()) {
            Ok(migration) => Ok(Entry { file, migration }),
            Err(error) => {
                let fault = Fault::Unrecordable(error.to_string());
                Err(source::Error::Invalid { file: file.path, line: None, fault })
            }
        }
    };
    source::folder(folder)?.into_iter().map(entry).collect()
}

/// A name as refinery's ledger can have it: it takes letters, digits and underscores only.
fn recorded_name(name: &str) -> String {
    let recorded: String =
        name.chars().map(|c| if c.is_alphabetic() || c.is_ascii_digit() { c } else { '_' }).collect();
    if recorded.is_empty() { "_".into() } else { recorded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_migrations_are_those_of_the_application() {
        let catalogue = Catalogue::open(None).unwrap();
        let names: Vec<String> = catalogue.entries().iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "V1__initial_schema",
                "V2__add_deactivation_columns",
                "V3__add_cache_hit_count",
                "V4__add_token_id",
                "V5__rename_openai_api_key_to_api_key",
                "V6__fix_outcome_constraint",
            ]
        );
    }

    #[test]
    fn a_recorded_name_has_what_refinery_takes() {
        for (name, recorded) in [("add_users", "add_users"), ("it's-1.b", "it_s_1_b"), ("", "_"), ("½", "_")]
        {
            assert_eq!(recorded_name(name), recorded);
            assert!(Migration::unapplied(&format!("V1__{recorded}"), "").is_ok_and(|m| m.name() == recorded));
        }
    }
}
