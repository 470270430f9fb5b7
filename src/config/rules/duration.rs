//! Go's syntax of durations, as `time.ParseDuration` documents it: a sign, then
//! decimal numbers each with a unit, or a plain `0`.

const UNITS: &[&str] = &["ns", "us", "µs", "μs", "ms", "s", "m", "h"];

/// Whether Go would read `text` as a duration.
pub fn is_valid(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned == "0" {
        return true;
    }
    let mut rest = unsigned;
    while !rest.is_empty() {
        let Some(after) = after_term(rest) else { return false };
        rest = after;
    }
    !unsigned.is_empty()
}

/// What follows the first number and its unit.
fn after_term(text: &str) -> Option<&str> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(unit_at);
    let is_number = number.matches('.').count() <= 1 && number.contains(|c: char| c.is_ascii_digit());
    let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    (is_number && UNITS.contains(&unit)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn takes_what_go_takes() {
        for text in
            ["0", "-0", "120s", "10ms", "1m30s", "-1.5h", "+5s", ".5s", "5.s", "1h2m3s4ms5us6ns", "7µs"]
        {
            assert!(is_valid(text), "{text}");
        }
        for text in ["", "-", "120", "s", "1 s", "1d", ".s", "1..5s", "1.5.2s", "5S", "1m30", "--1s", "1e3s"]
        {
            assert!(!is_valid(text), "{text}");
        }
    }
}
