//! A root key as text.

use platform_core::Sources;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::error::Malformation;

/// What the text of a root key begins with, for whoever looks for leaked credentials: `pcroot1_` and 72 hexadecimal digits.
pub const KEY_TEXT_PREFIX: &str = "pcroot1_";

const KEY_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
const DIGITS: usize = 2 * (KEY_BYTES + CHECKSUM_BYTES);

/// Makes a new root key and writes it as text: for a key file, an environment variable or a secret store.
///
/// The text is `pcroot1_`, then the 32 bytes of the key and 4 bytes of checksum in hexadecimal digits. The checksum is the beginning of
/// SHA-256 over prefix and key, so that a mistyped key is told from another key.
///
/// ```
/// use platform_core::Sources;
///
/// let text = platform_crypto::new_key_text(&Sources::system());
/// assert_eq!(text.len(), 80);
/// assert!(text.starts_with(platform_crypto::KEY_TEXT_PREFIX));
/// ```
pub fn new_key_text(sources: &Sources) -> Zeroizing<String> {
    encode(&Zeroizing::new(sources.bytes()))
}

pub(super) fn encode(key: &Zeroizing<[u8; KEY_BYTES]>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(KEY_TEXT_PREFIX.len() + DIGITS));
    text.push_str(KEY_TEXT_PREFIX);
    for byte in key.iter().chain(&checksum(key)) {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(nibble.into(), 16).expect("four bits are a hexadecimal digit"));
        }
    }
    text
}

pub(super) fn decode(text: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>, Malformation> {
    let digits = text.strip_prefix(KEY_TEXT_PREFIX).ok_or(Malformation::Prefix)?;
    let length = digits.chars().count();
    if length != DIGITS {
        return Err(Malformation::Length(length));
    }
    let mut bytes = Zeroizing::new([0_u8; KEY_BYTES + CHECKSUM_BYTES]);
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        for digit in pair {
            let value = char::from(*digit).to_digit(16).ok_or(Malformation::Digit)?;
            *byte = (*byte << 4) | u8::try_from(value).expect("a hexadecimal digit is four bits");
        }
    }
    let (key, sum) = bytes
        .split_first_chunk::<KEY_BYTES>()
        .expect("36 bytes begin with 32");
    let key = Zeroizing::new(*key);
    match checksum(&key) == sum {
        true => Ok(key),
        false => Err(Malformation::Checksum),
    }
}

fn checksum(key: &Zeroizing<[u8; KEY_BYTES]>) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::new()
        .chain_update(KEY_TEXT_PREFIX)
        .chain_update(key.as_slice())
        .finalize();
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&digest[..CHECKSUM_BYTES]);
    sum
}
