//! What the name of a file says about it.
//!
//! Promises goose 3.27's reading (`NumericComponent`) and refinery 0.10's.

use super::NameFault;

/// A migration's version and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// 1 or more.
    pub version: i64,
    /// The rest of the file's name, without its extension.
    pub name: String,
}

/// A file's name before the last dot, and its extension.
pub fn parts(file_name: &str) -> (&str, &str) {
    file_name.rsplit_once('.').unwrap_or((file_name, ""))
}

/// Reads a name such as `00001_name.sql`. A sign, leading zeros and time stamps are numbers
/// to goose too.
///
/// # Errors
/// goose refuses a folder with such a file.
pub fn goose(file_name: &str) -> Result<Named, NameFault> {
    let (stem, _) = parts(file_name);
    let (version, name) = stem.split_once('_').ok_or(NameFault::NoUnderscore)?;
    named(version, name)
}

/// Reads a name such as `V1__name.sql` (or `.rs`). `U` is taken for `V`: to refinery such
/// a migration may come after those with higher versions.
///
/// # Errors
/// refinery does not take such a file for a migration, or can't read its version.
pub fn refinery(file_name: &str) -> Result<Named, NameFault> {
    let (stem, _) = parts(file_name);
    let stem = stem.strip_prefix(['V', 'U']).ok_or(NameFault::NotRefinery)?;
    let (version, name) = stem.split_once("__").ok_or(NameFault::NotRefinery)?;
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    if name.is_empty() || !name.chars().all(is_word) || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NameFault::NotRefinery);
    }
    named(version, name)
}

fn named(version: &str, name: &str) -> Result<Named, NameFault> {
    let version = version.parse().map_err(|_| NameFault::NoVersion)?;
    if version < 1 {
        return Err(NameFault::NotPositive);
    }
    Ok(Named { version, name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<(i64, &'static str), NameFault>;

    fn check(cases: &[(&str, Read)], read: fn(&str) -> Result<Named, NameFault>) {
        for (file, expected) in cases {
            let expected = expected.map(|(version, name)| Named { version, name: name.into() });
            assert_eq!(read(file), expected, "{file}");
        }
    }

    #[test]
    fn goose_reads_a_number_before_the_first_underscore() {
        let cases: &[(&str, Read)] = &[
            ("00001_initial_schema.sql", Ok((1, "initial_schema"))),
            ("1_a.b.sql", Ok((1, "a.b"))),
            ("20261123140000_stamp.sql", Ok((20_261_123_140_000, "stamp"))),
            ("9223372036854775807_last.sql", Ok((i64::MAX, "last"))),
            ("+7_signed.sql", Ok((7, "signed"))),
            ("3_.sql", Ok((3, ""))),
            ("9223372036854775808_over.sql", Err(NameFault::NoVersion)),
            ("00001.sql", Err(NameFault::NoUnderscore)),
            ("schema.sql", Err(NameFault::NoUnderscore)),
            (".sql", Err(NameFault::NoUnderscore)),
            ("schema_dump.sql", Err(NameFault::NoVersion)),
            (".1_hidden.sql", Err(NameFault::NoVersion)),
            ("_1.sql", Err(NameFault::NoVersion)),
            (" 1_a.sql", Err(NameFault::NoVersion)),
            ("1.5_a.sql", Err(NameFault::NoVersion)),
            ("0x1_a.sql", Err(NameFault::NoVersion)),
            ("V1__a.sql", Err(NameFault::NoVersion)),
            ("0_zero.sql", Err(NameFault::NotPositive)),
            ("-0_zero.sql", Err(NameFault::NotPositive)),
            ("-1_negative.sql", Err(NameFault::NotPositive)),
        ];
        check(cases, goose);
    }

    #[test]
    fn refinery_wants_a_letter_a_number_and_two_underscores() {
        let cases: &[(&str, Read)] = &[
            ("V1__initial_schema.sql", Ok((1, "initial_schema"))),
            ("V0012__a.sql", Ok((12, "a"))),
            ("U3__any_order.sql", Ok((3, "any_order"))),
            ("V1___a.sql", Ok((1, "_a"))),
            ("V4__größer.sql", Ok((4, "größer"))),
            ("V2__coded.rs", Ok((2, "coded"))),
            ("V9223372036854775808__over.sql", Err(NameFault::NoVersion)),
            ("V__a.sql", Err(NameFault::NoVersion)),
            ("V0__zero.sql", Err(NameFault::NotPositive)),
            ("V1.5__a.sql", Err(NameFault::NotRefinery)),
            ("V-1__a.sql", Err(NameFault::NotRefinery)),
            ("V+1__a.sql", Err(NameFault::NotRefinery)),
            ("V1_a.sql", Err(NameFault::NotRefinery)),
            ("V1__.sql", Err(NameFault::NotRefinery)),
            ("V1__a-b.sql", Err(NameFault::NotRefinery)),
            ("V1__a.b.sql", Err(NameFault::NotRefinery)),
            ("v1__a.sql", Err(NameFault::NotRefinery)),
            ("|1__a.sql", Err(NameFault::NotRefinery)),
            ("00001_a.sql", Err(NameFault::NotRefinery)),
        ];
        check(cases, refinery);
    }
}
