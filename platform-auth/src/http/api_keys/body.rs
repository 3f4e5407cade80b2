//! What goes over the wire.

use std::time::Duration;

use platform_core::{PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::ResourceBody;
use crate::http::body::Token;
use crate::{ApiKey, ApiKeyId, ApiKeyRotation, IssuedApiKey, NewApiKey, ServicePrincipal, UserStatus};

/// A key that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKeyBody {
    /// What its owner calls it.
    #[schema(example = "Nightly report", min_length = 1, max_length = 64)]
    name: String,
    /// Names of permissions, all of which the caller holds; or `all` alone, for a key of one's own: whatever its owner may do.
    #[schema(example = json!(["orders:place"]), min_items = 1, max_items = 500)]
    scopes: Vec<String>,
    /// The only things it may act on; absent for no such limit.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    resources: Option<Vec<ResourceBody>>,
    /// The only networks it may come from, each its first address and the length of its prefix; absent for everywhere.
    #[serde(default)]
    #[schema(example = json!(["192.0.2.0/24", "2001:db8::/32"]), min_items = 1, max_items = 50)]
    addresses: Option<Vec<String>>,
    /// From when it works; absent for at once.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Timestamp>,
    /// The first instant at which it does not work any more: within a year, where the service has set no other limit.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-07-01T00:00:00Z")]
    expires_at: Timestamp,
}

/// How a key is exchanged for another one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationBody {
    /// For how many seconds the old key still works beside the new one, and no longer than it would have anyway.
    #[serde(default)]
    #[schema(example = 86_400, minimum = 0, maximum = 604_800)]
    overlap_s: u32,
    /// The first instant at which the new key does not work any more; absent for as long after now as the old one was made for.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApiKeyBody {
    id: ApiKeyId,
    /// Whose authority it has, as far as it goes.
    owner_id: PrincipalId,
    /// `user` or `service`.
    #[schema(example = "user")]
    owner_kind: &'static str,
    #[schema(example = "Nightly report")]
    name: String,
    /// In order; `all` alone for whatever its owner may do.
    #[schema(example = json!(["orders:place"]))]
    scopes: Vec<String>,
    /// The only things it may act on; null for no such limit.
    resources: Option<Vec<ResourceBody>>,
    /// The only networks it may come from; null for everywhere.
    #[schema(example = json!(["192.0.2.0/24"]))]
    addresses: Option<Vec<String>>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    created_at: Timestamp,
    /// Null for the service itself.
    created_by: Option<PrincipalId>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Timestamp>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-07-01T00:00:00Z")]
    expires_at: Timestamp,
    /// Which key it took the place of.
    rotated_from: Option<ApiKeyId>,
    /// When another took its place.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    rotated_at: Option<Timestamp>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    revoked_by: Option<PrincipalId>,
    /// Within ten minutes or so; null when it has never been used.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

/// A key that has just been made.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuedApiKeyBody {
    /// Send it as `Authorization: Bearer` with every call. It is shown this once.
    #[schema(value_type = String, example = "pak1_AY8rbnwafT6bGi9ObYwKEg_…")]
    token: Token,
    /// What is known of it from now on.
    key: ApiKeyBody,
}

/// Whether the keys of a service principal are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServicePrincipalStatus {
    /// They are.
    Active,
    /// They are refused.
    Disabled,
}

/// A service principal that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewServicePrincipalBody {
    /// As that of a role; unique among service principals.
    #[schema(example = "Settlement", min_length = 1, max_length = 64)]
    pub(super) name: String,
}

/// What a service principal is to be called instead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServicePrincipalChangeBody {
    /// The version that was read; 409 `stale` when it has another by now.
    #[schema(example = 1, minimum = 1)]
    pub(super) version: i64,
    #[schema(example = "Settlement", min_length = 1, max_length = 64)]
    pub(super) name: String,
}

/// A program that acts as itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ServicePrincipalBody {
    id: PrincipalId,
    #[schema(example = "Settlement")]
    name: String,
    status: ServicePrincipalStatus,
    /// Grows with every change.
    #[schema(example = 1)]
    version: i64,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    created_at: Timestamp,
}

impl From<NewApiKeyBody> for NewApiKey {
    fn from(body: NewApiKeyBody) -> Self {
        let resources = body.resources;
        Self {
            name: body.name,
            scopes: body.scopes,
            resources: resources.map(|resources| resources.into_iter().map(ResourceBody::into).collect()),
            addresses: body.addresses,
            not_before: body.not_before,
            expires_at: body.expires_at,
        }
    }
}

impl From<RotationBody> for ApiKeyRotation {
    fn from(body: RotationBody) -> Self {
        Self {
            overlap: Duration::from_secs(body.overlap_s.into()),
            expires_at: body.expires_at,
        }
    }
}

impl From<ApiKey> for ApiKeyBody {
    fn from(key: ApiKey) -> Self {
        let addresses = key.addresses;
        let resources = key.resources;
        Self {
            id: key.id,
            owner_id: key.owner,
            owner_kind: match key.of_service {
                true => "service",
                false => "user",
            },
            name: key.name,
            scopes: key.scopes,
            resources: resources.map(|resources| resources.into_iter().map(ResourceBody::from).collect()),
            addresses: addresses.map(|ranges| ranges.iter().map(ToString::to_string).collect()),
            created_at: key.created_at,
            created_by: key.created_by,
            not_before: key.not_before,
            expires_at: key.expires_at,
            rotated_from: key.rotated_from,
            rotated_at: key.rotated_at,
            revoked_at: key.revoked_at,
            revoked_by: key.revoked_by,
            last_used_at: key.last_used_at,
        }
    }
}

impl ApiKeyBody {
    pub(super) fn id(&self) -> ApiKeyId {
        self.id
    }
}

impl From<IssuedApiKey> for IssuedApiKeyBody {
    fn from(issued: IssuedApiKey) -> Self {
        Self {
            token: Token::new(issued.token.expose()),
            key: issued.key.into(),
        }
    }
}

impl From<ServicePrincipal> for ServicePrincipalBody {
    fn from(service: ServicePrincipal) -> Self {
        Self {
            id: service.id,
            name: service.name,
            status: match service.status {
                UserStatus::Active => ServicePrincipalStatus::Active,
                UserStatus::Disabled => ServicePrincipalStatus::Disabled,
            },
            version: service.version,
            created_at: service.created_at,
        }
    }
}

impl ServicePrincipalBody {
    pub(super) fn id(&self) -> PrincipalId {
        self.id
    }
}
