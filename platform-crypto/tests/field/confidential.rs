//! What is secret is not shown, not copied and not left behind.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use platform_crypto::{DataKey, FieldKey, Label, Sealed, Secret};
use zeroize::Zeroize;

use crate::support::*;

/// Every way in which eight bytes of a secret could show up in a text.
fn assert_shows_nothing_of(secret: &[u8], text: &str) {
    let lower = text.to_lowercase();
    for window in secret.windows(8) {
        let decimals: Vec<_> = window.iter().map(u8::to_string).collect();
        assert!(!lower.contains(&hex(window)), "hexadecimal: {text}");
        assert!(!text.contains(&decimals.join(", ")), "a list: {text}");
        assert!(!text.contains(&decimals.join(",")), "a list: {text}");
        // Eight bytes at any offset of a base64 text show as ten of these characters, but for the ends.
        for skipped in 0..3 {
            let aligned = &window[skipped..];
            let whole = &aligned[..aligned.len() / 3 * 3];
            assert!(
                !text.contains(&STANDARD_NO_PAD.encode(whole)[..]) || whole.len() < 6,
                "base64: {text}"
            );
            assert!(
                !text.contains(&URL_SAFE_NO_PAD.encode(whole)[..]) || whole.len() < 6,
                "base64: {text}"
            );
        }
        if let Ok(plain) = std::str::from_utf8(window) {
            assert!(!text.contains(plain), "as it is: {text}");
        }
    }
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

// C9
#[test]
fn a_key_of_the_wrong_length_is_refused_without_a_byte_of_it() {
    let short: Vec<u8> = (100..131).collect();

    let error = DataKey::from_slice(&short).unwrap_err();

    assert_eq!(error.to_string(), "a data key has 32 bytes, this one has 31");
    assert_shows_nothing_of(&short, &format!("{error} {}", shown(&error)));
}

// C9
#[test]
fn nothing_that_holds_a_key_shows_it() {
    let bytes: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap() + 97);
    let key = DataKey::from_bytes(bytes);
    let subkey = key.subkey(&Label::new(&[b"field"]));
    let mut texts = vec![shown(&key), shown(&subkey)];
    let subkey_bytes = *subkey.expose_bytes();

    let key = FieldKey::new(key);
    let at = somewhere(&EMAIL);
    let keys = platform_crypto::Keys::new(at.tenant(), key.clone(), platform_crypto::Budget::leased(9));
    let other = somewhere(&EMAIL);
    let sealed = keys.seal(&at, &text("ada@example.com")).unwrap();
    texts.extend([shown(&key), shown(&keys), shown(&sealed), shown(&at)]);
    texts.push(shown(&keys.open(&at, &sealed)));
    texts.push(shown(&keys.open(&other, &sealed)));
    texts.push(keys.open(&other, &sealed).unwrap_err().to_string());
    texts.push(shown(&keys.seal(&other, &text("ada@example.com"))));

    for text in texts {
        assert_shows_nothing_of(&bytes, &text);
        assert_shows_nothing_of(&subkey_bytes, &text);
        assert_shows_nothing_of(b"ada@example.com", &text);
    }
}

// C12, C25
#[test]
fn a_secret_is_overwritten_once_when_it_is_dropped() {
    struct Probe(Arc<AtomicUsize>);
    impl Zeroize for Probe {
        fn zeroize(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let overwritten = Arc::new(AtomicUsize::new(0));

    let secret = Secret::new(Probe(overwritten.clone()));
    assert_eq!(overwritten.load(Ordering::Relaxed), 0);
    drop(secret);

    assert_eq!(overwritten.load(Ordering::Relaxed), 1);
}

// C25
#[test]
fn secrets_are_compared_by_their_bytes() {
    let secret = Secret::new(text("correct horse"));
    assert!(secret.ct_eq("correct horse"));
    assert!(!secret.ct_eq("correct hors"));
    assert!(!secret.ct_eq("Correct horse"));
    assert!(!secret.ct_eq(""));
}

#[test]
fn sealing_one_value_twice_gives_nothing_in_common() {
    let key = field_key();
    let at = somewhere(&EMAIL);
    let value = text(&"a".repeat(64));
    let (one, other) = (key.seal(&at, &value).unwrap(), key.seal(&at, &value).unwrap());

    assert_ne!(one, other);
    let same = one.as_bytes()[18..]
        .iter()
        .zip(&other.as_bytes()[18..])
        .filter(|(a, b)| a == b);
    assert!(same.count() < 16);
}

#[test]
fn what_is_sealed_holds_no_plaintext() {
    let value: Vec<u8> = (0..=255).collect();
    let sealed: Sealed<Vec<u8>> = field_key().seal(&somewhere(&NOTE), &value).unwrap();

    for window in value.windows(4) {
        assert!(!sealed.as_bytes().windows(4).any(|bytes| bytes == window));
    }
}
