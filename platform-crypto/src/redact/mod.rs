//! The last net under the logs: masks what looks like a credential or personal data.
//!
//! Passes over bytes, no patterns to compile: text without any of the triggers, which is nearly all, is returned as it came. What
//! is logged may come from anybody, so every pass takes time in proportion to the text, whatever the text.

mod edits;
mod email;
mod fields;
mod layer;
mod name;
mod number;
mod pem;
mod trigger;
mod url;
mod value;
mod word;
mod writer;

use std::borrow::Cow;

use trigger::Triggers;

pub use fields::RedactFields;
pub use layer::redact_layer;
pub use name::is_secret_name;
pub use writer::{RedactLines, RedactWriter};

/// What stands in place of a masked value.
pub const MASK: &str = "***";

/// Masks what looks like a credential or personal data in a line of text.
///
/// That is: tokens of this platform, of Vault and JSON Web Tokens; bearer and basic credentials; passwords in URLs; the values of
/// `name=value` pairs, of JSON and of `Debug` output under a [secret name](is_secret_name); private keys in PEM; e-mail addresses;
/// payment card numbers with a valid check digit; account numbers (IBAN) with valid check digits; social security numbers in their
/// hyphenated form.
///
/// It is the last net and not the first: a value with spaces and without quotes is masked up to its first space, a number written
/// in a form of its own passes. JSON stays JSON.
///
/// ```
/// use platform_crypto::redact;
///
/// assert_eq!(redact("connecting to postgres://app:hunter2@db/x"), "connecting to postgres://app:***@db/x");
/// assert_eq!(redact("paid with 4242 4242 4242 4242"), "paid with ***");
/// assert_eq!(redact("nothing to hide"), "nothing to hide");
/// ```
pub fn redact(text: &str) -> Cow<'_, str> {
    let triggers = Triggers::of(text);
    let mut masked = Cow::Borrowed(text);
    if triggers.pem {
        masked = then(masked, pem::mask_private_keys);
    }
    if triggers.numbers {
        masked = then(masked, number::mask_numbers);
    }
    if triggers.at {
        masked = then(masked, url::mask_urls);
    }
    if triggers.words {
        masked = then(masked, word::mask_words);
    }
    if triggers.at {
        masked = then(masked, email::mask_emails);
    }
    masked
}

/// One more pass over a text that may have been changed by the passes before.
fn then<'a>(text: Cow<'a, str>, pass: impl Fn(&str) -> Cow<'_, str>) -> Cow<'a, str> {
    let changed = match pass(&text) {
        Cow::Owned(changed) => changed,
        Cow::Borrowed(_) => return text,
    };
    Cow::Owned(changed)
}
