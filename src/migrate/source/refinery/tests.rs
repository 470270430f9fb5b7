use super::*;
use crate::migrate::source::Open;

fn read(text: &str) -> Result<Script, Error> {
    parse("V3__name.sql", text)
}

fn refusal(text: &str) -> (usize, Fault) {
    match read(text) {
        Err(Error::Invalid { line: Some(line), fault, .. }) => (line, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_text_is_run_statement_by_statement_in_a_transaction() {
    let text = "-- about it\n\nCREATE TABLE a (id int);\nSELECT\n';';\n";
    let script = read(text).unwrap();
    assert!(script.in_transaction);
    let [table, select] = script.statements.as_slice() else { panic!("{script:?}") };
    assert_eq!((table.line, table.without_heading()), (3, "CREATE TABLE a (id int);"));
    assert_eq!((select.line, select.sql.as_str(), select.line_at(10)), (4, "SELECT\n';';", 5));
}

#[test]
fn nothing_to_run_is_no_statement() {
    for text in ["", "\n", "-- later\n", "/* later */"] {
        assert!(read(text).unwrap().statements.is_empty(), "{text:?}");
    }
}

#[test]
fn the_first_line_may_say_that_there_is_no_transaction() {
    for mark in ["-- no transaction", "--No Transaction", "  --\tNO   TRANSACTION  \r"] {
        let script = read(&format!("{mark}\nVACUUM; VACUUM a;\n\n-- then\nVACUUM b")).unwrap();
        assert!(!script.in_transaction, "{mark}");
        let found: Vec<_> =
            script.statements.iter().map(|one| (one.line, one.sql.lines().last().unwrap())).collect();
        assert_eq!(found, [(2, "VACUUM;"), (2, "VACUUM a;"), (5, "VACUUM b")], "{mark}");
    }
    for text in [
        "\n-- no transaction\nVACUUM;",
        "-- no transaction please\nVACUUM;",
        "-- +no transaction\nVACUUM;",
        "/* no transaction */\nVACUUM;",
        "/**/-- no transaction",
    ] {
        let script = read(text).unwrap();
        assert!(script.in_transaction, "{text}");
    }
    assert!(read("-- no transaction").unwrap().statements.is_empty());
}

#[test]
fn what_has_no_end_is_refused_before_anything_runs() {
    assert_eq!(refusal("-- no transaction\nVACUUM;\nSELECT 'a;\n"), (3, Fault::Unclosed(Open::String)));
    assert_eq!(
        read("-- no transaction\nVACUUM;\n  (SELECT 1;\n").unwrap_err().to_string(),
        "V3__name.sql:3: a parenthesis that begins here does not end; end it, so that the script can be split \
         into its statements"
    );
    assert_eq!(refusal("SELECT 'a;\n"), (1, Fault::Unclosed(Open::String)));
}

#[test]
fn goose_s_annotations_are_refused() {
    assert_eq!(refusal("SELECT 1;\n  -- +goose Down\nDROP TABLE a;\n"), (2, Fault::ForeignAnnotation));
    assert!(read("SELECT '-- +goose Up';\n").is_ok());
}

#[test]
fn bytes_that_no_server_takes_are_refused() {
    assert_eq!(refusal("\u{feff}SELECT 1;"), (1, Fault::ByteOrderMark));
    assert_eq!(refusal("SELECT 1;\n-- \0\n"), (2, Fault::ZeroByte));
}
