//! Which settings a tenant may have.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{InvalidPolicy, PolicySettings, TenantPolicy};
use crate::{AuthConfig, EmailAddress};

const IDLE_MIN: Duration = Duration::from_secs(60);
const ABSOLUTE_MIN: Duration = Duration::from_secs(300);
const CHARS_MAX: u8 = 64;
const SCORE_MAX: u8 = 4;
const DOMAINS_MAX: usize = 50;
const KEY_LIFETIME_MIN: Duration = Duration::from_secs(60 * 60);
const KEY_LIFETIME_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl PolicySettings {
    /// The settings as they are stored, if each of them is within what the service allows, and within the floor: what would hold if the
    /// tenant set nothing.
    pub(super) fn checked(self, config: &AuthConfig, floor: &TenantPolicy) -> Result<Self, InvalidPolicy> {
        self.check_sessions(floor)?;
        if self.registration_open == Some(true) && !config.registration {
            return Err(InvalidPolicy::RegistrationClosed);
        }
        match self.verified_email {
            Some(true) if config.mail.is_none() => return Err(InvalidPolicy::NoMail),
            Some(false) if floor.verified_email => return Err(InvalidPolicy::VerifiedEmail),
            _ => {}
        }
        let (chars, score) = (floor.password_chars_min, floor.password_score_min);
        let chars_hold = |min: u8| usize::from(min) >= chars && min <= CHARS_MAX;
        if !self.password_chars_min.is_none_or(chars_hold) {
            return Err(InvalidPolicy::PasswordChars { min: chars });
        }
        if !self
            .password_score_min
            .is_none_or(|min| (score..=SCORE_MAX).contains(&min))
        {
            return Err(InvalidPolicy::PasswordScore { min: score });
        }
        let lifetime = KEY_LIFETIME_MIN..=floor.api_key_lifetime_max.unwrap_or(KEY_LIFETIME_MAX);
        if !self
            .api_key_lifetime_max
            .is_none_or(|max| lifetime.contains(&max))
        {
            return Err(InvalidPolicy::ApiKeyLifetime);
        }
        let email_domains = domains(&self.email_domains)?;
        Ok(Self {
            email_domains,
            ..self
        })
    }

    fn check_sessions(&self, floor: &TenantPolicy) -> Result<(), InvalidPolicy> {
        let (idle_max, absolute_max) = (floor.sessions.idle, floor.sessions.absolute);
        if !self
            .session_idle
            .is_none_or(|idle| (IDLE_MIN..=idle_max).contains(&idle))
        {
            let max_s = idle_max.as_secs();
            return Err(InvalidPolicy::SessionIdle { max_s });
        }
        let shortest = self.session_idle.unwrap_or_default().max(ABSOLUTE_MIN);
        let is_held = |absolute| (shortest..=absolute_max).contains(&absolute);
        if !self.session_absolute.is_none_or(is_held) {
            let max_s = absolute_max.as_secs();
            return Err(InvalidPolicy::SessionAbsolute { max_s });
        }
        Ok(())
    }
}

/// The domains in the form in which those of addresses are compared, each once and in order.
fn domains(texts: &[String]) -> Result<Vec<String>, InvalidPolicy> {
    if texts.len() > DOMAINS_MAX {
        return Err(InvalidPolicy::EmailDomains);
    }
    let normal = |text: &String| {
        let address = EmailAddress::parse(&format!("somebody@{}", text.trim())).ok()?;
        Some(address.domain().to_owned())
    };
    let normal: Option<BTreeSet<_>> = texts.iter().map(normal).collect();
    let normal = normal.ok_or(InvalidPolicy::EmailDomains)?;
    Ok(normal.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::super::{Required, StoredPolicy};
    use super::*;

    fn checked(settings: PolicySettings) -> Result<PolicySettings, InvalidPolicy> {
        let config = AuthConfig::default();
        let floor = StoredPolicy::unset().effective(&config, &Required::default());
        settings.checked(&config, &floor)
    }

    #[test]
    fn a_tenant_asks_for_no_less_than_the_service() {
        let seconds = |s| Some(Duration::from_secs(s));
        let unset = PolicySettings::default;

        for (settings, refused) in [
            (
                PolicySettings {
                    session_idle: seconds(59),
                    ..unset()
                },
                InvalidPolicy::SessionIdle { max_s: 1_800 },
            ),
            (
                PolicySettings {
                    session_idle: seconds(1_801),
                    ..unset()
                },
                InvalidPolicy::SessionIdle { max_s: 1_800 },
            ),
            (
                PolicySettings {
                    session_absolute: seconds(299),
                    ..unset()
                },
                InvalidPolicy::SessionAbsolute { max_s: 43_200 },
            ),
            (
                PolicySettings {
                    session_absolute: seconds(43_201),
                    ..unset()
                },
                InvalidPolicy::SessionAbsolute { max_s: 43_200 },
            ),
            (
                PolicySettings {
                    session_idle: seconds(900),
                    session_absolute: seconds(600),
                    ..unset()
                },
                InvalidPolicy::SessionAbsolute { max_s: 43_200 },
            ),
            (
                PolicySettings {
                    verified_email: Some(true),
                    ..unset()
                },
                InvalidPolicy::NoMail,
            ),
            (
                PolicySettings {
                    password_chars_min: Some(7),
                    ..unset()
                },
                InvalidPolicy::PasswordChars { min: 8 },
            ),
            (
                PolicySettings {
                    password_chars_min: Some(65),
                    ..unset()
                },
                InvalidPolicy::PasswordChars { min: 8 },
            ),
            (
                PolicySettings {
                    password_score_min: Some(2),
                    ..unset()
                },
                InvalidPolicy::PasswordScore { min: 3 },
            ),
            (
                PolicySettings {
                    password_score_min: Some(5),
                    ..unset()
                },
                InvalidPolicy::PasswordScore { min: 3 },
            ),
            (
                PolicySettings {
                    api_key_lifetime_max: seconds(60),
                    ..unset()
                },
                InvalidPolicy::ApiKeyLifetime,
            ),
        ] {
            assert_eq!(checked(settings.clone()), Err(refused), "{settings:?}");
        }
        assert_eq!(checked(unset()), Ok(unset()));
    }

    #[test]
    fn domains_are_compared_in_one_form_and_bounded() {
        let with = |domains: Vec<String>| {
            checked(PolicySettings {
                email_domains: domains,
                ..PolicySettings::default()
            })
        };

        let taken = with(vec![
            "Example.COM".into(),
            " example.com".into(),
            "a.example".into(),
        ])
        .unwrap();
        assert_eq!(taken.email_domains, ["a.example", "example.com"]);
        for wrong in [
            "",
            "example",
            "a b.com",
            "@example.com",
            "x@example.com",
            "*.example.com",
            "example..com",
        ] {
            assert_eq!(
                with(vec![wrong.into()]),
                Err(InvalidPolicy::EmailDomains),
                "{wrong}"
            );
        }
        let many = (0..51).map(|at| format!("d{at}.example")).collect();
        assert_eq!(with(many), Err(InvalidPolicy::EmailDomains));
    }
}
