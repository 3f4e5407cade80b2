//! What a key can be.

use std::collections::BTreeSet;
use std::time::Duration;

use platform_core::time::UtcOffset;
use platform_core::{OwnedResource, RESOURCE_ID_BYTES_MAX, Timestamp, Window};

use super::{ALL_SCOPES, AddressRange, ApiKeyConfig, ApiKeyRotation, NewApiKey};

const NAME_CHARS_MAX: usize = 64;
const SCOPES_MAX: usize = 500;
const RESOURCES_MAX: usize = 100;
const KIND_CHARS_MAX: usize = 64;
const ADDRESSES_MAX: usize = 50;
const OVERLAP_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Past it lie dates that neither side can store.
const SPAN_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A key cannot be as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidApiKey {
    /// The name is empty, too long or holds control characters.
    #[error("a name has 1 to {NAME_CHARS_MAX} characters and no control characters")]
    Name,
    /// There are none, too many, or others beside the one for all of them.
    #[error("scopes are 1 to {SCOPES_MAX} permissions, or the word {ALL_SCOPES} alone")]
    Scopes,
    /// A service principal's key names what it is for.
    #[error("the scopes of a service principal's key are listed one by one")]
    AllScopes,
    /// There are none or too many, or one is not a resource.
    #[error(
        "resources are 1 to {RESOURCES_MAX}, with a kind of 1 to 64 of a-z, 0-9 and _, a letter first, and an id of 1 to 128 bytes"
    )]
    Resources,
    /// There are none or too many, or one is not a network.
    #[error(
        "addresses are 1 to {ADDRESSES_MAX} networks, each its first address and the length of its prefix"
    )]
    Addresses,
    /// It would work at no instant, or for too long.
    #[error("a key expires after now and after it begins to work, and no later than this service allows")]
    ExpiresAt,
    /// The old key would work for too long beside the new one.
    #[error("the keys overlap for 7 days at most")]
    Overlap,
}

/// What was asked for, as it is stored.
pub(super) struct Checked {
    pub(super) name: String,
    /// In order, each once.
    pub(super) scopes: Vec<String>,
    pub(super) resources: Option<Vec<OwnedResource>>,
    pub(super) addresses: Option<Vec<AddressRange>>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
}

impl NewApiKey {
    pub(super) fn checked(self, config: ApiKeyConfig, now: Timestamp) -> Result<Checked, InvalidApiKey> {
        let is_name = |name: &str| {
            let count = name.chars().take(NAME_CHARS_MAX + 1).count();
            (1..=NAME_CHARS_MAX).contains(&count) && !name.chars().any(char::is_control)
        };
        if !is_name(&self.name) {
            return Err(InvalidApiKey::Name);
        }
        let not_before = self.not_before.map(to_stored).transpose()?;
        Ok(Checked {
            name: self.name,
            scopes: scopes(self.scopes)?,
            resources: self.resources.map(resources).transpose()?,
            addresses: self.addresses.map(addresses).transpose()?,
            not_before,
            expires_at: expiry(self.expires_at, not_before, config, now)?,
        })
    }
}

impl Checked {
    /// When the key is to work.
    pub(super) fn window(&self, now: Timestamp) -> Window {
        window(self.not_before, self.expires_at, now)
    }
}

/// From when on to come, until when, a key works; for one that does at all.
pub(super) fn window(not_before: Option<Timestamp>, expires_at: Timestamp, now: Timestamp) -> Window {
    let from = not_before.map_or(now, |from| from.max(now));
    // An impossible one is covered by nobody.
    Window::new(Some(from), Some(expires_at)).unwrap_or(Window::ALWAYS)
}

impl ApiKeyRotation {
    /// The end of the old key, and that of the new one where one was asked for.
    pub(super) fn checked(
        self,
        config: ApiKeyConfig,
        now: Timestamp,
    ) -> Result<(Timestamp, Option<Timestamp>), InvalidApiKey> {
        if self.overlap > OVERLAP_MAX {
            return Err(InvalidApiKey::Overlap);
        }
        let expires_at = self.expires_at.map(|at| expiry(at, None, config, now));
        Ok((now + self.overlap, expires_at.transpose()?))
    }
}

/// The latest instant at which a key that is made now may expire.
pub(super) fn latest_expiry(config: ApiKeyConfig, now: Timestamp) -> Timestamp {
    now + config.lifetime_max.min(SPAN_MAX)
}

fn expiry(
    at: Timestamp,
    not_before: Option<Timestamp>,
    config: ApiKeyConfig,
    now: Timestamp,
) -> Result<Timestamp, InvalidApiKey> {
    let at = to_stored(at)?;
    let begins = not_before.map_or(now, |from| from.max(now));
    match begins < at && at <= latest_expiry(config, now) {
        true => Ok(at),
        false => Err(InvalidApiKey::ExpiresAt),
    }
}

fn scopes(names: Vec<String>) -> Result<Vec<String>, InvalidApiKey> {
    if !(1..=SCOPES_MAX).contains(&names.len()) {
        return Err(InvalidApiKey::Scopes);
    }
    let names: BTreeSet<_> = names.into_iter().collect();
    match names.contains(ALL_SCOPES) && names.len() > 1 {
        true => Err(InvalidApiKey::Scopes),
        false => Ok(names.into_iter().collect()),
    }
}

fn resources(mut resources: Vec<OwnedResource>) -> Result<Vec<OwnedResource>, InvalidApiKey> {
    if !(1..=RESOURCES_MAX).contains(&resources.len()) || !resources.iter().all(is_resource) {
        return Err(InvalidApiKey::Resources);
    }
    resources.sort();
    resources.dedup();
    Ok(resources)
}

/// As that of a grant.
fn is_resource(resource: &OwnedResource) -> bool {
    let (kind, id) = (&resource.kind, &resource.id);
    let of_words = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let kind_holds = kind.len() <= KIND_CHARS_MAX
        && kind.starts_with(|first: char| first.is_ascii_lowercase())
        && kind.bytes().all(of_words);
    let id_holds = !id.is_empty() && id.len() <= RESOURCE_ID_BYTES_MAX && !id.chars().any(char::is_control);
    kind_holds && id_holds
}

fn addresses(texts: Vec<String>) -> Result<Vec<AddressRange>, InvalidApiKey> {
    if !(1..=ADDRESSES_MAX).contains(&texts.len()) {
        return Err(InvalidApiKey::Addresses);
    }
    let mut ranges = Vec::with_capacity(texts.len());
    for text in texts {
        let range = text.parse().map_err(|_| InvalidApiKey::Addresses)?;
        if !ranges.contains(&range) {
            ranges.push(range);
        }
    }
    Ok(ranges)
}

/// As the database keeps it, in UTC and in microseconds. At the ends of all years another offset would leave them.
fn to_stored(at: Timestamp) -> Result<Timestamp, InvalidApiKey> {
    let at = at
        .checked_to_offset(UtcOffset::UTC)
        .ok_or(InvalidApiKey::ExpiresAt)?;
    if !(1..=9998).contains(&at.year()) {
        return Err(InvalidApiKey::ExpiresAt);
    }
    Ok(at.replace_nanosecond(at.microsecond() * 1_000).unwrap_or(at))
}
