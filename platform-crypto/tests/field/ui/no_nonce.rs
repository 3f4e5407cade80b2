//! Nobody chooses a nonce.

use platform_crypto::{FieldContext, Keys, Sealed};

fn seal(keys: &Keys, at: &FieldContext<'_, String>, value: &String) -> Sealed<String> {
    keys.seal(at, value, [0; 12]).unwrap()
}

fn main() {}
