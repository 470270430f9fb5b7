//! Folders in `corpus/`: goose runs each on one database, we run it on another. The
//! decision must be the same, and what is in both databases afterwards. What a folder holds
//! in `before/` is its state at an earlier run of both.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use testbed::{Finished, Goose, Result, World};

use super::snapshot::{Snapshot, empty};
use super::{assert_code, beside, migrate_up, run_goose, world};

/// Both apply everything: goose's ledger afterwards, without its first row.
const APPLIED: &[(&str, &[i64])] = &[
    ("annotation_case", &[1, 2]),
    ("begin_within", &[1]),
    ("block_of_several", &[1, 2, 3]),
    ("comments", &[1]),
    ("crlf", &[1, 2]),
    ("data", &[1, 2, 3]),
    ("deferred_constraints", &[1]),
    ("do_blocks", &[1, 2]),
    ("dollar_quotes", &[1]),
    ("empty_up", &[1, 2, 3, 4, 5, 6]),
    ("enum_values", &[1, 2, 3]),
    ("environment_off", &[1]),
    ("fewer_later", &[1, 2]),
    ("functions_and_triggers", &[1, 2, 3]),
    ("gaps_in_numbers", &[1, 5, 40, 41]),
    ("isolation_level", &[1, 2]),
    ("letters", &[1]),
    ("locks_and_notices", &[1]),
    ("more_later", &[1, 2, 10]),
    ("no_final_newline", &[1, 2, 3]),
    ("no_transaction", &[1, 2, 3]),
    ("other_files", &[1, 4]),
    ("partitions", &[1, 2]),
    ("prepared_statements", &[1]),
    ("reset_all", &[1, 2]),
    ("row_security", &[1]),
    ("rules", &[1]),
    ("savepoints", &[1]),
    ("schemas", &[1, 2]),
    ("search_path_kept", &[1, 2, 3]),
    ("standard_bodies", &[1]),
    ("strings", &[1]),
    ("tables_and_indexes", &[1, 2, 3]),
    ("temporary_tables", &[1, 2]),
    ("time_stamps", &[7, 20_240_229_235_959, 20_240_301_000_000, i64::MAX]),
    ("types", &[1]),
    ("views", &[1, 2]),
];

/// The server refuses a statement: what is applied before, and the SQLSTATE.
const FAILED: &[(&str, &[i64], &str)] = &[
    ("concurrently_in_a_block_of_two", &[1], "25001"),
    ("concurrently_in_a_transaction", &[1], "25001"),
    ("deferred_violation", &[1], "23503"),
    ("enum_value_used_at_once", &[1, 2], "55P04"),
    ("exception_raised", &[1], "P0001"),
    ("half_done", &[1], "42P01"),
    ("invalid_index", &[1], "23505"),
    ("ledger_taken_away", &[1], "42P01"),
    ("missing_semicolon", &[1], "42601"),
    ("missing_table", &[1], "42P01"),
    ("not_allowed", &[1], "42501"),
    ("null_in_a_column", &[1], "23502"),
    ("read_only", &[1], "25006"),
    ("search_path_emptied", &[1], "42P01"),
    ("syntax_error_in_the_first", &[], "42601"),
    ("syntax_error_in_the_second", &[1], "42601"),
    ("vacuum_in_a_transaction", &[1], "25001"),
    ("violation_in_the_last", &[1, 2], "23505"),
];

/// goose keeps its own statements prepared, and fails when a migration ends them: what we apply
/// and what goose does, and its SQLSTATE.
const ONLY_OURS: &[(&str, &[i64], &[i64], &str)] =
    &[("deallocate_all", &[1, 2, 3], &[1], "26000"), ("discard_all", &[1, 2, 3], &[1], "26000")];

