//! Host names of tenants.
//!
//! A tenant claims a name, puts a value that was drawn for the claim into a TXT record below it, and has the record looked for. Until then
//! the name stands for nobody, and any other tenant may claim it too: whoever's record is found first has it. A claim ends after 7 days.

mod change;
mod claim;
#[cfg(feature = "dns")]
mod dns;
mod lookups;
mod name;
mod resolver;
mod stored;
mod trail;
mod verify;

use std::time::Duration;

use platform_core::{Forbidden, Permission, PrincipalId, Timestamp};

#[cfg(feature = "dns")]
pub use self::dns::{DnsResolver, NoSystemResolver};
pub(crate) use self::lookups::Lookups;
pub use self::name::{HostName, InvalidHostName};
pub use self::resolver::{TxtResolver, TxtUnavailable};
use crate::Fault;

/// Say which host names stand for the tenant, and prove it.
pub const HOSTS_MANAGE: Permission = Permission::new("hosts:manage");

/// How many names a tenant may have, verified or claimed.
const HOSTS_MAX: u32 = 20;

/// How long a claim waits for its record.
const CLAIM_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How often the record of a claim is looked for at most.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// What stands before a host name in the name of the record.
const RECORD: &str = "_platform-challenge";

/// A host name of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantHost {
    /// The name.
    pub host: HostName,
    /// What has to stand in which record, while it is only claimed.
    pub challenge: Option<HostChallenge>,
    /// When it was claimed; `None` for a name that the operator of the service gave the tenant.
    pub claimed_at: Option<Timestamp>,
    /// By whom; `None` for an operator of the platform too.
    pub claimed_by: Option<PrincipalId>,
    /// When it was verified. From then on it stands for the tenant.
    pub verified_at: Option<Timestamp>,
}

/// A record that proves whose a host name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostChallenge {
    /// The name of the record, such as `_platform-challenge.app.example.com`.
    pub record: String,
    /// Its text.
    pub text: String,
    /// Until when it is looked for.
    pub expires_at: Timestamp,
}

/// A host name was not claimed, verified, given up or shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The text is no host name that could stand for a tenant.
    #[error(transparent)]
    Invalid(#[from] InvalidHostName),
    /// The tenant has no such name, or no claim to it that is still open.
    #[error("the tenant has no such host name")]
    NotFound,
    /// It stands for the tenant already.
    #[error("the host name is verified already")]
    AlreadyVerified,
    /// It stands for another tenant. Whoever had it before has to give it up.
    #[error("the host name stands for another tenant")]
    Taken,
    /// The record is not there, or has another text. It takes a while until the DNS tells of a new one.
    #[error("there is no TXT record {record} with the text of the challenge")]
    ChallengeMissing {
        /// The name of the record.
        record: String,
    },
    /// It was looked for a moment ago. Try again after this long.
    #[error("the record was looked for a moment ago")]
    TooSoon {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The tenant, or all tenants together, have had the DNS asked too often of late. Nothing was looked for. Try again after this long.
    #[error("the DNS was asked too often of late")]
    TooManyLookups {
        /// How long to wait.
        retry_after: Duration,
    },
    /// There are as many as there can be.
    #[error("there are {max} already, which is as many as there can be")]
    TooMany {
        /// How many there can be.
        max: u32,
    },
    /// The service does not look into the DNS.
    #[error("this service does not verify host names itself")]
    NoResolver,
    /// The DNS does not answer. Nothing is known of the record.
    #[error("the DNS did not answer")]
    Unavailable(#[source] TxtUnavailable),
    /// The service could not do its part.
    #[error("the host name could not be looked up or changed")]
    Fault(#[source] Fault),
}
