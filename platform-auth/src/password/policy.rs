//! Which passwords may be set: one rule, wherever a password is set.

use std::sync::Arc;

use platform_core::secrecy::SecretString;
use zxcvbn::{Score, zxcvbn};

use super::{BreachedPasswords, InvalidBreachedList, InvalidPassword, NewPassword, ProposedPassword};
use crate::{EmailAddress, PasswordConfig, PersonName, User};

/// What a guesser knows of the user, and tries first.
#[derive(Debug, Clone, Default)]
pub(crate) struct About(Vec<SecretString>);

/// The rule on new passwords. Cheap to clone.
///
/// How many guesses a password takes is estimated by zxcvbn (Wheeler, USENIX Security 2016), whose list of 30,000 common passwords gives
/// each of them a score below any that can be configured: a list of our own would add nothing to it. What was stolen elsewhere and is
/// not that common stands in the list of an operator who has one.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    score_min: Score,
    breached: Option<Arc<BreachedPasswords>>,
}

impl About {
    /// The address as a whole and in its parts, and the names.
    pub(crate) fn new(email: Option<&EmailAddress>, names: [Option<&PersonName>; 2]) -> Self {
        let email = email.map(EmailAddress::normalized);
        let names = names.into_iter().flatten().map(PersonName::as_str);
        Self::of_texts(email.into_iter().chain(names))
    }

    /// What identifies a user.
    pub(crate) fn of_user(user: &User) -> Self {
        let names = [&user.first_name, &user.last_name].into_iter().flatten();
        let texts = std::iter::once(&user.email).chain(names);
        Self::of_texts(texts.map(|text| text.expose().as_str()))
    }

    /// Texts that are about the user, as a whole and word by word.
    pub(crate) fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut about = Vec::new();
        for text in texts {
            about.push(text.into());
            let words = text.split(|c: char| !c.is_alphanumeric());
            // Shorter ones are in every second password.
            about.extend(
                words
                    .filter(|word| word.chars().count() > 2)
                    .map(SecretString::from),
            );
        }
        Self(about)
    }

    fn texts(&self) -> Vec<&str> {
        use platform_core::secrecy::ExposeSecret as _;
        self.0.iter().map(|text| text.expose_secret()).collect()
    }
}

impl Policy {
    pub(crate) fn new(config: &PasswordConfig) -> Self {
        Self {
            score_min: score(config.score_min),
            breached: config.breached.clone().map(Arc::new),
        }
    }

    /// The same rule, and no less than a score: what a tenant asks for beyond the service.
    pub(crate) fn at_least(&self, score_min: u8) -> Self {
        let asked = score(score_min);
        Self {
            score_min: self.score_min.max(asked),
            breached: self.breached.clone(),
        }
    }

    /// Lets a password pass, or says what is wrong with it. Reads a file and takes milliseconds: call it where that hurts nobody.
    ///
    /// # Errors
    /// [`InvalidBreachedList`]: nobody knows whether the password was stolen, so it must not be set.
    pub(super) fn judge(
        &self,
        password: ProposedPassword,
        about: &About,
    ) -> Result<Result<NewPassword, InvalidPassword>, InvalidBreachedList> {
        if zxcvbn(password.expose(), &about.texts()).score() < self.score_min {
            return Ok(Err(InvalidPassword::Guessable));
        }
        if let Some(breached) = &self.breached
            && breached.holds(password.expose().as_bytes())?
        {
            return Ok(Err(InvalidPassword::Breached));
        }
        Ok(Ok(NewPassword(password.0)))
    }
}

const fn score(min: u8) -> Score {
    match min {
        0..=2 => Score::Two,
        3 => Score::Three,
        4.. => Score::Four,
    }
}

impl crate::hasher::Hasher {
    /// Judges a password when it is its turn, as if it were hashed.
    pub(crate) async fn judge(
        &self,
        policy: &Policy,
        password: ProposedPassword,
        about: About,
    ) -> Result<Result<NewPassword, InvalidPassword>, crate::HashError> {
        let policy = policy.clone();
        let judged = self.run(move |_| policy.judge(password, &about)).await?;
        judged.map_err(crate::HashError::BreachedList)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str, about: &About, score_min: u8) -> Result<(), InvalidPassword> {
        let policy = Policy::new(&PasswordConfig {
            score_min,
            ..PasswordConfig::default()
        });
        let proposed = ProposedPassword::new(text.into(), 8).unwrap();
        policy.judge(proposed, about).unwrap().map(drop)
    }

    #[test]
    fn what_everybody_chooses_is_refused_whatever_the_configuration_says() {
        let common = [
            "password",
            "12345678",
            "qwertyuiop",
            "iloveyou",
            "trustno1",
            "password1",
            "sunshine",
            "football",
            "P@ssw0rd",
            "passw0rd",
            "superman",
            "1q2w3e4r",
            "asdfghjkl",
            "baseball",
            "letmein1",
            "welcome1",
            "starwars",
            "whatever",
            "computer",
            "jennifer",
        ];

        for text in common {
            for score_min in [0, 3, 4] {
                assert_eq!(
                    judged(text, &About::default(), score_min),
                    Err(InvalidPassword::Guessable),
                    "{text} {score_min}"
                );
            }
        }
    }

    #[test]
    fn rows_of_keys_repeats_and_dates_are_refused() {
        for text in [
            "aaaaaaaaaaaaaaaa",
            "abcdefghijkl",
            "qwertzuiopasdf",
            "19871987",
            "2001-05-14",
            "zaq1zaq1",
        ] {
            assert_eq!(
                judged(text, &About::default(), 3),
                Err(InvalidPassword::Guessable),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_easy_to_guess_is_taken_in_any_script() {
        for text in [
            "correct horse battery",
            "buy-low-sell-high",
            "wtr7-kfgp-2mzs",
            "密码学家喜欢喝咖啡和茶",
            "пять весёлых бегемотов",
        ] {
            assert_eq!(judged(text, &About::default(), 3), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_users_own_name_and_address_make_no_password() {
        let email = EmailAddress::parse("Zyblorqen.Wuttikrax@Vrubnitzek.example").unwrap();
        let name = PersonName::parse("Oxquandib").unwrap();
        let about = About::new(Some(&email), [Some(&name), None]);

        for text in [
            "zyblorqen.wuttikrax@vrubnitzek.example",
            "wuttikrax71",
            "Oxquandib75",
            "vrubnitzekOxquandib",
        ] {
            assert_eq!(judged(text, &About::default(), 3), Ok(()), "{text}");
            assert_eq!(judged(text, &about, 3), Err(InvalidPassword::Guessable), "{text}");
        }
    }

    #[test]
    fn the_longest_password_of_one_kind_takes_a_bounded_time() {
        for text in ["a".repeat(1024), "ab1".repeat(341), "p@ssw0rd".repeat(128)] {
            let _ = judged(&text, &About::default(), 4);
        }
    }

    #[test]
    fn debugging_what_is_known_of_a_user_prints_nothing_of_it() {
        let about = About::of_texts(["ada@example.com"]);

        assert!(!format!("{about:?}").contains("ada"));
    }
}
