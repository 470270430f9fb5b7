//! Mutants: what random changes make of the corpus. Nothing that we accept may be refused
//! by the application's reader, or read in another way.

use serde_json::Value;
use testbed::Result;

use super::corpus::all;
use super::oracle::ask;
use super::reading;
use super::written::written;

/// Always the same mutants: a difference must be found where it is brought in. Another
/// seed may be given, to look for more.
const SEED: u64 = 2_026;
const SEED_VARIABLE: &str = "MUTANTS_SEED";
const MUTANTS: usize = 10_000;

/// What is put in.
const PIECES: &[&str] = &[
    " ", "  ", "\n", "\r\n", "\t", "#", " # ", ":", ": ", ",", "-", "- ", "? ", "'", "\"", "\\", "[", "]",
    "{", "}", "&a ", "*a", "*a ", "!", "!!str ", "!!int ", "!!null ", "!x ", "<<: ", "|\n", ">-\n", "~", "0",
    "1", "1_0", "0x1f", ".5", "true", "null", "1s", "---\n", "...\n", "%", "@", "`", "é", "\u{feff}",
    "\u{a0}",
];

#[test]
fn what_we_accept_the_application_accepts_and_reads_alike() -> Result<()> {
    let seed = std::env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let mutants = mutants(seed)?;
    let Some(theirs) = ask(mutants.iter().map(|mutant| mutant.clone().into_bytes()).collect())? else {
        return Ok(());
    };
    let ours: Vec<Option<Value>> = mutants.iter().map(|mutant| reading(mutant.as_bytes())).collect();
    let anew = ours.iter().flatten().map(|reading| written(reading).into_bytes()).collect();
    let mut anew = ask(anew)?.expect("Go is there").into_iter();
    let (mut common, mut stricter) = (0, 0);
    for ((mutant, ours), theirs) in mutants.iter().zip(ours).zip(theirs) {
        if ours.is_none() {
            stricter += usize::from(theirs.is_ok());
            continue;
        }
        let read = theirs
            .unwrap_or_else(|why| panic!("{SEED_VARIABLE}={seed}: there it is refused, {why}:\n{mutant}"));
        let ours = anew.next().expect("an answer for each").expect("what is accepted stays so");
        assert_eq!(ours, read, "{SEED_VARIABLE}={seed}: read differently:\n{mutant}");
        common += 1;
    }
    eprintln!("{MUTANTS} mutants, {common} accepted by both, {stricter} by the application only");
    assert!(common > MUTANTS / 20, "{common} are too few for a proof");
    assert!(stricter < MUTANTS / 50, "{stricter} are refused without need");
    Ok(())
}

fn mutants(seed: u64) -> Result<Vec<String>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let texts: Vec<String> =
        all()?.into_iter().filter_map(|case| String::from_utf8(case.content).ok()).collect();
    Ok((0..MUTANTS).map(|_| mutant(&texts, &mut random)).collect())
}

/// A text with one to three changes.
fn mutant(texts: &[String], random: &mut fastrand::Rng) -> String {
    let mut chars: Vec<char> = texts[random.usize(..texts.len())].chars().collect();
    for _ in 0..random.usize(1..=3) {
        let at = random.usize(..=chars.len());
        let end = chars.len().min(at + random.usize(..6));
        let piece: Vec<char> = match random.u8(..4) {
            0 => Vec::new(),
            1 => chars[at..end].to_vec(),
            _ => PIECES[random.usize(..PIECES.len())].chars().collect(),
        };
        // Either instead of what stands there or before it.
        chars.splice(at..if random.bool() { end } else { at }, piece);
    }
    chars.into_iter().collect()
}
