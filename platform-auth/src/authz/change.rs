//! A change of who may do what.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use platform_audit::Event;
use platform_core::pg::{DbError, TenantTx};
use platform_core::sqlx::{Executor, Postgres};
use platform_core::{
    Authority, Coverage, Forbidden, Granted, OwnedResource, Permission, PermissionSet, PrincipalId,
    PrincipalKind, RequestContext, Sources, TenantId, Timestamp, Window,
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
        raise_version(&mut tx, &inner.sources).await?;
        inner.marks.mark_after(&mut tx, ctx.tenant().as_uuid());
        let now = inner.sources.now();
        let authority = match ctx.principal().kind() {
            PrincipalKind::System => None,
            _ => Some(inner.authority_now(&mut tx, ctx, now).await?),
        };
        if authority.as_ref().is_some_and(|held| !held.holds(needed)) {
            return Err(Forbidden::new(needed).into());
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
        self.giver().may_give(permissions, on, window)
    }

    /// Refuses when the caller does not hold all of this in the whole tenant at this instant: for what is not given to anybody yet.
    pub(crate) fn may_give_now(
        &self,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> Result<(), AuthzError> {
        let instant = Window::new(Some(self.now), Some(self.now + Duration::from_micros(1)));
        self.may_give(permissions, None, instant.unwrap_or_default())
    }

    /// The caller, for many questions after what it may give away.
    pub(super) fn giver(&self) -> Giver<'_> {
        Giver {
            coverage: self.authority.as_ref().map(Authority::coverage),
            now: self.now,
        }
    }

    /// What a user is to the tenant, who can be neither disabled nor erased until the transaction ends; `None` when there is no such user.
    pub(crate) async fn role_of(&mut self, user: PrincipalId) -> Result<Option<Role>, DbError> {
        let subject = rows::subject(&mut self.tx, user).await?;
        Ok(subject.and_then(|subject| subject.role.parse().ok()))
    }

    /// Who administers the tenant, before a change that takes something away.
    pub(crate) async fn admins(&mut self) -> Result<Admins, DbError> {
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
    pub(crate) async fn commit_taking(mut self, before: Admins, event: Event) -> Result<(), AuthzError> {
        let after = self.admins().await?;
        if self.authority.is_some() && after.are_lost_of(&before) {
            self.tx.rollback().await?;
            let asked = Asked::to("change_access", "nobody would be left who administers the tenant");
            self.auth.record_refused(self.ctx, "last_admin", asked).await;
            return Err(AuthzError::LastAdmin);
        }
        self.commit(event).await
    }
}

/// Somebody who gives something away.
pub(super) struct Giver<'a> {
    /// `None` for a job of the service.
    coverage: Option<Coverage<'a>>,
    now: Timestamp,
}

impl Giver<'_> {
    /// As [`Change::may_give`].
    pub(super) fn may_give(
        &mut self,
        permissions: impl IntoIterator<Item = Permission>,
        on: Option<&OwnedResource>,
        window: Window,
    ) -> Result<(), AuthzError> {
        let Some(coverage) = &mut self.coverage else {
            return Ok(());
        };
        // What was before now cannot be given any more.
        let Some(window) = window.since(self.now) else {
            return Ok(());
        };
        let mut permissions = permissions.into_iter();
        match permissions.find(|permission| !coverage.covers(*permission, on, window)) {
            Some(exceeding) => Err(AuthzError::Exceeds(exceeding)),
            None => Ok(()),
        }
    }
}

/// Locks the tenant's rights and raises their version.
///
/// By a random step: a database that was restored counts on from an earlier version, and would otherwise come to one that this process
/// has compiled something else at. With steps of up to 2^32 one does in two billion, and the versions last for four billion changes.
pub(crate) async fn raise_version(tx: &mut TenantTx, sources: &Sources) -> Result<(), DbError> {
    let step = i64::from(u32::from_be_bytes(sources.bytes())) + 1;
    sqlx::query(
        "insert into platform_auth.authz_version (tenant_id, version) values ($1, $2)
         on conflict (tenant_id) do update set version = authz_version.version + $2",
    )
    .bind(tx.tenant())
    .bind(step)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

impl Inner {
    /// What the caller may do now, who cannot be disabled or erased until the transaction ends. Nobody who is not active in the
    /// tenant may do anything, and under an API key nobody does more than the key leaves.
    pub(crate) async fn authority_now(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        now: Timestamp,
    ) -> Result<Authority, Fault> {
        let Some(id) = ctx.principal().id() else {
            return Ok(Authority::default());
        };
        let Some(subject) = rows::subject(tx, id).await?.filter(rows::Subject::is_active) else {
            return Ok(Authority::default());
        };
        // A service is in no built-in role.
        let role = subject.role.parse::<Role>();
        let always = role.map_or_else(
            |_| PermissionSet::default(),
            |role| self.role_permissions(ctx.tenant(), role),
        );
        let granted = self.granted_now(&mut *tx, ctx.tenant(), id, now).await?;
        let limit = ctx.principal().authority().limit();
        Ok(Authority::new(always).limited_to(limit).with(granted, now))
    }

    /// What was granted to somebody, as this transaction sees it.
    pub(crate) async fn granted_now<'c>(
        &self,
        executor: impl Executor<'c, Database = Postgres>,
        tenant: TenantId,
        subject: PrincipalId,
        now: Timestamp,
    ) -> Result<Granted, Fault> {
        self.compile(executor, tenant, subject, now).await?.decidable()
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
        self.api_keys.clear();
        self.sessions.known.clear();
    }
}
