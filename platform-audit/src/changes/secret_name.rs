//! Names of what must not be in an event in the clear.

/// Words of a name that make a value a secret, or personal data that a law may want erased.
const SECRET_WORDS: &[&str] = &[
    "apikey",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "cvc",
    "cvv",
    "dek",
    "email",
    "iban",
    "jwt",
    "kek",
    "key",
    "keys",
    "mail",
    "mnemonic",
    "otp",
    "pan",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pin",
    "private",
    "pwd",
    "secret",
    "secrets",
    "ssn",
    "token",
    "tokens",
    "totp",
];

/// Last words of a name that say something about a secret and not the secret itself: `key_id`, `password_changed_at`.
const ABOUT_WORDS: &[&str] = &[
    "age",
    "at",
    "changed",
    "count",
    "days",
    "enabled",
    "expires",
    "expiry",
    "fingerprint",
    "id",
    "ids",
    "kind",
    "length",
    "limit",
    "masked",
    "max",
    "min",
    "name",
    "policy",
    "present",
    "reference",
    "required",
    "seconds",
    "set",
    "state",
    "status",
    "ttl",
    "type",
    "verified",
    "version",
];

/// Whether a field of this name holds a secret or personal data. Words are divided by whatever is no letter or digit, and by capitals.
pub(super) fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let about = words
        .last()
        .is_some_and(|last| ABOUT_WORDS.contains(&last.as_str()));
    !about && words.iter().any(|word| is_secret_word(word))
}

fn is_secret_word(word: &str) -> bool {
    // Digits at the end number things: `password2`.
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
    // Written in one, the longer ones are no accident: `userpassword`, `clientsecret`.
    SECRET_WORDS.contains(&word)
        || ["password", "passphrase", "secret", "apikey"]
            .iter()
            .any(|long| word.contains(long))
}

fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut after_small = false;
    for c in name.chars() {
        let divides = !c.is_alphanumeric() || (c.is_uppercase() && after_small);
        if divides && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        after_small = c.is_lowercase() || c.is_numeric();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::is_secret_name;

    #[test]
    fn names_of_secrets_are_known_however_they_are_written() {
        for name in [
            "password",
            "new_password",
            "userPassword",
            "PASSWORD2",
            "api_key",
            "apiKey",
            "APIKEY",
            "key",
            "signing-key",
            "access_token",
            "token",
            "client.secret",
            "clientsecret",
            "secrets",
            "private_key_pem",
            "otp",
            "pin",
            "email",
            "e_mail",
            "ssn",
            "customer.iban",
            "session_cookie",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_said_about_a_secret_is_none() {
        for name in [
            "key_id",
            "keyVersion",
            "password_changed_at",
            "token_ttl_seconds",
            "email_verified",
            "secret_name",
            "limit_lots",
            "monkey",
            "keyboard",
            "tokenized",
            "spinning",
            "state",
            "",
            "company",
            "mailbox_count",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
