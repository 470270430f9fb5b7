//! Indexes that are built concurrently: what is left of one whose building failed.
//!
//! Promises that an index which `CREATE INDEX CONCURRENTLY` has left INVALID is found by
//! the statement that made it, and removed before that statement runs again: with
//! `IF NOT EXISTS` it would pass over the ruin and call it done (PostgreSQL
//! documentation, "Building Indexes Concurrently").

use std::iter::Peekable;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::source::{Word, Words};

/// The longest name that the server does not cut, in bytes (PostgreSQL documentation,
/// "Identifiers and Key Words").
const LONGEST_NAME: usize = 63;

/// What a statement builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Building {
    /// The index, in its table's schema.
    pub index: Index,
    /// The table, quoted where it must be.
    pub table: String,
}

/// What an index is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Index {
    /// As the statement says.
    Named(String),
    /// As the server says, which adds a number if the name is taken.
    Chosen(String),
}

/// An index that is INVALID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruin {
    /// Its full name.
    pub index: String,
    /// Another session is building an index on its table, perhaps this one: then it is no ruin.
    pub is_in_work: bool,
}

/// Whether a statement waits for other transactions to end while it blocks nobody: then
/// it need not give way to anyone, and giving up would only lose its work.
pub fn is_concurrent(sql: &str) -> bool {
    let words: Vec<Word<'_>> = Words::of(sql).take(16).collect();
    let is_index = |word: &Word<'_>| word.is("INDEX") || word.is("REINDEX");
    let index = words.iter().take(3).position(is_index);
    index.is_some_and(|index| words.iter().skip(index).any(|word| word.is("CONCURRENTLY")))
}

/// What a statement builds, if it builds an index concurrently.
pub fn building(sql: &str) -> Option<Building> {
    let mut words = Words::of(sql).peekable();
    words.next_if(|word| word.is("CREATE"))?;
    let _ = words.next_if(|word| word.is("UNIQUE"));
    words.next_if(|word| word.is("INDEX"))?;
    words.next_if(|word| word.is("CONCURRENTLY"))?;
    if words.next_if(|word| word.is("IF")).is_some() {
        words.next_if(|word| word.is("NOT"))?;
        words.next_if(|word| word.is("EXISTS"))?;
    }
    let named = match words.next_if(|word| !word.is("ON")) {
        Some(word) => Some(word.name()?),
        None => None,
    };
    words.next_if(|word| word.is("ON"))?;
    let _ = words.next_if(|word| word.is("ONLY"));
    let mut last = words.next()?.name()?;
    let mut table = quote(&last);
    while words.next_if_eq(&Word::Dot).is_some() {
        last = words.next()?.name()?;
        table = format!("{table}.{}", quote(&last));
    }
    let index = match named {
        Some(name) => Index::Named(name),
        None => Index::Chosen(chosen(&last, &mut words)?),
    };
    Some(Building { index, table })
}

/// The name that the server makes of a table's and its columns' (PostgreSQL's
/// `ChooseIndexName`), if these are plain columns and the name need not be cut.
fn chosen<'a>(table: &str, words: &mut Peekable<impl Iterator<Item = Word<'a>>>) -> Option<String> {
    if words.next_if(|word| word.is("USING")).is_some() {
        words.next()?.name()?;
    }
    let mut parts = vec![table.to_owned()];
    parts.extend(columns(words)?);
    if words.next_if(|word| word.is("INCLUDE")).is_some() {
        parts.extend(columns(words)?);
    }
    let is_repeated = |(at, part): (usize, &String)| parts.iter().skip(at + 1).any(|other| other == part);
    if parts.iter().enumerate().skip(1).any(is_repeated) {
        return None;
    }
    parts.push("idx".into());
    let name = parts.join("_");
    (name.len() <= LONGEST_NAME).then_some(name)
}

