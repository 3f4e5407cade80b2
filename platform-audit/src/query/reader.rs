//! Whose eyes read the trail.

use platform_core::RequestContext;

use crate::{AUDIT_PLATFORM, Visibility};

/// Which events somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reader {
    /// Those that are visible to the tenant.
    #[default]
    Tenant,
    /// Those too that are hidden from the tenant.
    Platform,
}

impl Reader {
    /// What the principal of a context may see: everything with [`AUDIT_PLATFORM`], which a job of the program holds as well.
    ///
    /// ```
    /// use platform_audit::Reader;
    /// use platform_core::{PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta, Sources, TenantId};
    ///
    /// let sources = Sources::system();
    /// let user = Principal::user(PrincipalId::generate(&sources), PermissionSet::default());
    /// let ctx = RequestContext::authenticated(TenantId::generate(&sources), user, RequestMeta::internal(&sources));
    /// assert_eq!(Reader::of(&ctx), Reader::Tenant);
    /// ```
    pub fn of(ctx: &RequestContext) -> Self {
        match ctx.require(AUDIT_PLATFORM) {
            Ok(()) => Self::Platform,
            Err(_) => Self::Tenant,
        }
    }

    /// Whether this reader may see an event of this visibility.
    pub const fn sees(self, visibility: Visibility) -> bool {
        matches!((self, visibility), (Self::Platform, _) | (_, Visibility::Tenant))
    }
}
