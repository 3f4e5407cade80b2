//! Codes that stand in for an authenticator that is lost.

use std::fmt;

use platform_core::Sources;
use platform_crypto::Secret;
use sha2::{Digest, Sha256};

/// How many a user gets.
const CODES: usize = 10;

/// 80 random bits, 16 digits.
const CODE_BYTES: usize = 10;

const DIGITS: usize = 16;

/// The digits of Crockford's base32, in which no two look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Ten codes, of which each stands in for a second factor once. They are nowhere else: only their hashes are stored.
pub struct RecoveryCodes(Vec<Secret<String>>);

impl RecoveryCodes {
    pub(super) fn generate(sources: &Sources) -> Self {
        Self((0..CODES).map(|_| code(sources.bytes())).collect())
    }

    /// The codes, to be shown to the user once: `xxxx-xxxx-xxxx-xxxx`.
    pub fn expose(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|code| code.expose().as_str())
    }

    pub(super) fn hashes(&self) -> Vec<[u8; 32]> {
        self.expose().filter_map(hash).collect()
    }
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCodes(****)")
    }
}

fn code(bytes: [u8; CODE_BYTES]) -> Secret<String> {
    let bits = bytes
        .iter()
        .fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let mut text = String::with_capacity(DIGITS + 3);
    for at in 0..DIGITS {
        if at > 0 && at % 4 == 0 {
            text.push('-');
        }
        let digit = usize::try_from((bits >> (75 - 5 * at)) & 31).unwrap_or_default();
        text.push(char::from(ALPHABET.get(digit).copied().unwrap_or(b'0')));
    }
    Secret::new(text)
}

/// What is stored of a code, however it is typed: without regard to case, hyphens, blanks, and digits that look alike. `None` when it is
/// no code.
pub(super) fn hash(typed: &str) -> Option<[u8; 32]> {
    let digits = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let digits = digits.map(|c| match c.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    });
    let digits: Secret<String> = Secret::new(digits.take(DIGITS + 1).collect());
    let known = |byte: &u8| ALPHABET.contains(byte);
    let text = digits.expose().as_bytes();
    (text.len() == DIGITS && text.iter().all(known)).then(|| Sha256::digest(text).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ten_different_codes_are_made_and_known_again_however_they_are_typed() {
        let codes = RecoveryCodes::generate(&Sources::system());

        let hashes: BTreeSet<_> = codes.hashes().into_iter().collect();
        assert_eq!(hashes.len(), 10);
        for code in codes.expose() {
            assert_eq!(code.len(), 19);
            let known = hash(code).unwrap();
            assert!(hashes.contains(&known));
            for typed in [
                code.to_uppercase(),
                code.replace('-', ""),
                code.replace('-', " "),
                code.replace('0', "O").replace('1', "l"),
            ] {
                assert_eq!(hash(&typed), Some(known), "{typed}");
            }
        }
    }

    #[test]
    fn every_bit_of_a_code_is_in_its_text() {
        assert_eq!(code([0; 10]).expose(), "0000-0000-0000-0000");
        assert_eq!(code([0xff; 10]).expose(), "zzzz-zzzz-zzzz-zzzz");
        let texts: BTreeSet<_> = (0..80)
            .map(|bit| {
                let mut bytes = [0; 10];
                bytes[bit / 8] = 1 << (bit % 8);
                code(bytes).expose().clone()
            })
            .collect();
        assert_eq!(texts.len(), 80);
    }

    #[test]
    fn what_is_no_code_has_no_hash() {
        for text in [
            "",
            "123456",
            "0000-0000-0000-000",
            "0000-0000-0000-0000-0",
            "0000-0000-0000-000u",
            "密码密码密码密码密码",
        ] {
            assert_eq!(hash(text), None, "{text}");
        }
    }

    #[test]
    fn debugging_codes_prints_nothing_of_them() {
        let codes = RecoveryCodes::generate(&Sources::system());

        assert_eq!(format!("{codes:?}"), "RecoveryCodes(****)");
    }
}
