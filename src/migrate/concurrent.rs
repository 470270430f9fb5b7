//! Indexes that are built concurrently: what is left of one whose building failed.
//!
//! Promises that an index which `CREATE INDEX CONCURRENTLY` has left INVALID is found by
//! the statement that made it, and removed before that statement runs again: with
//! `IF NOT EXISTS` it would pass over the ruin and call it done (PostgreSQL
//! documentation, "Building Indexes Concurrently").

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::source::{Statement, Word, Words};

/// What a statement builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Building {
    /// The index, in its table's schema; without a name the server makes one.
    pub index: Option<String>,
    /// The table, quoted where it must be.
    pub table: String,
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
    let index = match words.next_if(|word| !word.is("ON")) {
        Some(word) => Some(word.name()?),
        None => None,
    };
    words.next_if(|word| word.is("ON"))?;
    let _ = words.next_if(|word| word.is("ONLY"));
    let mut table = quote(&words.next()?.name()?);
    while words.next_if_eq(&Word::Dot).is_some() {
        table = format!("{table}.{}", quote(&words.next()?.name()?));
    }
    Some(Building { index, table })
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The full names of the INVALID indexes among those that `statements` build. One that another session is
/// building right now is INVALID too. A name made by the server ends in `_idx`, or so with
/// a number.
///
/// # Errors
/// Those of the driver.
pub async fn invalid(
    connection: &mut PgConnection,
    statements: &[Statement],
) -> Result<Vec<String>, sqlx::Error> {
    let mut found = Vec::new();
    for building in statements.iter().filter_map(|statement| building(&statement.sql)) {
        let names = sqlx::query(
            "SELECT format('%I.%I', nspname, relname) FROM pg_index \
             JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace \
             WHERE NOT indisvalid AND relkind = 'i' AND indrelid = to_regclass($2) \
             AND CASE WHEN $1::text IS NULL THEN relname ~ '_idx[0-9]*$' ELSE relname = $1 END",
        );
        let names = names.bind(&building.index).bind(&building.table).fetch_all(&mut *connection).await?;
        for name in names {
            found.push(name.try_get(0)?);
        }
    }
    Ok(found)
}

/// Drops an index by its full name, without blocking its table. While another session
/// builds it, this waits for `lock_timeout` and fails.
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

    #[test]
    fn the_index_and_its_table_are_read_off_the_statement() {
        for (sql, index, table) in [
            ("CREATE INDEX CONCURRENTLY i ON t (a)", Some("i"), "\"t\""),
            ("CREATE INDEX CONCURRENTLY ON t (a)", None, "\"t\""),
            (
                "-- why\ncreate unique index concurrently if not exists Idx on only App.T(a)",
                Some("idx"),
                "\"app\".\"t\"",
            ),
            ("CREATE INDEX CONCURRENTLY \"My \"\"I\" ON \"S\".\"T\" (a)", Some("My \"I"), "\"S\".\"T\""),
        ] {
            assert_eq!(
                building(sql),
                Some(Building { index: index.map(str::to_owned), table: table.into() }),
                "{sql}"
            );
            assert!(is_concurrent(sql));
        }
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
