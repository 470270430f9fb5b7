//! The corpus in `tests/goose_parser` has each rule; here is what it can't show.

use super::*;

fn read(content: &str) -> Result<Script, Error> {
    parse("/m/00007_name.sql", content.as_bytes())
}

#[test]
fn refusals_name_file_and_line_and_what_to_do() {
    for (content, message) in [
        (
            "-- +goose Up\n\nSELECT\n 1\n",
            "/m/00007_name.sql:3: the statement that starts here does not end: goose wants its last line to end \
             with a semicolon, or StatementBegin and StatementEnd around it",
        ),
        ("-- Up\n", "/m/00007_name.sql: there is no `-- +goose Up` in the file; put it before the SQL"),
        (
            "-- +goose ENVSUB ON\n",
            "/m/00007_name.sql:1: ENVSUB ON is not supported: the environment of this task has no place in SQL, \
             as the same migration would do different things in different tasks; write the values out",
        ),
    ] {
        assert_eq!(read(content).unwrap_err().to_string(), message);
    }
}

#[test]
fn every_line_of_a_statement_is_found_again() {
    let content = "-- +goose Up\n-- about it\n \nSELECT 'one',\n-- +goose ENVSUB OFF\n-- within\n'two',\n\
        -- +goose StatementBegin\n'three';\n-- +goose StatementEnd\n";
    let script = read(content).unwrap();
    let statement = script.statements.first().unwrap();
    assert_eq!(statement.line, 4);
    for (wanted, line) in [("SELECT", 4), ("-- within", 6), ("'two'", 7), ("'three'", 9)] {
        assert_eq!(statement.line_at(statement.sql.find(wanted).unwrap() + 1), line, "{wanted}");
    }
}

#[test]
fn long_files_take_time_in_proportion() {
    // Each would take minutes if time grew with the square.
    let block = format!(
        "-- +goose Up\n-- +goose StatementBegin\n{}\n-- +goose StatementEnd\n",
        "x;\n".repeat(500_000)
    );
    assert_eq!(read(&block).unwrap().statements.len(), 1);
    let single = format!("-- +goose Up\n{}", "x;\n".repeat(500_000));
    assert_eq!(read(&single).unwrap().statements.len(), 500_000);
    let omitted = format!("-- +goose Up\nx\n{};\n", "-- +goose ENVSUB OFF\n".repeat(200_000));
    assert_eq!(read(&omitted).unwrap().statements.len(), 1);
}
