//! Mutants: what random changes make of the corpus. goose must judge each as we do, and no
//! SQL may be lost.

use testbed::Result;

use super::beside::{Agreement, compare};
use super::corpus::all;
use super::oracle::{About, ask};
use super::{nothing_lost, read};

/// Always the same mutants: a difference must be found where it is brought in. Another
/// seed may be given, to look for more.
const SEED: u64 = 2_026;
const SEED_VARIABLE: &str = "MUTANTS_SEED";
const MUTANTS: usize = 10_000;

/// Lines that are put in.
const LINES: &[&[u8]] = &[
    b"-- +goose Up\n",
    b"-- +goose Down\n",
    b"-- +goose StatementBegin\n",
    b"-- +goose StatementEnd\n",
    b"-- +goose NO TRANSACTION\n",
    b"-- +goose ENVSUB ON\n",
    b"-- +goose ENVSUB OFF\n",
    b"-- +goose\n",
    b"-- a comment;\n",
    b"SELECT 1;\n",
    b"SELECT 2\n",
    b"  ; -- over\n",
    b" \n",
    b"\n",
    b"\xc2\xa0\n",
    b"\r\r\n",
];

/// Pieces that are put in.
const PIECES: &[&[u8]] = &[
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b";",
    ";\u{a0}".as_bytes(),
    b"--",
    b" -- ",
    b"+goose",
    b"+goose ",
    b"Up",
    b"down",
    b"'",
    b"$$",
    b"/*",
    b"*/",
    b"\\",
    b"\0",
    b"\xff",
    b"\x0b",
    "\u{feff}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{85}".as_bytes(),
    "\u{17f}".as_bytes(),
    "é".as_bytes(),
    b"\xc2",
    b"\x85",
    b"S",
    b"s",
];

#[test]
fn goose_judges_every_mutant_as_we_do() -> Result<()> {
    let seed = seed();
    let mutants = mutants(seed)?;
    let Some(verdicts) = ask(About::File, mutants.clone())? else { return Ok(()) };
    let (mut accepted, mut refused, mut stricter) = (0, 0, 0);
    for (mutant, theirs) in mutants.iter().zip(verdicts) {
        let agreement = compare(mutant, &theirs).unwrap_or_else(|difference| {
            panic!("{SEED_VARIABLE}={seed}: {difference}: {:?}", String::from_utf8_lossy(mutant))
        });
        match agreement {
            Agreement::Accepted => accepted += 1,
            Agreement::Refused => refused += 1,
            Agreement::Stricter => stricter += 1,
        }
    }
    eprintln!("{MUTANTS} mutants: {accepted} accepted, {refused} refused, {stricter} refused by us only");
    assert!(accepted > MUTANTS / 5 && refused > MUTANTS / 5, "too few for a proof");
    assert!(stricter < MUTANTS / 10, "{stricter} are refused by us only");
    Ok(())
}

#[test]
fn no_mutant_loses_sql() -> Result<()> {
    for mutant in mutants(seed())? {
        if let Ok(script) = read(&mutant) {
            nothing_lost::check(&mutant, &script);
        }
    }
    Ok(())
}

fn seed() -> u64 {
    std::env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED)
}

fn mutants(seed: u64) -> Result<Vec<Vec<u8>>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut contents: Vec<Vec<u8>> = all()?.into_iter().map(|case| case.content).collect();
    // Most changes make a file invalid: valid ones get more of them.
    let valid: Vec<Vec<u8>> = contents.iter().filter(|content| read(content).is_ok()).cloned().collect();
    contents.extend([valid.clone(), valid].concat());
    Ok((0..MUTANTS).map(|_| mutant(&contents, &mut random)).collect())
}

/// A content with one to three changes.
fn mutant(contents: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut content = contents[random.usize(..contents.len())].clone();
    for _ in 0..random.usize(1..=3) {
        if random.bool() {
            change_lines(&mut content, random);
        } else {
            change_bytes(&mut content, random);
        }
    }
    content
}

/// Takes a line away, doubles it, or puts another one before it.
fn change_lines(content: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let mut lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
    let at = random.usize(..=lines.len());
    match (random.u8(..4), lines.get(at).copied()) {
        (0, Some(_)) => drop(lines.remove(at)),
        (1, Some(line)) => lines.insert(random.usize(..=lines.len()), line),
        _ => lines.insert(at, LINES[random.usize(..LINES.len())]),
    }
    *content = lines.concat();
}

/// Puts a piece, or nothing, before some bytes or in their place.
fn change_bytes(content: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let at = random.usize(..=content.len());
    let end = content.len().min(at + random.usize(..6));
    let piece = if random.u8(..4) == 0 { &[][..] } else { PIECES[random.usize(..PIECES.len())] };
    content.splice(at..if random.bool() { end } else { at }, piece.iter().copied());
}
