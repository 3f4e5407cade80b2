//! What goes over the wire.

use std::fmt;

use platform_core::pg::Tenant;
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SessionWay;
use crate::{Credentials, Registration, Role, SignedIn, User};

/// What a new user sends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterBody {
    /// Unique within the tenant, without regard to case.
    #[schema(example = "ada@example.com", max_length = 254, format = "email")]
    email: String,
    /// At least 8 characters, at most 1,024 bytes, and not easy to guess.
    #[schema(value_type = String, format = Password, example = "correct horse battery", min_length = 8, max_length = 1024)]
    password: SecretString,
    #[serde(default)]
    #[schema(example = "Ada", min_length = 1, max_length = 100)]
    first_name: Option<String>,
    #[serde(default)]
    #[schema(example = "Lovelace", min_length = 1, max_length = 100)]
    last_name: Option<String>,
    /// How the token is to come; the cookie only for a page of the service.
    #[serde(default)]
    pub(super) session: SessionWay,
}

/// A user that an admin makes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    /// Unique within the tenant, without regard to case.
    #[schema(example = "ada@example.com", max_length = 254, format = "email")]
    email: String,
    /// The first password, which is handed over to the user: at least 8 characters, at most 1,024 bytes, and not easy to guess.
    #[schema(value_type = String, format = Password, example = "correct horse battery", min_length = 8, max_length = 1024)]
    password: SecretString,
    #[serde(default)]
    #[schema(example = "Ada", min_length = 1, max_length = 100)]
    first_name: Option<String>,
    #[serde(default)]
    #[schema(example = "Lovelace", min_length = 1, max_length = 100)]
    last_name: Option<String>,
    /// `user` unless it says otherwise.
    #[serde(default)]
    role: Option<Role>,
}

/// What a user is to be to the tenant.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRoleBody {
    pub(super) role: Role,
}

impl NewUserBody {
    pub(super) fn role(&self) -> Role {
        self.role.unwrap_or(Role::User)
    }
}

/// What a user who signs in sends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInBody {
    #[schema(example = "ada@example.com", max_length = 254, format = "email")]
    email: String,
    #[schema(value_type = String, format = Password, example = "correct horse battery", max_length = 1024)]
    password: SecretString,
    /// Taken and not read, so that a client may send one body to register and to sign in.
    #[serde(default, rename = "first_name")]
    _first_name: Option<String>,
    /// Taken and not read.
    #[serde(default, rename = "last_name")]
    _last_name: Option<String>,
    /// How the token is to come; the cookie only for a page of the service.
    #[serde(default)]
    pub(super) session: SessionWay,
}

/// A session has begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedInBody {
    /// Send it as `Authorization: Bearer` with every call. It is shown this once, and not at all where it came as a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "pst1_AY8rbnwafT6bGi9ObYwKEg_…")]
    token: Option<Token>,
    /// When the session ends however much it is used. It ends earlier when it is not used.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    expires_at: Timestamp,
    /// Who signed in.
    user: UserBody,
}

/// A user.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserBody {
    id: PrincipalId,
    #[schema(example = "ada@example.com")]
    email: String,
    #[schema(example = "Ada")]
    first_name: Option<String>,
    #[schema(example = "Lovelace")]
    last_name: Option<String>,
    role: Role,
    /// `active`, or `disabled`: may not sign in.
    #[schema(example = "active")]
    status: &'static str,
    tenant: TenantBody,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    created_at: Timestamp,
}

/// The tenant that a user belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TenantBody {
    id: TenantId,
    /// Its name in addresses and in the header `X-Tenant`.
    #[schema(example = "acme")]
    slug: String,
    #[schema(example = "Acme Ltd")]
    name: String,
}

/// A token on its way to the client; nothing but serialising shows it.
pub(super) struct Token(String);

impl Token {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Serialize for Token {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(****)")
    }
}

/// Leaves out what is personal.
impl fmt::Debug for UserBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserBody")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl From<RegisterBody> for Registration {
    fn from(body: RegisterBody) -> Self {
        Self {
            email: body.email,
            password: body.password,
            first_name: body.first_name,
            last_name: body.last_name,
        }
    }
}

impl From<NewUserBody> for Registration {
    fn from(body: NewUserBody) -> Self {
        Self {
            email: body.email,
            password: body.password,
            first_name: body.first_name,
            last_name: body.last_name,
        }
    }
}

impl From<SignInBody> for Credentials {
    fn from(body: SignInBody) -> Self {
        Self {
            email: body.email,
            password: body.password,
        }
    }
}

impl SignedInBody {
    /// With the token, unless that comes as a cookie.
    pub(super) fn new(signed_in: SignedIn, way: SessionWay) -> Self {
        let token = (way == SessionWay::Token).then(|| Token::new(signed_in.token.expose()));
        Self {
            token,
            expires_at: signed_in.expires_at,
            user: UserBody::new(signed_in.user, &signed_in.tenant),
        }
    }
}

impl UserBody {
    pub(super) fn new(user: User, tenant: &Tenant) -> Self {
        Self {
            id: user.id,
            email: user.email.expose().clone(),
            first_name: user.first_name.map(|name| name.expose().clone()),
            last_name: user.last_name.map(|name| name.expose().clone()),
            role: user.role,
            status: user.status.as_str(),
            tenant: TenantBody {
                id: tenant.id,
                slug: tenant.slug.to_string(),
                name: tenant.name.clone(),
            },
            created_at: user.created_at,
        }
    }

    pub(super) fn id(&self) -> PrincipalId {
        self.id
    }
}