/// Both refuse a file or the folder. We do so before anything runs, goose when the file's
/// turn has come: our exit code and words, and goose's words.
const REFUSED: &[(&str, i32, &str, &str)] = &[
    ("byte_order_mark", 65, "00002_wrong.sql:1: a byte order mark", "unexpected state 0"),
    ("coded", 65, "00002_coded.go is a migration coded in Go", "go functions must be registered"),
    ("down_only", 65, "00002_wrong.sql:1: ", "must start with"),
    ("down_twice", 65, "00002_wrong.sql:5: ", "must start with"),
    ("duplicate_versions", 65, "both have version 1", "duplicate version 1"),
    ("empty_file", 65, "00002_wrong.sql: there is no `-- +goose Up`", "must start with"),
    ("end_without_begin", 65, "00002_wrong.sql:3: ", "must be defined after"),
    ("function_without_a_block", 65, "00002_function.sql:5: END", "sqlstate 42601"),
    ("indented_annotation", 65, "00002_wrong.sql:2: ", "leading whitespace"),
    ("name_without_a_version", 65, "schema.sql has no underscore", "no filename separator"),
    ("no_annotations", 65, "00002_wrong.sql:1: SQL stands before", "unexpected state 0"),
    ("no_migrations", 65, "holds no migration", "no migration files found"),
    ("out_of_order", 1, "migrations [2, 3] were never applied although 4 was", "missing migrations"),
    ("sql_before_up", 65, "00002_wrong.sql:1: SQL stands before", "unexpected state 0"),
    ("unended_block", 65, "00002_wrong.sql:5: ", "must start with"),
    ("unfinished_at_the_end", 65, "00002_wrong.sql:3: the statement", "semicolon"),
    ("unfinished_before_down", 65, "00002_wrong.sql:2: the statement", "semicolon"),
    ("unknown_annotation", 65, "00002_wrong.sql:2: \"Befehl\" is no annotation", "invalid annotation"),
    ("up_twice", 65, "00002_wrong.sql:3: ", "duplicate '-- +goose up' annotations"),
    ("version_zero", 65, "00000_zero.sql has a version below 1", "greater than zero"),
];

/// goose accepts, we refuse on purpose before anything runs: our exit code and words, and
/// why. `COPY FROM STDIN` can't be compared: goose waits for its rows for ever.
const DIFFERENT: &[(&str, i32, &str, &str)] = &[
    (
        "changed_later",
        1,
        "V1__one",
        "an applied file was changed: goose has no checksums and does not notice",
    ),
    (
        "commit_within",
        65,
        "00002_wrong.sql:3: COMMIT",
        "the ledger's row would not be part of the transaction",
    ),
    (
        "ended_in_a_block",
        65,
        "00002_ends.sql:4: COMMIT",
        "what stands before it would stay without the ledger's row, and be done again by the next run",
    ),
    ("environment_on", 65, "00002_wrong.sql:1: ENVSUB ON", "one migration would differ from task to task"),
    (
        "lost_line",
        65,
        "00002_wrong.sql:4: goose leaves this line out",
        "goose loses a line of SQL in silence",
    ),
    (
        "rollback_within",
        65,
        "00002_wrong.sql:3: ROLLBACK",
        "nothing of the migration stays, yet goose lists it",
    ),
];

/// Without a transaction goose gives each statement to any of its connections, and closes one
/// that is in a transaction: a `BEGIN` is lost, and what follows it stays whatever comes. With
/// us all statements have one session, so that the file means what it says: our exit code,
/// the rows of the table `t` afterwards, and goose's.
const OWN_TRANSACTIONS: &[(&str, i32, &str, &str)] =
    &[("own_transactions", 0, "2", "1, 2"), ("own_transaction_left_open", 1, "1", "1, 3")];

/// Two databases: goose's and ours.
struct Sides {
    goose: Goose,
    theirs: World<'static>,
    ours: World<'static>,
}

/// What both have made of a folder.
struct Outcome {
    theirs: Result<String, String>,
    ours: Finished,
    before: Snapshot,
    their_snapshot: Snapshot,
    our_snapshot: Snapshot,
}

impl Sides {
    async fn new() -> Result<Option<Self>> {
        let Some(goose) = Goose::installed()? else { return Ok(None) };
        Ok(Some(Self { goose, theirs: world().await?, ours: world().await? }))
    }

