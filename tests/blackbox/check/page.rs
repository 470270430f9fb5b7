//! The page docs/troubleshooting.md and the program say the same.

use std::collections::BTreeSet;

use super::symptoms::{ALL, Symptom};

#[test]
fn the_page_quotes_what_the_program_says_and_nothing_else() {
    let page = include_str!("../../../docs/troubleshooting.md");
    let is_quote = |line: &&str| line.starts_with("fail  ") || line.starts_with("warn  ");
    let quoted: BTreeSet<String> = page.lines().filter(is_quote).map(str::to_owned).collect();
    let told: BTreeSet<String> = ALL.iter().map(|(_, symptom)| symptom.quoted()).collect();
    let only =
        |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!(only(&quoted, &told), [""; 0], "quoted by the page, and told by no test");
    assert_eq!(only(&told, &quoted), [""; 0], "told by a test, and not quoted by the page");
}

#[test]
fn every_symptom_is_brought_about_by_a_test() {
    let tests = [
        include_str!("mod.rs"),
        include_str!("aws.rs"),
        include_str!("postgres.rs"),
        include_str!("redis.rs"),
        include_str!("rights.rs"),
        include_str!("local.rs"),
    ];
    for (name, _) in ALL {
        let used = format!("symptoms::{name}");
        let is_used = |text: &str| {
            text.match_indices(&used).any(|(at, _)| {
                let after = text[at + used.len()..].chars().next();
                !after.is_some_and(|next| next.is_ascii_alphanumeric() || next == '_')
            })
        };
        assert!(tests.iter().any(|text| is_used(text)), "no test brings about {name}");
    }
}

#[test]
fn an_ellipsis_stands_for_anything() {
    let symptom = Symptom { check: "c", level: "fail", message: "a … b …, c" };
    assert!(symptom.is_told_by("a xx b yy, c"));
    for other in ["a xx b yy, d", "b xx b yy, c", "a xx c", "a xx b yy, c more"] {
        assert!(!symptom.is_told_by(other), "{other}");
    }
    let exact = Symptom { message: "just this", ..symptom };
    assert!(exact.is_told_by("just this") && !exact.is_told_by("just this, and more"));
    let open = Symptom { message: "begins …", ..exact };
    assert!(open.is_told_by("begins so") && !open.is_told_by("it begins so"));
}
