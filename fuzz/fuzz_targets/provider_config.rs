//! Any text is checked without a panic, and what is accepted means the same when it is
//! written anew. Needs no nightly toolchain so:
//! `cargo fuzz run --sanitizer none provider_config fuzz/corpus tests/providers/corpus`,
//! where the folder `fuzz/corpus` takes what is found on the way.

#![no_main]

#[path = "../../tests/providers/written.rs"]
mod written;

use libfuzzer_sys::fuzz_target;
use llm_proxy_init::config::rules::check;
use written::written;

fuzz_target!(|text: &str| {
    let first = check(text);
    if !first.problems.is_empty() {
        return;
    }
    let anew = written(&first.reading);
    let second = check(&anew);
    assert!(second.problems.is_empty(), "{anew}: {:?}", second.problems);
    assert_eq!(first.reading, second.reading, "{anew}");
});
