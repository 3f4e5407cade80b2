//! What a tenant asks of its users beyond what the service asks of everybody.
//!
//! What a tenant asks, it asks of all tenants below it too, which may ask for more and never for less: how long sessions and API keys
//! last, verified addresses, a second factor, the strength of passwords. Who may register is each tenant's own to say.

mod cache;
mod change;
mod check;
mod inherit;
mod stored;

use std::time::Duration;

use platform_core::{Forbidden, Permission, PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use self::cache::PolicyCache;
pub(crate) use self::inherit::Required;
use crate::{EmailAddress, Fault, SessionConfig};

/// See and change what the tenant asks of its users.
pub const POLICY_MANAGE: Permission = Permission::new("policy:manage");

/// Whose sessions may do nothing until a second factor is set up; the stricter, the greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SecondFactorRule {
    /// Nobody's: each user decides.
    #[default]
    Optional,
    /// Those of whoever administers something: holds a permission that this crate checks, such as `tenant:admin`, in the whole tenant.
    Admins,
    /// Everybody's.
    All,
}

/// What a tenant has set. `None` is what the service and the tenants above say, and so is a value that these are stricter than.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicySettings {
    /// A session ends when it has not been used for this long: a minute at least.
    pub session_idle: Option<Duration>,
    /// A session ends this long after the sign-in: five minutes at least, and not before `session_idle` is over.
    pub session_absolute: Option<Duration>,
    /// May anybody who knows the tenant register as its user?
    pub registration_open: Option<bool>,
    /// May only sign in who has shown that the mail of the address is read? It takes a service that sends mail.
    pub verified_email: Option<bool>,
    /// Whose sessions may do nothing until a second factor is set up.
    pub second_factor: SecondFactorRule,
    /// The fewest characters of a new password: 8 to 64.
    pub password_chars_min: Option<u8>,
    /// How hard to guess a new password has to be: 2 to 4, as [`PasswordConfig::score_min`](crate::PasswordConfig::score_min).
    pub password_score_min: Option<u8>,
    /// The domains of the addresses with which people may register themselves, without those below them; empty for every domain. At most
    /// 50. Who is invited may have any address.
    pub email_domains: Vec<String>,
    /// How long an API key may be good at most: an hour to ten years.
    pub api_key_lifetime_max: Option<Duration>,
}

/// What a tenant has set, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPolicy {
    /// How often it was changed; 0 for a tenant that has set nothing yet. Whoever changes it says which version was read.
    pub version: i64,
    /// What is set.
    pub settings: PolicySettings,
    /// When it was changed.
    pub updated_at: Option<Timestamp>,
    /// By whom; `None` for a job of the service too.
    pub updated_by: Option<PrincipalId>,
}

/// What holds in a tenant: of what the service says, what the tenants above ask and what the tenant has set, the stricter.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenantPolicy {
    /// Of which version of the tenant's settings.
    pub version: i64,
    /// How long sessions last.
    pub sessions: SessionConfig,
    /// May anybody register?
    pub registration_open: bool,
    /// Has an address to be verified before anybody signs in with it?
    pub verified_email: bool,
    /// Whose sessions may do nothing until a second factor is set up.
    pub second_factor: SecondFactorRule,
    /// The fewest characters of a new password.
    pub password_chars_min: usize,
    /// How hard to guess a new password has to be.
    pub password_score_min: u8,
    /// The domains whose addresses may register; empty for every one.
    pub email_domains: Vec<String>,
    /// How long an API key may be good at most.
    pub api_key_lifetime_max: Option<Duration>,
}

/// A setting that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// Shorter than a minute, or longer than the service, or a tenant above, lets a session go unused.
    #[error("a session goes unused for 60 s at least and {max_s} s at most")]
    SessionIdle {
        /// What the service and the tenants above say.
        max_s: u64,
    },
    /// Shorter than five minutes or than the time without use, or longer than the service, or a tenant above, lets a session
    /// last.
    #[error("a session lasts 300 s at least, as long as it may go unused, and {max_s} s at most")]
    SessionAbsolute {
        /// What the service and the tenants above say.
        max_s: u64,
    },
    /// Registration cannot be opened where the service has closed it.
    #[error("the service has closed registration")]
    RegistrationClosed,
    /// Without mail nobody could verify an address, and so nobody could sign in.
    #[error("the service sends no mail, so that nobody could verify an address")]
    NoMail,
    /// The service, or a tenant above, asks for verified addresses.
    #[error("the service, or a tenant above, asks for verified addresses")]
    VerifiedEmail,
    /// Fewer characters than the service, or a tenant above, asks for, or more than 64.
    #[error("a password has {min} characters at least, and no more than 64 can be asked for")]
    PasswordChars {
        /// What the service and the tenants above say.
        min: usize,
    },
    /// Easier to guess than the service, or a tenant above, allows, or a score that there is not.
    #[error("the score of a password is {min} at least, and no more than 4 can be asked for")]
    PasswordScore {
        /// What the service and the tenants above say.
        min: u8,
    },
    /// More than 50 domains, or one that no address has.
    #[error("a domain looks like example.com, and there are at most 50")]
    EmailDomains,
    /// Shorter than an hour, or longer than ten years or than a tenant above allows.
    #[error(
        "an API key is good for an hour at least, and for ten years, or what a tenant above says, at most"
    )]
    ApiKeyLifetime,
}

/// What a tenant asks of its users was not shown or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A setting has to be corrected.
    #[error(transparent)]
    Invalid(#[from] InvalidPolicy),
    /// It has changed since it was read. Read it again.
    #[error("the policy has changed in the meantime, it is at version {version} now")]
    Stale {
        /// The version that it has.
        version: i64,
    },
    /// The service could not do its part.
    #[error("the policy could not be looked up or changed")]
    Fault(#[source] Fault),
}

impl SecondFactorRule {
    /// Whatever is not known asks for the most.
    pub(crate) fn of_stored(word: Option<&str>) -> Self {
        match word {
            None => Self::Optional,
            Some("admins") => Self::Admins,
            Some(_) => Self::All,
        }
    }

    const fn stored(self) -> Option<&'static str> {
        match self {
            Self::Optional => None,
            Self::Admins => Some("admins"),
            Self::All => Some("all"),
        }
    }
}

impl TenantPolicy {
    /// May somebody register with this address?
    pub(crate) fn may_register(&self, email: &EmailAddress) -> bool {
        let domains = &self.email_domains;
        domains.is_empty() || domains.iter().any(|domain| domain == email.domain())
    }
}

impl StoredPolicy {
    fn unset() -> Self {
        Self {
            version: 0,
            settings: PolicySettings::default(),
            updated_at: None,
            updated_by: None,
        }
    }
}
