//! A value cannot be sealed without saying where it belongs.

use platform_crypto::{Keys, Sealed};

fn seal(keys: &Keys, value: &String) -> Sealed<String> {
    keys.seal(value).unwrap()
}

fn main() {}
