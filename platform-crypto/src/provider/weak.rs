//! Keys and passphrases that others know or can guess.

use sha2::{Digest as _, Sha256};

/// A passphrase that would be tried first is short, common or monotonous.
const PASSPHRASE_CHARS_MIN: usize = 15;
const PASSPHRASE_DISTINCT_MIN: usize = 6;

/// Words that make no passphrase strong, repeated or followed by digits and signs as they may be.
const COMMON_WORDS: [&str; 22] = [
    "admin",
    "administrator",
    "changeit",
    "changeme",
    "correcthorsebatterystaple",
    "default",
    "development",
    "example",
    "letmein",
    "masterkey",
    "passphrase",
    "password",
    "placeholder",
    "platform",
    "qwerty",
    "qwertyuiop",
    "rootkey",
    "secret",
    "supersecret",
    "test",
    "verysecret",
    "welcome",
];

/// The root key of this project's tests. It stands here for everybody to read, so no configuration may name it.
pub(super) const KEY_OF_TESTS: [u8; 32] = [
    0xd3, 0x89, 0x6c, 0x1f, 0x2a, 0xba, 0x22, 0xb9, 0xc0, 0x6c, 0x3c, 0x25, 0xcf, 0x20, 0x2a, 0x07, 0x4c,
    0xcf, 0xf4, 0xdd, 0x42, 0x25, 0xbd, 0xa2, 0xba, 0x94, 0xe6, 0xac, 0xb3, 0x46, 0xc2, 0x92,
];

/// Why a root key or a passphrase is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Weakness {
    /// A key out of a textbook, a test vector or a hash of a common word.
    #[error("well known")]
    WellKnown,
    /// A key with a pattern: repeated, counted up, or nothing but printable characters.
    #[error("not random")]
    Pattern,
    /// A passphrase shorter than fifteen characters.
    #[error("shorter than {PASSPHRASE_CHARS_MIN} characters")]
    Short,
    /// A passphrase of few different characters.
    #[error("made of too few different characters")]
    Monotonous,
}

/// The weakness of a root key, if it has one.
pub(super) fn key_weakness(key: &[u8; 32]) -> Option<Weakness> {
    if *key == KEY_OF_TESTS || is_hash_of_a_word(key) {
        return Some(Weakness::WellKnown);
    }
    let printable = key.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let repeated = (1..=16).any(|period| key.iter().zip(key.iter().skip(period)).all(|(a, b)| a == b));
    let first = key
        .iter()
        .zip(key.iter().skip(1))
        .map(|(a, b)| b.wrapping_sub(*a));
    let step = key[1].wrapping_sub(key[0]);
    let counted = first.into_iter().all(|next| next == step);
    let mut seen = [false; 256];
    for byte in key {
        seen[usize::from(*byte)] = true;
    }
    // 32 random bytes have 30 different values; fewer than 16 come up once in more than 2^60 keys.
    let few = seen.iter().filter(|seen| **seen).count() < 16;
    (printable || repeated || counted || few).then_some(Weakness::Pattern)
}

/// The weakness of a passphrase, if it has one.
pub(super) fn passphrase_weakness(passphrase: &str) -> Option<Weakness> {
    let letters: String = passphrase
        .chars()
        .filter(|char| char.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    if is_made_of_common_words(&letters) {
        return Some(Weakness::WellKnown);
    }
    if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
        return Some(Weakness::Short);
    }
    let mut distinct: Vec<char> = passphrase.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    (distinct.len() < PASSPHRASE_DISTINCT_MIN).then_some(Weakness::Monotonous)
}

/// Is the text one common word after the other? Nothing at all is not: digits and signs are judged by their length and variety.
fn is_made_of_common_words(letters: &str) -> bool {
    let mut reached = vec![false; letters.len() + 1];
    reached[0] = true;
    for at in 0..letters.len() {
        if !reached[at] {
            continue;
        }
        for word in COMMON_WORDS {
            if letters.get(at..).is_some_and(|rest| rest.starts_with(word)) {
                reached[at + word.len()] = true;
            }
        }
    }
    !letters.is_empty() && reached[letters.len()]
}

fn is_hash_of_a_word(key: &[u8; 32]) -> bool {
    COMMON_WORDS
        .into_iter()
        .chain(["", "dev", "key", "hello", "1234", "12345678", "123456"])
        .any(|word| Sha256::digest(word).as_slice() == key)
}
