//! What an API key is.

use std::time::Duration;

use platform_core::{OwnedResource, PrincipalId, Timestamp};

use super::{AddressRange, ApiKeyId, ApiKeyToken};

/// The one scope that stands for every permission that the owner has, or will have.
pub const ALL_SCOPES: &str = "all";

/// How long API keys last, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiKeyConfig {
    /// How long after it is made a key expires at the latest: 365 days. More than 100 years counts as those.
    pub lifetime_max: Duration,
    /// How many keys that are neither expired nor revoked an owner has at most: 100. Those that are stay for 90 days at least, ten times as
    /// many in all.
    pub per_owner_max: u32,
}

impl Default for ApiKeyConfig {
    fn default() -> Self {
        Self {
            lifetime_max: Duration::from_secs(365 * 24 * 60 * 60),
            per_owner_max: 100,
        }
    }
}

/// Whose key is made or exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyOwner {
    /// The user who calls.
    Caller,
    /// A service principal, for whoever may manage those.
    Service(PrincipalId),
}

/// Whose keys are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeysOf {
    /// The user who calls.
    Caller,
    /// A service principal, for whoever may manage those.
    Service(PrincipalId),
    /// Everybody in the tenant, for whoever may manage keys.
    Anybody,
}

/// A key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose authority it has, as far as it goes: a user or a service principal.
    pub owner: PrincipalId,
    /// Is that a service principal?
    pub of_service: bool,
    /// What its owner calls it.
    pub name: String,
    /// Names of permissions in order, or [`ALL_SCOPES`] alone. One that no module declares any more allows nothing.
    pub scopes: Vec<String>,
    /// The only things it may act on; `None` for no such limit.
    pub resources: Option<Vec<OwnedResource>>,
    /// The only networks it may come from; `None` for everywhere.
    pub addresses: Option<Vec<AddressRange>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom; `None` for a job of the service.
    pub created_by: Option<PrincipalId>,
    /// It is refused before this instant.
    pub not_before: Option<Timestamp>,
    /// It is refused from this instant on.
    pub expires_at: Timestamp,
    /// Which key it took the place of.
    pub rotated_from: Option<ApiKeyId>,
    /// When another took its place.
    pub rotated_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// By whom; `None` for a job of the service too.
    pub revoked_by: Option<PrincipalId>,
    /// When it was last used, within ten minutes or so; `None` when it has never been.
    pub last_used_at: Option<Timestamp>,
}

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// What its owner calls it: 1 to 64 characters, no control characters.
    pub name: String,
    /// Names of permissions, 1 to 500, all of which the caller holds; or [`ALL_SCOPES`] alone, for a key of the caller's own.
    pub scopes: Vec<String>,
    /// The only things it may act on, 1 to 100; `None` for no such limit.
    pub resources: Option<Vec<OwnedResource>>,
    /// The only networks it may come from, 1 to 50; `None` for everywhere.
    pub addresses: Option<Vec<String>>,
    /// From when it works; `None` for at once.
    pub not_before: Option<Timestamp>,
    /// Until when it works, this instant not included: at most [`ApiKeyConfig::lifetime_max`] from now.
    pub expires_at: Timestamp,
}

/// How a key is exchanged for another one.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApiKeyRotation {
    /// How long the old key still works beside the new one: 7 days at most, and no longer than it would have anyway.
    pub overlap: Duration,
    /// Until when the new one works; `None` for as long as the old one was made for.
    pub expires_at: Option<Timestamp>,
}

/// A key that has just been made. The token is nowhere else: it cannot be shown again.
#[derive(Debug)]
pub struct IssuedApiKey {
    /// What the program shows.
    pub token: ApiKeyToken,
    /// What is known of it from now on.
    pub key: ApiKey,
}
