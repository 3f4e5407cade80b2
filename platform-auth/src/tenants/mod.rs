//! Looking after other tenants: the platform's operators after all of them, the admins of a tenant after those below it.
//!
//! Whoever acts on another tenant does so in a transaction of that tenant, under whose trail the change is recorded. What was about to be
//! done stands in the trail of who did it before that, in a transaction of its own, because a transaction has one tenant: nothing is done
//! to a tenant that the other trail does not tell of. Where it could not be done, that trail has a second event, which says why.

mod create;
mod error;
mod look;
mod over;
mod trail;
mod verbs;

use platform_core::pg::{Slug, Tenant};
use platform_core::secrecy::SecretString;
use platform_core::{Permission, PrincipalId, TenantId};

pub use self::error::OverseeError;
pub use self::over::Oversight;
pub(crate) use self::over::acting_from;
use crate::Invited;

/// Look after the tenants below this one: make them, suspend and resume them.
pub const TENANT_CHILDREN: Permission = Permission::new("tenant:children");

/// The longest reason that is recorded, in characters.
const REASON_CHARS_MAX: usize = 200;

/// A tenant that is to be made.
#[derive(Debug, Clone)]
pub struct NewOverseenTenant {
    /// Its short name, unique on the platform and for good.
    pub slug: Slug,
    /// Its name for people, 1 to 200 characters.
    pub name: String,
    /// The tenant above it. Without one it stands below nobody, or below the tenant whose admin makes it.
    pub parent: Option<TenantId>,
    /// Who administers it first; without one somebody has to be invited later.
    pub admin: Option<FirstAdmin>,
}

/// Who administers a new tenant first. Its `Debug` prints nothing of it.
#[derive(Clone)]
pub struct FirstAdmin {
    /// The e-mail address, which counts as verified.
    pub email: String,
    /// The password; without one the address is invited.
    pub password: Option<SecretString>,
}

/// A tenant that was made.
#[derive(Debug)]
pub struct MadeTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// Its first admin, where a password was given.
    pub admin: Option<PrincipalId>,
    /// The invitation of its first admin, where none was.
    pub invited: Option<Invited>,
}

impl std::fmt::Debug for FirstAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstAdmin").finish_non_exhaustive()
    }
}
