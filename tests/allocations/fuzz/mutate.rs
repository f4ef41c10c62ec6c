//! Changes of a file.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Numbers at the ends of what programs count with.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "255",
    "1000",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "1000000000",
    "1099511627776",
    "4611686018427387904",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "-1e308",
    "1e-320",
    "1e999",
    "0.5",
    "-0",
    "NaN",
    "inf",
    "",
];

/// The most bytes of a part that is moved or repeated.
const LONGEST: usize = 64;

/// Changes `bytes` in one way, or in up to four. `words` are texts that mean something in their format.
pub(super) fn mutate(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, words: &[&str]) {
    for _ in 0..rng.random_range(-4..=4).max(1) {
        change(rng, bytes, words);
    }
}

fn change(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, words: &[&str]) {
    let at = rng.random_range(0..=bytes.len());
    let part = at..(at + rng.random_range(0..LONGEST)).min(bytes.len());
    match rng.random_range(0..10) {
        0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.random_range(0..8)),
        1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.random()),
        2 if rng.random_range(0..4) == 0 => bytes.truncate(at),
        2 => drop(bytes.drain(part)),
        3 => {
            let part = bytes[part].to_vec();
            insert(bytes, at, &part);
        }
        4 => {
            let part = bytes[part].to_vec();
            let to = rng.random_range(0..=bytes.len());
            insert(bytes, to, &part);
        }
        5 => insert(bytes, at, &(0..rng.random_range(1..9)).map(|_| rng.random()).collect::<Vec<u8>>()),
        6 => insert(bytes, at, words.choose(rng).copied().unwrap_or(",").as_bytes()),
        _ => number(rng, bytes, at),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}

/// Replaces the first number at or after `at`.
fn number(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, at: usize) {
    let Some(start) = (at..bytes.len()).find(|&i| bytes[i].is_ascii_digit()) else { return };
    let len = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = NUMBERS.choose(rng).copied().unwrap_or_default();
    bytes.splice(start..start + len, number.bytes());
}
