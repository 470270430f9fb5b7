//! Any text is checked without a panic, and what is accepted means the same when it is
//! written anew. Needs no nightly toolchain so:
//! `cargo fuzz run --sanitizer none provider_config fuzz/corpus tests/providers/corpus`,
//! where the folder `fuzz/corpus` takes what is found on the way.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_proxy_init::config::rules::check;

fuzz_target!(|text: &str| {
    let first = check(text);
    if !first.problems.is_empty() {
        return;
    }
    // What is not plain ASCII is escaped: some of it would be a line break.
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    let anew: String = first.reading.to_string().chars().map(escape).collect();
    let second = check(&anew);
    assert!(second.problems.is_empty(), "{anew}: {:?}", second.problems);
    assert_eq!(first.reading, second.reading, "{anew}");
});
