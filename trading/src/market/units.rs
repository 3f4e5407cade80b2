//! From the market's plain integers to the money types.

use crate::{Price, Quantity, Symbol};

/// A price in units of 1e-4 USD, from arithmetic that cannot leave the range.
pub(super) fn price(e4: i64) -> Price {
    Price::from_e4(e4).expect("the market computes prices between two valid prices")
}

/// A number of displayed shares, which no source puts above a million.
pub(super) fn shares(count: u64) -> Quantity {
    i64::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(1_000_000))
        .and_then(|e6| Quantity::from_e6(e6).ok())
        .expect("displayed sizes are at most a million shares")
}

/// A symbol that is written in this crate.
pub(super) fn known_symbol(text: &str) -> Symbol {
    text.parse().expect("the symbols of the simulator are valid")
}

/// A number made of `text` that never changes from one version to the next (FNV-1a, 64 bits).
pub(super) fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}