    /// Runs a folder on both, beginning with nothing, or with what is in `before/`.
    async fn run(&self, name: &str, options: &[&str]) -> Result<Outcome> {
        for side in [&self.theirs, &self.ours] {
            empty(side, &mut side.connect().await?).await?;
        }
        let folder = beside("corpus").join(name);
        let earlier = folder.join("before");
        if earlier.exists() {
            run_goose(&self.goose, &self.theirs, &earlier, &["up"]).await?;
            assert_code(&migrate_up(&self.ours, &earlier).run().await?, 0);
        }
        let before = Snapshot::of(&self.ours).await?;
        let (theirs, ours) = tokio::join!(self.run_goose(&folder, options), self.run_ours(&folder, options));
        Ok(Outcome {
            theirs,
            ours: ours?,
            before,
            their_snapshot: Snapshot::of(&self.theirs).await?,
            our_snapshot: Snapshot::of(&self.ours).await?,
        })
    }

    async fn run_goose(&self, folder: &Path, options: &[&str]) -> Result<String, String> {
        let command = [&["up"], options].concat();
        run_goose(&self.goose, &self.theirs, folder, &command).await.map_err(|error| error.to_string())
    }

    async fn run_ours(&self, folder: &Path, options: &[&str]) -> Result<Finished> {
        let options = options.iter().map(|option| format!("-{option}"));
        options.fold(migrate_up(&self.ours, folder), |init, option| init.arg(&option)).run().await
    }
}

impl Outcome {
    #[track_caller]
    fn assert_same(&self, name: &str) {
        self.their_snapshot.assert_same(&self.our_snapshot, &format!("goose against ours in {name}"));
    }

    /// Our run was refused before it changed anything.
    #[track_caller]
    fn assert_we_refuse(&self, name: &str, code: i32, words: &str) {
        assert_code(&self.ours, code);
        let told = self.ours.last()["message"].to_string();
        assert!(told.contains(&words.replace('"', "\\\"")), "{name}: {words:?} is not in {told}");
        self.before.assert_same(&self.our_snapshot, &format!("before against after in {name}"));
    }
}