/// The names of plain columns in parentheses, whatever their order or operator class.
fn columns<'a>(words: &mut impl Iterator<Item = Word<'a>>) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut before = words.next().filter(|word| *word == Word::Left)?;
    while before != Word::Right {
        names.push(words.next()?.name()?);
        before = words.find(|word| !matches!(word, Word::Plain(_) | Word::Quoted(_) | Word::Dot))?;
        if !matches!(before, Word::Comma | Word::Right) {
            return None;
        }
    }
    Some(names)
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The INVALID indexes that bear the name of the one that a statement builds concurrently. To
/// be asked right before it runs: what its names mean may depend on the statements before it.
///
/// Who builds an index concurrently has a lock on its table that only one session can have
/// (PostgreSQL documentation, "Table-Level Locks"); other roles' progress shows no more than
/// that they build something.
///
/// # Errors
/// Those of the driver.
pub async fn ruins(connection: &mut PgConnection, sql: &str) -> Result<Vec<Ruin>, sqlx::Error> {
    let Some(Building { index, table }) = building(sql) else { return Ok(Vec::new()) };
    let (name, is_chosen) = match index {
        Index::Named(name) => (name, false),
        Index::Chosen(name) => (name, true),
    };
    let found = sqlx::query(
        "SELECT format('%I.%I', nspname, relname), EXISTS (\
             SELECT FROM pg_stat_progress_create_index AS progress JOIN pg_locks USING (pid) \
             WHERE datname = current_database() AND database = progress.datid AND relation = indrelid \
             AND mode = 'ShareUpdateExclusiveLock' AND granted AND pid <> pg_backend_pid()) \
         FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid \
         JOIN pg_namespace ON pg_namespace.oid = relnamespace \
         WHERE NOT indisvalid AND relkind = 'i' AND indrelid = to_regclass($2) \
         AND $1::text::name = CASE WHEN $3 THEN rtrim(relname, '0123456789')::name ELSE relname END",
    );
    let found = found.bind(name).bind(table).bind(is_chosen).persistent(false).fetch_all(connection).await?;
    found.iter().map(|row| Ok(Ruin { index: row.try_get(0)?, is_in_work: row.try_get(1)? })).collect()
}

/// Drops an index by its full name, without blocking its table.
///
/// # Errors
/// Those of the statement.
pub async fn drop_index(connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let drop = AssertSqlSafe(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"));
    sqlx::raw_sql(drop).execute(connection).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Index {
        Index::Named(name.into())
    }

    #[test]
    fn the_index_and_its_table_are_read_off_the_statement() {
        for (sql, index, table) in [
            ("CREATE INDEX CONCURRENTLY i ON t (a)", named("i"), "\"t\""),
            ("CREATE INDEX CONCURRENTLY ON t (a)", Index::Chosen("t_a_idx".into()), "\"t\""),
            (
                "-- why\ncreate unique index concurrently if not exists Idx on only App.T(a)",
                named("idx"),
                "\"app\".\"t\"",
            ),
            ("CREATE INDEX CONCURRENTLY \"My \"\"I\" ON \"S\".\"T\" (a)", named("My \"I"), "\"S\".\"T\""),
        ] {
            assert_eq!(building(sql), Some(Building { index, table: table.into() }), "{sql}");
            assert!(is_concurrent(sql));
        }
    }

    #[test]
    fn names_are_chosen_as_the_server_does() {
        let chosen = |rest: &str| match building(&format!("CREATE INDEX CONCURRENTLY ON {rest}")) {
            Some(Building { index: Index::Chosen(name), .. }) => Some(name),
            _ => None,
        };
        for (rest, name) in [
            ("s.t (a, B desc nulls last, \"C c\")", "t_a_b_C c_idx"),
            ("t USING gin (a COLLATE \"C\" pg_catalog.text_ops) WHERE a > 1", "t_a_idx"),
            ("t (a) INCLUDE (b, c) WITH (fillfactor = 70)", "t_a_b_c_idx"),
        ] {
            assert_eq!(chosen(rest), Some(name.into()), "{rest}");
        }
        let long = "l".repeat(58);
        for rest in ["t ((a + 1))", "t (lower(a))", "t (a, a)", "t (a o (x = 1))", "t ()", "t (a", "t"] {
            assert_eq!(chosen(rest), None, "{rest}");
        }
        assert_eq!(chosen(&format!("{long} (a)")), None);
    }

    #[test]
    fn other_statements_build_nothing_that_could_be_left() {
        for sql in [
            "CREATE INDEX i ON t (a)",
            "CREATE INDEX CONCURRENTLY IF EXISTS i ON t (a)",
            "DROP INDEX CONCURRENTLY i",
            "SELECT 'CREATE INDEX CONCURRENTLY i ON t (a)'",
            "",
        ] {
            assert_eq!(building(sql), None, "{sql}");
        }
        assert!(is_concurrent("drop index concurrently i"));
        assert!(is_concurrent("REINDEX (VERBOSE) INDEX CONCURRENTLY i"));
        assert!(!is_concurrent("INSERT INTO t VALUES ('CONCURRENTLY')"));
    }
}
