//! Go's durations, as `time.ParseDuration` documents them: a sign, then decimal numbers
//! each with a unit, or a plain `0`; at most what 63 bits of nanoseconds hold.

/// Units by their nanoseconds.
const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The longest negative duration; positive ones end one nanosecond earlier.
const MOST: u64 = 1 << 63;

/// Whether Go would read `text` as a duration.
pub fn is_valid(text: &str) -> bool {
    nanoseconds(text.strip_prefix(['-', '+']).unwrap_or(text))
        .is_some_and(|total| total < MOST || text.starts_with('-'))
}

/// A duration without its sign.
fn nanoseconds(unsigned: &str) -> Option<u64> {
    if unsigned == "0" {
        return Some(0);
    }
    let (mut total, mut rest) = term(unsigned)?;
    while !rest.is_empty() {
        let (more, after) = term(rest)?;
        total = total.checked_add(more).filter(|total| *total <= MOST)?;
        rest = after;
    }
    Some(total)
}

/// The first number with its unit, and what follows.
fn term(text: &str) -> Option<(u64, &str)> {
    let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let (name, rest) =
        rest.split_at(rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len()));
    let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == name)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if number.len() <= usize::from(number.contains('.')) || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let whole = whole.checked_mul(*unit).filter(|whole| *whole <= MOST)?;
    Some((whole.checked_add(part_of(fraction, *unit)).filter(|all| *all <= MOST)?, rest))
}

/// A decimal fraction of a unit, cut to whole nanoseconds.
fn part_of(digits: &str, unit: u64) -> u64 {
    let mut part = 0;
    let mut unit = unit;
    for digit in digits.bytes() {
        // Below a nanosecond nothing counts: the units are multiples of powers of ten.
        part += u64::from(digit - b'0') * unit / 10;
        unit /= 10;
    }
    part
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn takes_what_go_takes() {
        for text in [
            "0",
            "-0",
            "120s",
            "10ms",
            "1m30s",
            "-1.5h",
            "+5s",
            ".5s",
            "5.s",
            "1h2m3s4ms5us6ns",
            "7µs",
            "9223372036854775807ns",
            "-9223372036854775808ns",
            "2562047h47m16.854s",
        ] {
            assert!(is_valid(text), "{text}");
        }
        for text in [
            "",
            "-",
            "120",
            "s",
            "1 s",
            "1d",
            ".s",
            "1..5s",
            "1.5.2s",
            "5S",
            "1m30",
            "--1s",
            "1e3s",
            ".",
            "9223372036854775808ns",
            "-9223372036854775809ns",
            "2562047h48m",
            "99999999999999999999s",
        ] {
            assert!(!is_valid(text), "{text}");
        }
    }
}
