//! The decision whether a caller may do something to a resource, and the proof of it.

use std::ops::Deref;

use crate::{Forbidden, Permission, RequestContext, Resource, Timestamp};

/// The proof that a caller may do something to a value. Only [`RequestContext::authorize`] and its kin make one.
///
/// An operation that takes an `Authorized<Parcel>` where it could take a `Parcel` cannot be called by a handler that forgot to check:
///
/// ```compile_fail,E0308
/// use platform_core::Authorized;
///
/// struct Parcel;
/// fn open(parcel: Authorized<Parcel>) {}
///
/// open(Parcel);
/// ```
///
/// Nor can the proof be written down without a check:
///
/// ```compile_fail,E0423
/// use platform_core::{Authorized, Permission};
///
/// struct Parcel;
/// let parcel = Authorized(Parcel, Permission::new("parcels:open"));
/// ```
///
/// With the check:
///
/// ```
/// use platform_core::{Authorized, Denied, Permission, RequestContext, Resource, Timestamp, uuid::Uuid};
///
/// const OPEN: Permission = Permission::new("parcels:open");
/// struct Parcel { id: Uuid }
/// fn open(parcel: Authorized<Parcel>) {}
///
/// fn handle(ctx: &RequestContext, parcel: Parcel, now: Timestamp) -> Result<(), Denied> {
///     let resource = Resource::of("parcel", parcel.id);
///     open(ctx.authorize(OPEN, &resource, parcel, now)?);
///     Ok(())
/// }
/// ```
///
/// The proof is of one permission: an operation that needs another than the rest of its module takes a type of its own inside, such as
/// `Authorized<Opening>`, or asks for [`permission`](Self::permission).
#[derive(Debug)]
#[must_use = "a check that nothing follows from protects nothing"]
pub struct Authorized<T>(T, Permission);

impl<T> Authorized<T> {
    /// The permission that was checked.
    pub fn permission(&self) -> Permission {
        self.1
    }

    /// The value without its proof.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Authorized<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What somebody needs who acts on a resource that not everybody may know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Without this one there is no such resource.
    pub to_see: Permission,
    /// Without this one it may be seen and not acted upon.
    pub to_act: Permission,
}

/// A caller may not do something to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// The caller may not know of it. The HTTP stack answers 404, as if there were no such thing.
    #[error("there is no such resource for this caller")]
    Hidden,
    /// The caller may see it and not do this. The HTTP stack answers 403.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

impl RequestContext {
    /// May the principal do this to the resource at this instant? A system job may do everything.
    pub fn may(&self, permission: Permission, resource: &Resource<'_>, now: Timestamp) -> bool {
        self.is_system() || self.principal().authority().holds_on(permission, resource, now)
    }

    /// Checks that the principal may do this to the resource at this instant, and gives the value back with the proof.
    ///
    /// For resources that whoever reaches the operation may know of; for others there is
    /// [`authorize_visible`](Self::authorize_visible).
    ///
    /// # Errors
    /// [`Denied::Forbidden`] names the permission.
    pub fn authorize<T>(
        &self,
        permission: Permission,
        resource: &Resource<'_>,
        value: T,
        now: Timestamp,
    ) -> Result<Authorized<T>, Denied> {
        match self.may(permission, resource, now) {
            true => Ok(Authorized(value, permission)),
            false => Err(Denied::Forbidden(self.forbidden(permission, resource, now))),
        }
    }

    /// Checks that the principal may see the resource and act on it at this instant. This is the one place that decides between 404 and
    /// 403; a resource that there is not is [`Denied::Hidden`] too, so that nobody learns which it was.
    ///
    /// Acting alone is not enough: who may act and not see is told that there is nothing.
    ///
    /// # Errors
    /// [`Denied::Hidden`] when it may not be seen, [`Denied::Forbidden`] when it may and not be acted upon, or may be seen after a second
    /// factor.
    pub fn authorize_visible<T>(
        &self,
        needs: Needs,
        resource: &Resource<'_>,
        value: T,
        now: Timestamp,
    ) -> Result<Authorized<T>, Denied> {
        match self.may(needs.to_see, resource, now) {
            true => self.authorize(needs.to_act, resource, value, now),
            // Whoever only has to show a second factor is told so, and not that what is theirs is gone.
            false => match self.forbidden(needs.to_see, resource, now) {
                until if until.is_until_second_factor() => Err(Denied::Forbidden(until)),
                _ => Err(Denied::Hidden),
            },
        }
    }

    fn forbidden(&self, permission: Permission, resource: &Resource<'_>, now: Timestamp) -> Forbidden {
        match self.withheld() {
            Some(withheld) if withheld.holds_on(permission, resource, now) => {
                Forbidden::until_second_factor(permission)
            }
            _ => Forbidden::new(permission),
        }
    }
}
