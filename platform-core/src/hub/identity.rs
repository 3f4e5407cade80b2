//! Who has authenticated on a connection.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Permission, PrincipalId, RequestContext, TenantId};

/// Who has authenticated on a connection, or may with a ticket: so much of a request's context as outlives the request.
///
/// ```
/// use platform_core::hub::Identity;
/// use platform_core::{Permission, PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta, Sources, TenantId};
///
/// const TRADE: Permission = Permission::new("parcels:send");
///
/// let sources = Sources::system();
/// let user = Principal::user(PrincipalId::generate(&sources), PermissionSet::from_iter([TRADE]));
/// let meta = RequestMeta::internal(&sources);
/// let ctx = RequestContext::authenticated(TenantId::generate(&sources), user, meta);
///
/// let identity = Identity::of(&ctx, &[TRADE]).ok_or("nobody has signed in")?;
/// assert_eq!(identity.tenant, ctx.tenant());
/// assert!(identity.may(TRADE));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The tenant whose topics may be followed.
    pub tenant: TenantId,
    /// Who it is.
    pub principal: PrincipalId,
    /// The session whose credential was shown.
    pub session: Option<Uuid>,
    /// The API key that was shown.
    pub api_key: Option<Uuid>,
    /// The permissions that were asked about and held when it authenticated.
    pub permissions: Vec<String>,
}

impl Identity {
    /// The identity of an authenticated request, with those of these permissions that it holds. `None` when nobody has signed in.
    pub fn of(ctx: &RequestContext, permissions: &[Permission]) -> Option<Self> {
        let held = permissions
            .iter()
            .filter(|permission| ctx.require(**permission).is_ok());
        Some(Self {
            tenant: ctx.tenant(),
            principal: ctx.principal().id()?,
            session: ctx.session(),
            api_key: ctx.api_key(),
            permissions: held.map(|permission| permission.name().to_owned()).collect(),
        })
    }

    /// Was this permission asked about and held?
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.iter().any(|held| held == permission.name())
    }
}
