//! One-time codes by time (RFC 6238): SHA-1, six digits, steps of 30 seconds, as every authenticator has them.

use platform_core::{Sources, Timestamp};
use platform_crypto::Secret;
use totp_rs::{Algorithm, Builder, Totp};

/// As long as the output of the hash (RFC 4226, section 4, R6).
const SEED_BYTES: usize = 20;

const STEP_SECONDS: u64 = 30;

const DIGITS: u8 = 6;

/// Steps before and after the current one whose codes are taken too: clocks differ, and people are slow (RFC 6238, section 5.2).
const DRIFT: u16 = 1;

/// Letters and digits of base32 (RFC 4648, section 6).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn new_seed(sources: &Sources) -> Secret<Vec<u8>> {
    Secret::new(sources.bytes::<SEED_BYTES>().to_vec())
}

/// The step whose code this is, at this time. Whether it was used already is for the database to say.
pub(super) fn step_of(seed: &Secret<Vec<u8>>, code: &str, now: Timestamp) -> Option<i64> {
    let seconds = u64::try_from(now.unix_timestamp()).ok()?;
    let step = totp(seed).check(code, seconds)?;
    i64::try_from(step).ok()
}

/// The seed as it is typed into an authenticator.
pub(super) fn base32(seed: &Secret<Vec<u8>>) -> Secret<String> {
    let mut text = String::with_capacity(32);
    for chunk in seed.expose().chunks(5) {
        let bits = chunk
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        let bits = bits << (8 * (5 - chunk.len()));
        let digits = (chunk.len() * 8).div_ceil(5);
        for at in 0..digits {
            let digit = usize::try_from((bits >> (35 - 5 * at)) & 31).unwrap_or_default();
            text.push(char::from(BASE32.get(digit).copied().unwrap_or(b'A')));
        }
    }
    Secret::new(text)
}

/// The seed as a QR code holds it for an authenticator, which shows the code under these two names.
pub(super) fn otpauth_url(seed: &Secret<Vec<u8>>, issuer: &str, account: &str) -> Secret<String> {
    let (issuer, account) = (escaped(issuer), escaped(account));
    let secret = base32(seed);
    let secret = secret.expose();
    Secret::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    ))
}

fn totp(seed: &Secret<Vec<u8>>) -> Totp {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_skew(DRIFT)
        .with_step_duration(STEP_SECONDS)
        .with_secret(seed.expose().as_slice())
        .build_noncompliant()
}

/// Percent-encodes all but what stands for itself everywhere in a URL (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_timestamp(seconds).unwrap()
    }

    fn rfc_seed() -> Secret<Vec<u8>> {
        Secret::new(b"12345678901234567890".to_vec())
    }

    /// RFC 6238, appendix B, for SHA-1: its codes have eight digits, of which ours are the last six (RFC 4226, section 5.3).
    const VECTORS: [(i64, &str); 6] = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        for (seconds, code) in VECTORS {
            assert_eq!(
                step_of(&rfc_seed(), &code[2..], at(seconds)),
                Some(seconds / 30),
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_code_holds_in_its_step_and_in_the_ones_beside_it() {
        let (seconds, code) = VECTORS[3];
        let step = seconds / 30;
        let first = step * 30;

        for (now, holds) in [
            (first - 31, false),
            (first - 30, true),
            (first, true),
            (first + 29, true),
            (first + 59, true),
            (first + 60, false),
        ] {
            let found = step_of(&rfc_seed(), &code[2..], at(now));
            assert_eq!(found, holds.then_some(step), "{}", now - first);
        }
    }

    #[test]
    fn what_is_no_six_digits_is_no_code() {
        let (seconds, code) = VECTORS[0];
        for text in [
            "",
            "28708",
            "2870822",
            "287 082",
            code,
            "28708x",
            "２８７０８２",
            "-87082",
        ] {
            assert_eq!(step_of(&rfc_seed(), text, at(seconds)), None, "{text}");
        }
    }

    #[test]
    fn the_seed_is_shown_as_authenticators_read_it() {
        // RFC 4648, section 10, without padding.
        for (bytes, text) in [
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(&Secret::new(bytes.into())).expose(), text);
        }
        let url = otpauth_url(&rfc_seed(), "Acme & Sons", "ada@example.com");
        assert_eq!(
            url.expose(),
            "otpauth://totp/Acme%20%26%20Sons:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%26%20Sons\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
