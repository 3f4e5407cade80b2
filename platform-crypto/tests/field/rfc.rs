//! The vectors of the documents that the key derivations are defined by.

use hkdf::Hkdf;
use hmac::Hmac;
use sha2::Sha256;

use crate::support::{hex, unhex};

/// RFC 5869, appendix A.1 to A.3 (those with SHA-256): key, salt, info, length, derived key.
const HKDF: [(&str, &str, &str, usize, &str); 3] = [
    (
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f\
         303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
        "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f\
         909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
        "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf\
         e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        82,
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
         da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "",
        "",
        42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
];

#[test]
fn hkdf_agrees_with_rfc_5869() {
    for (key, salt, info, len, expected) in HKDF {
        let mut derived = vec![0; len];
        let hkdf = Hkdf::<Sha256>::new(Some(&unhex(salt)), &unhex(key));
        hkdf.expand(&unhex(info), &mut derived).unwrap();
        assert_eq!(hex(&derived), expected);
    }
}

/// RFC 7914, section 11: passphrase, salt, iterations, derived key.
const PBKDF2: [(&str, &str, u32, &str); 2] = [
    (
        "passwd",
        "salt",
        1,
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
         49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
    ),
    (
        "Password",
        "NaCl",
        80_000,
        "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56\
         a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d",
    ),
];

#[test]
fn pbkdf2_agrees_with_rfc_7914() {
    for (passphrase, salt, rounds, expected) in PBKDF2 {
        let mut derived = [0; 64];
        pbkdf2::pbkdf2::<Hmac<Sha256>>(passphrase.as_bytes(), salt.as_bytes(), rounds, &mut derived).unwrap();
        assert_eq!(hex(&derived), expected);
    }
}
