//! Names of secret things.

/// Words that make a field secret wherever they stand in its name.
const SECRET_WORDS: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "authorization",
    "cookie",
    "credential",
    "email",
    "e_mail",
    "bearer",
    "apikey",
    "cardnumber",
    "card_number",
];

/// Words that make a field secret as the last part of its name: `api_key` and `session.token`, but not `key.id`.
const SECRET_ENDINGS: [&str; 13] = [
    "token", "tokens", "key", "keys", "pwd", "otp", "jwt", "pan", "cvv", "cvc", "iban", "ssn", "dek",
];

/// Does a field of this name hold a secret or personal data?
///
/// ```
/// use platform_crypto::is_secret_name;
///
/// assert!(is_secret_name("user.email") && is_secret_name("api_key") && is_secret_name("clientSecret"));
/// assert!(is_secret_name("accessToken") && is_secret_name("customer.iban"));
/// assert!(!is_secret_name("key.id") && !is_secret_name("tenant.id") && !is_secret_name("tokens_issued"));
/// ```
pub fn is_secret_name(name: &str) -> bool {
    let ends_secretly = |ending: &str| {
        SECRET_ENDINGS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending))
    };
    if ends_secretly(last_part(name)) {
        return true;
    }
    let lower = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word))
}

/// The last of the parts that separators or, inside one word, capitals divide.
fn last_part(name: &str) -> &str {
    let part = name
        .rsplit(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    let bytes = part.as_bytes();
    let hump = (1..bytes.len())
        .rev()
        .find(|at| bytes[*at].is_ascii_uppercase() && bytes[at - 1].is_ascii_lowercase());
    &part[hump.unwrap_or(0)..]
}
