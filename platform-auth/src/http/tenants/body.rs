//! What goes over the wire.

use platform_core::pg::{Slug, Tenant, TenantStatus};
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::invitations::InvitedBody;
use crate::{FirstAdmin, MadeTenant, NewOverseenTenant};

/// A tenant that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenantBody {
    /// 1 to 63 of `a-z`, `0-9` and single inner hyphens. Nobody gets it again, not even when the tenant is closed.
    #[schema(value_type = String, example = "acme-berlin", min_length = 1, max_length = 63)]
    slug: Slug,
    #[schema(example = "Acme Berlin", min_length = 1, max_length = 200)]
    name: String,
    /// The tenant above it.
    #[serde(default)]
    parent_id: Option<TenantId>,
    /// Who administers it first.
    #[serde(default)]
    admin: Option<FirstAdminBody>,
}

/// Who administers a new tenant first. The address counts as verified.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstAdminBody {
    #[schema(example = "ada@example.com", max_length = 254, format = "email")]
    email: String,
    /// At least 8 characters, at most 1,024 bytes, and not easy to guess. Without one the address is invited.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, example = "correct horse battery", min_length = 8, max_length = 1024)]
    password: Option<SecretString>,
}

/// Why something is done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhyBody {
    /// For the trail of the tenant, which its auditors read.
    #[serde(default)]
    #[schema(example = "ticket 4711", min_length = 1, max_length = 200)]
    pub(super) reason: Option<String>,
}

/// Whom to invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteAdminBody {
    #[schema(example = "ada@example.com", max_length = 254, format = "email")]
    pub(super) email: String,
}

/// A tenant that somebody looks after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OverseenTenantBody {
    id: TenantId,
    #[schema(example = "acme-berlin")]
    slug: String,
    #[schema(example = "Acme Berlin")]
    name: String,
    /// `active`, `suspended` or `closed`.
    #[schema(value_type = String, example = "active")]
    status: TenantStatus,
    /// The tenant above it.
    parent_id: Option<TenantId>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    created_at: Timestamp,
}

/// A tenant that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeTenantBody {
    tenant: OverseenTenantBody,
    /// Its first admin, where a password was sent.
    admin_id: Option<PrincipalId>,
    /// The invitation of its first admin, where none was.
    invited: Option<InvitedBody>,
}

impl From<NewTenantBody> for NewOverseenTenant {
    fn from(body: NewTenantBody) -> Self {
        Self {
            slug: body.slug,
            name: body.name,
            parent: body.parent_id,
            admin: body.admin.map(|admin| FirstAdmin {
                email: admin.email,
                password: admin.password,
            }),
        }
    }
}

impl From<Tenant> for OverseenTenantBody {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id,
            slug: tenant.slug.to_string(),
            name: tenant.name,
            status: tenant.status,
            parent_id: tenant.parent,
            created_at: tenant.created_at,
        }
    }
}

impl OverseenTenantBody {
    pub(super) fn id(&self) -> TenantId {
        self.id
    }
}

impl From<MadeTenant> for MadeTenantBody {
    fn from(made: MadeTenant) -> Self {
        Self {
            tenant: made.tenant.into(),
            admin_id: made.admin,
            invited: made.invited.map(InvitedBody::from),
        }
    }
}
