//! No SQL is lost: what stands in the section `Up` is in the statements, once and in order.

use llm_proxy_init::migrate::source::Script;

/// Compares a script with the text that it was made of, word by word and independently of
/// the parser. Comments that fill a line, and annotations, don't count.
///
/// # Panics
/// Something was lost, added or moved.
pub fn check(content: &[u8], script: &Script) {
    let text = String::from_utf8_lossy(content);
    let up = text.lines().skip_while(|line| !says(line, "up")).take_while(|line| !says(line, "down"));
    let written: Vec<&str> = up.filter(|line| is_sql(line)).flat_map(str::split_whitespace).collect();
    let statements = script.statements.iter().flat_map(|statement| statement.sql.lines());
    let run: Vec<&str> = statements.filter(|line| is_sql(line)).flat_map(str::split_whitespace).collect();
    assert_eq!(written, run, "{text}");
    for statement in &script.statements {
        let first = text.lines().nth(statement.line - 1).unwrap_or_default();
        let start = statement.sql.lines().find(|line| first.contains(line.trim()));
        assert!(start.is_some(), "line {} of {text} is no part of {:?}", statement.line, statement.sql);
    }
}

fn is_sql(line: &str) -> bool {
    !line.trim_start().starts_with("--")
}

fn says(line: &str, annotation: &str) -> bool {
    let said = line.replace("--", "").replacen("+goose", "", 1);
    !is_sql(line) && line.contains("+goose") && said.trim().eq_ignore_ascii_case(annotation)
}
