//! A change of who may do what.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use platform_audit::Event;
use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{
    Authority, Forbidden, Granted, OwnedResource, Permission, PrincipalId, PrincipalKind, RequestContext,
    Timestamp, Window,
};

use super::last_admin::{self, Admins};
use super::{Catalogue, rows};
use crate::auth::Inner;
use crate::trail::Asked;
use crate::{Auth, AuthzError, Fault, Role};

/// A transaction that changes who may do what in a tenant. While it is open nobody else changes that, and what the caller may do itself
/// is what it may do now, not what it could when it signed in.
pub(crate) struct Change<'a> {
    auth: &'a Auth,
    pub(super) ctx: &'a RequestContext,
    pub(crate) tx: TenantTx,
    pub(crate) now: Timestamp,
    /// What the caller may do; `None` for a job of the service, which may give everything away.
    authority: Option<Authority>,
}

impl<'a> Change<'a> {
    /// Begins a change for which the caller needs a permission.
    pub(crate) async fn begin(
        auth: &'a Auth,
        ctx: &'a RequestContext,
        needed: Permission,
    ) -> Result<Self, AuthzError> {
        ctx.require(needed)?;
        let inner = &*auth.inner;
        let mut tx = inner.db.begin(ctx).await?;
        // Before anything is read: whoever had it before has committed by now, and is seen by the statements that follow.
        raise_version(&mut tx).await?;
        let now = inner.sources.now();
        let authority = match ctx.principal().kind() {
            PrincipalKind::System => None,
            _ => Some(inner.authority_now(&mut tx, ctx, now).await?),
        };
        if authority.as_ref().is_some_and(|held| !held.holds(needed)) {
            return Err(Forbidden(needed).into());
        }
        Ok(Self {
            auth,
            ctx,
            tx,
            now,
            authority,
        })
    }

    pub(super) fn inner(&self) -> &'a Inner {
        &self.auth.inner
    }

    /// Refuses when the caller would give away what it does not hold: on the same resource or more widely, for as long.
    pub(super) fn may_give(
        &self,
        permissions: impl IntoIterator<Item = Permission>,
        on: Option<&OwnedResource>,
        window: Window,
    ) -> Result<(), AuthzError> {
        let Some(authority) = &self.authority else {
            return Ok(());
        };
        // What was before now cannot be given any more.
        let Some(window) = window.since(self.now) else {
            return Ok(());
        };
        let mut permissions = permissions.into_iter();
        match permissions.find(|permission| !authority.covers(*permission, on, window)) {
            Some(exceeding) => Err(AuthzError::Exceeds(exceeding)),
            None => Ok(()),
        }
    }

    /// Refuses when the caller does not hold all of this in the whole tenant at this instant: for what is not given to anybody yet.
    pub(super) fn may_give_now(
        &self,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> Result<(), AuthzError> {
        let instant = Window::new(Some(self.now), Some(self.now + Duration::from_micros(1)));
        self.may_give(permissions, None, instant.unwrap_or_default())
    }

    /// Who administers the tenant, before a change that takes something away.
    pub(super) async fn admins(&mut self) -> Result<Admins, DbError> {
        last_admin::admins(self.auth, &mut self.tx, self.now).await
    }

    /// Records the change and makes it durable.
    pub(crate) async fn commit(mut self, event: Event) -> Result<(), AuthzError> {
        self.auth
            .inner
            .audit
            .record(&mut self.tx, self.ctx, event)
            .await?;
        self.tx.commit().await?;
        Ok(())
    }

    /// The same for a change that takes something away, which is refused when nobody would be left who administers the tenant.
    pub(super) async fn commit_taking(mut self, before: Admins, event: Event) -> Result<(), AuthzError> {
        let after = self.admins().await?;
        if self.authority.is_some() && after.are_lost_of(before) {
            self.tx.rollback().await?;
            let asked = Asked::to("change_access", "nobody would be left who administers the tenant");
            self.auth.record_refused(self.ctx, "last_admin", asked).await;
            return Err(AuthzError::LastAdmin);
        }
        self.commit(event).await
    }
}

/// Has everybody else who changes who may do what in the tenant wait until the transaction ends.
pub(crate) async fn raise_version(tx: &mut TenantTx) -> Result<(), DbError> {
    sqlx::query(
        "insert into platform_auth.authz_version (tenant_id, version) values ($1, 1)
         on conflict (tenant_id) do update set version = authz_version.version + 1",
    )
    .bind(tx.tenant())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

impl Inner {
    /// What was granted to a caller, of the version that its request has seen: from memory, or with one statement.
    ///
    /// Whatever looks credentials up, a session or another kind, calls this with the version that came with them.
    pub(crate) async fn granted(
        &self,
        read: &mut TenantRead,
        user: PrincipalId,
        version: i64,
        now: Timestamp,
    ) -> Result<Granted, Fault> {
        // Nothing has ever been granted in the tenant.
        if version == 0 {
            return Ok(Granted::default());
        }
        let tenant = read.tenant();
        if let Some(granted) = self.authorities.get(tenant, user, version) {
            return Ok(granted);
        }
        let compiled = self.compile(&mut *read, tenant, user, now).await?;
        let granted = compiled.granted.clone();
        self.authorities.put(tenant, user, compiled);
        Ok(granted)
    }

    /// What the caller may do now, who cannot be disabled or erased until the transaction ends. Nobody who is not an active user of the
    /// tenant may do anything.
    async fn authority_now(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        now: Timestamp,
    ) -> Result<Authority, AuthzError> {
        let Some(id) = ctx.principal().id() else {
            return Ok(Authority::default());
        };
        let subject = rows::subject(tx, id).await?.filter(rows::Subject::is_active);
        let Some(role) = subject.and_then(|subject| subject.role.parse::<Role>().ok()) else {
            return Ok(Authority::default());
        };
        let compiled = self.compile(&mut *tx, ctx.tenant(), id, now).await?;
        Ok(Authority::new(self.role_permissions(ctx.tenant(), role)).with(compiled.granted, now))
    }

    /// The permissions that there are.
    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds permissions to those that there are.
    #[cfg(feature = "http")]
    pub(crate) fn declare(&self, infos: &[platform_core::PermissionInfo]) {
        let mut known = self.catalogue.write().unwrap_or_else(PoisonError::into_inner);
        let mut catalogue = Catalogue::clone(&known);
        catalogue.extend(infos.iter().copied());
        *known = Arc::new(catalogue);
        drop(known);
        // What was compiled knows nothing of them.
        self.authorities.clear();
    }
}