#[tokio::test]
async fn what_both_apply_is_the_same() -> Result<()> {
    let Some(sides) = Sides::new().await? else { return Ok(()) };
    for (name, versions) in APPLIED {
        let outcome = sides.run(name, &[]).await?;
        assert!(outcome.theirs.is_ok(), "{name}: {:?}", outcome.theirs);
        assert_code(&outcome.ours, 0);
        outcome.assert_same(name);
        assert_eq!(outcome.our_snapshot.versions(), *versions, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn what_the_server_refuses_leaves_the_same() -> Result<()> {
    let Some(sides) = Sides::new().await? else { return Ok(()) };
    for (name, versions, sqlstate) in FAILED {
        let outcome = sides.run(name, &[]).await?;
        let theirs = outcome.theirs.as_ref().expect_err(name);
        assert!(theirs.contains(&format!("SQLSTATE {sqlstate}")), "{name}: {theirs}");
        assert_code(&outcome.ours, 1);
        let ours = outcome.ours.last()["message"].to_string();
        assert!(ours.contains(&format!("SQLSTATE {sqlstate}")), "{name}: {ours}");
        outcome.assert_same(name);
        assert_eq!(outcome.our_snapshot.versions(), *versions, "{name}");
        assert_eq!(outcome.our_snapshot.invalid.len(), usize::from(*name == "invalid_index"), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn what_ends_prepared_statements_is_applied() -> Result<()> {
    let Some(sides) = Sides::new().await? else { return Ok(()) };
    for (name, ours, theirs, sqlstate) in ONLY_OURS {
        let outcome = sides.run(name, &[]).await?;
        let told = outcome.theirs.as_ref().expect_err(name);
        assert!(told.contains(&format!("SQLSTATE {sqlstate}")), "{name}: {told}");
        assert_code(&outcome.ours, 0);
        assert_eq!(outcome.their_snapshot.versions(), *theirs, "{name}");
        assert_eq!(outcome.our_snapshot.versions(), *ours, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn what_goose_refuses_we_refuse_before_anything_runs() -> Result<()> {
    let Some(sides) = Sides::new().await? else { return Ok(()) };
    for (name, code, ours, theirs) in REFUSED {
        let outcome = sides.run(name, &[]).await?;
        let told = outcome.theirs.as_ref().expect_err(name).to_lowercase();
        assert!(told.contains(theirs), "{name}: {theirs:?} is not in {told}");
        outcome.assert_we_refuse(name, *code, ours);
    }
    Ok(())
}

#[tokio::test]
async fn what_only_we_refuse_is_refused_before_anything_runs() -> Result<()> {
    let Some(sides) = Sides::new().await? else { return Ok(()) };
    for (name, code, words, why) in DIFFERENT {
        let outcome = sides.run(name, &[]).await?;
        assert!(outcome.theirs.is_ok(), "{name} is no difference ({why}): {:?}", outcome.theirs);
        outcome.assert_we_refuse(name, *code, words);
    }
    Ok(())
}

#[tokio::test]
async fn transactions_that_a_file_begins_are_its_own() -> Result<()> {
    let Some(sides) = Sides::new().await? else { return Ok(()) };
    for (name, code, ours, theirs) in OWN_TRANSACTIONS {
        let outcome = sides.run(name, &[]).await?;
        assert_eq!(outcome.theirs.is_ok(), *code == 0, "{name}: {:?}", outcome.theirs);
        assert_code(&outcome.ours, *code);
        assert_eq!(outcome.our_snapshot.ledger, outcome.their_snapshot.ledger, "{name}");
        for (side, expected) in [(&sides.ours, ours), (&sides.theirs, theirs)] {
            let rows = "SELECT string_agg(a::text, ', ' ORDER BY a) FROM t";
            let rows: String = sqlx::query_scalar(rows).fetch_one(&mut side.connect().await?).await?;
            assert_eq!(rows, *expected, "{name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_ends_out_of_sight_is_noticed() -> Result<()> {
    let Some(sides) = Sides::new().await? else { return Ok(()) };
    let outcome = sides.run("ended_out_of_sight", &[]).await?;
    // What is a string to the server is none to us. goose lists the migration, whatever became
    // of its parts.
    assert!(outcome.theirs.is_ok(), "{:?}", outcome.theirs);
    assert_eq!(outcome.their_snapshot.versions(), [1, 2]);
    assert_code(&outcome.ours, 1);
    let told = outcome.ours.last()["message"].to_string();
    assert!(told.contains("V2__ends") && told.contains("ended its own transaction"), "{told}");
    assert_eq!(outcome.our_snapshot.versions(), [1]);
    Ok(())
}

#[tokio::test]
async fn gaps_are_filled_by_both_when_asked_for() -> Result<()> {
    let Some(sides) = Sides::new().await? else { return Ok(()) };
    let outcome = sides.run("out_of_order", &["-allow-missing"]).await?;
    assert!(outcome.theirs.is_ok(), "{:?}", outcome.theirs);
    assert_code(&outcome.ours, 0);
    outcome.assert_same("out_of_order");
    assert_eq!(outcome.our_snapshot.versions(), [1, 4, 2, 3, 5]);
    Ok(())
}

#[test]
fn every_folder_is_run() -> Result<()> {
    let names = APPLIED.iter().map(|row| row.0).chain(FAILED.iter().map(|row| row.0));
    let names = names.chain(REFUSED.iter().map(|row| row.0)).chain(ONLY_OURS.iter().map(|row| row.0));
    let names = names.chain(DIFFERENT.iter().chain(OWN_TRANSACTIONS).map(|row| row.0));
    let names = names.chain(["ended_out_of_sight"]);
    let listed: BTreeSet<String> = names.map(str::to_owned).collect();
    let entries = fs::read_dir(beside("corpus"))?.collect::<std::io::Result<Vec<_>>>()?;
    let found: BTreeSet<String> =
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(listed, found);
    Ok(())
}
