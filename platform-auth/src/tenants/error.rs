//! Why another tenant was not looked after.

use platform_core::Forbidden;
use platform_core::pg::{TenantError, TenantStatus, TransitionError};

use crate::{Fault, HostError, InviteError, RegisterError};

/// Another tenant was not shown, made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OverseeError {
    /// The caller lacks a permission, or is no operator of the platform.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such tenant, or it is none that the caller looks after.
    #[error("there is no such tenant")]
    NotFound,
    /// Operators cannot shut themselves out.
    #[error("the platform's own tenant cannot be suspended or closed by its operators")]
    OwnTenant,
    /// It cannot be done to a tenant of this status.
    #[error("the tenant is {}", .status.as_str())]
    NotFrom {
        /// The status that it has.
        status: TenantStatus,
    },
    /// The platform, or a tenant further above, has suspended it.
    #[error("the tenant was suspended from further above")]
    SetAbove,
    /// The reason is empty, too long or holds control characters.
    #[error("a reason has 1 to 200 characters and no control characters")]
    InvalidReason,
    /// Another tenant has the slug.
    #[error("the slug is taken")]
    SlugTaken,
    /// The name is empty or longer than 200 characters.
    #[error("a tenant's name has 1 to 200 characters and no control characters")]
    InvalidName,
    /// There is no such tenant to stand below, it is closed, or it is none that the caller looks after.
    #[error("the parent tenant does not exist")]
    ParentUnknown,
    /// The hierarchy would get too deep.
    #[error("the hierarchy of tenants would get too deep")]
    TooDeep,
    /// There are as many tenants as there can be below one that the new one would stand below, at any depth.
    #[error("there are {max} already, which is as many as there can be")]
    TooMany {
        /// How many there can be.
        max: usize,
    },
    /// The first admin cannot be made. Where the tenant was made before that turned out, it is there without one.
    #[error("the first admin cannot be made")]
    Admin(#[source] RegisterError),
    /// The host name could not be added or removed.
    #[error(transparent)]
    Host(HostError),
    /// Nobody could be invited.
    #[error(transparent)]
    Invite(InviteError),
    /// The service could not do its part.
    #[error("the tenant could not be looked after")]
    Fault(#[source] Fault),
}

impl From<TenantError> for OverseeError {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::SlugTaken => Self::SlugTaken,
            TenantError::InvalidName => Self::InvalidName,
            TenantError::ParentUnknown => Self::ParentUnknown,
            TenantError::TooDeep => Self::TooDeep,
            TenantError::Db(error) => error.into(),
            other => Self::Fault(Fault::Db(platform_core::pg::DbError::Query(
                platform_core::sqlx::Error::Configuration(Box::new(other)),
            ))),
        }
    }
}

impl From<TransitionError> for OverseeError {
    fn from(error: TransitionError) -> Self {
        match error {
            TransitionError::NotFrom { status } => Self::NotFrom { status },
            TransitionError::SetAbove => Self::SetAbove,
            TransitionError::Db(error) => error.into(),
            _ => Self::NotFound,
        }
    }
}

impl From<HostError> for OverseeError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Fault(fault) => Self::Fault(fault),
            other => Self::Host(other),
        }
    }
}

impl From<InviteError> for OverseeError {
    fn from(error: InviteError) -> Self {
        match error {
            InviteError::Fault(fault) => Self::Fault(fault),
            other => Self::Invite(other),
        }
    }
}

impl From<RegisterError> for OverseeError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Fault(fault) => Self::Fault(fault),
            other => Self::Admin(other),
        }
    }
}

impl OverseeError {
    /// The word for it in the trail.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "forbidden",
            Self::NotFound => "not_found",
            Self::OwnTenant => "own_tenant",
            Self::NotFrom { .. } => "tenant_status",
            Self::SetAbove => "set_above",
            Self::InvalidReason => "invalid_reason",
            Self::SlugTaken => "slug_taken",
            Self::InvalidName => "invalid_name",
            Self::ParentUnknown => "parent_unknown",
            Self::TooDeep => "too_deep",
            Self::TooMany { .. } => "too_many",
            Self::Admin(_) => "invalid_admin",
            Self::Host(HostError::Taken) => "host_taken",
            Self::Host(_) => "host",
            Self::Invite(_) => "not_invited",
            Self::Fault(_) => "fault",
        }
    }
}
