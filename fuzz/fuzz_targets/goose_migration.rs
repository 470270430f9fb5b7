//! Any file is read without a panic, in goose's way and in refinery's; no SQL is lost, and
//! what was split is not split further. Needs no nightly toolchain so:
//! `cargo fuzz run --sanitizer none goose_migration fuzz/corpus tests/goose_parser/corpus`,
//! where the folder `fuzz/corpus` takes what is found on the way.

#![no_main]

#[path = "../../tests/goose_parser/nothing_lost.rs"]
mod nothing_lost;

use libfuzzer_sys::fuzz_target;
use llm_proxy_init::migrate::source::{self, Script};

const MARK: &str = "-- no transaction\n";

fuzz_target!(|content: &[u8]| {
    if let Ok(script) = source::goose("file.sql", content) {
        nothing_lost::check(content, &script);
    }
    let Ok(text) = std::str::from_utf8(content) else { return };
    let _ = source::refinery("V1__name.sql", text);
    // A comment with goose's mark is refused only where a line begins with it.
    let Some(script) = split(text).filter(|_| !text.contains("+goose")) else { return };
    for statement in &script.statements {
        let sql = statement.sql.strip_prefix(MARK).unwrap_or(&statement.sql);
        let again = split(sql).expect("a statement can be split");
        let [one] = again.statements.as_slice() else { panic!("{sql:?} is {:?}", again.statements) };
        let once = one.sql.strip_prefix(MARK).unwrap_or(&one.sql);
        assert_eq!(once.trim(), sql.trim());
        let _ = one.line_at(one.sql.len());
    }
});

fn split(text: &str) -> Option<Script> {
    source::refinery("V1__name.sql", &format!("{MARK}{text}")).ok()
}
