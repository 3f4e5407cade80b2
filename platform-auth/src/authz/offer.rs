//! What an invitation offers, and whether who sent it may give that away.

use platform_audit::Event;
use platform_core::pg::TenantTx;
use platform_core::{Authority, PermissionSet, PrincipalId, Timestamp, Window};

use super::change::Change;
use super::{Grant, GrantId, GrantPrincipal, RoleId, compile, grants, role, rows, trail};
use crate::auth::Inner;
use crate::{AuthzError, Role, RoleRef};

/// The roles that whoever accepts will have, in the whole tenant and without an end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offered<'a> {
    pub(crate) role: Role,
    pub(crate) roles: &'a [RoleId],
}

impl Change<'_> {
    /// Refuses when the caller would offer what it does not hold without an end.
    pub(crate) async fn may_offer(&mut self, offered: Offered<'_>) -> Result<(), AuthzError> {
        let given = self.inner().offered(&mut self.tx, offered).await?;
        self.may_give(given, None, Window::default())
    }
}

impl Inner {
    /// Everything that is given. The built-in role of a user is what whoever registers gets, and nobody's to hold back.
    async fn offered(
        &self,
        tx: &mut TenantTx,
        offered: Offered<'_>,
    ) -> Result<Vec<platform_core::Permission>, AuthzError> {
        let mut given = Vec::new();
        if offered.role != Role::User {
            given.extend(self.role_permissions(tx.tenant(), offered.role).iter());
        }
        let catalogue = self.catalogue();
        for id in offered.roles {
            rows::known_role(tx, RoleRef::Custom(*id)).await?;
            let names = role::stored_permissions(tx, *id).await?;
            given.extend(compile::known(&names, &catalogue));
        }
        Ok(given)
    }

    /// Refuses what somebody has offered who is no active user any more, or does not hold it any more. A job of the service may offer
    /// everything. Nobody changes who may do what until the transaction ends: its version was raised before.
    pub(crate) async fn may_still_offer(
        &self,
        tx: &mut TenantTx,
        inviter: Option<PrincipalId>,
        offered: Offered<'_>,
        now: Timestamp,
    ) -> Result<(), AuthzError> {
        let given = self.offered(tx, offered).await?;
        let Some(inviter) = inviter else {
            return Ok(());
        };
        let subject = rows::subject(tx, inviter).await?.filter(rows::Subject::is_active);
        let subject = subject.ok_or(AuthzError::PrincipalDisabled)?;
        let tenant = tx.tenant();
        // A service is in no built-in role.
        let role = subject.role.parse::<Role>();
        let always = role.map_or_else(
            |_| PermissionSet::default(),
            |role| self.role_permissions(tenant, role),
        );
        let granted = self.granted_now(&mut *tx, tenant, inviter, now).await?;
        let held = Authority::new(always).with(granted, now);
        let for_good = Window::default().since(now).unwrap_or_default();
        let may_invite = held.covers(crate::USERS_INVITE, None, window_of(now));
        let exceeding = given
            .into_iter()
            .find(|permission| !held.covers(*permission, None, for_good));
        match exceeding {
            _ if !may_invite => Err(AuthzError::Exceeds(crate::USERS_INVITE)),
            Some(exceeding) => Err(AuthzError::Exceeds(exceeding)),
            None => Ok(()),
        }
    }

    /// Grants what was offered beside the built-in role, and gives the events that tell of it.
    pub(crate) async fn grant_offered(
        &self,
        tx: &mut TenantTx,
        user: PrincipalId,
        offered: Offered<'_>,
        (granted_by, now): (Option<PrincipalId>, Timestamp),
    ) -> Result<Vec<Event>, AuthzError> {
        let mut events = Vec::with_capacity(offered.roles.len());
        for id in offered.roles {
            let grant = Grant {
                id: GrantId::generate(&self.sources),
                principal: GrantPrincipal::User(user),
                role: RoleRef::Custom(*id),
                on: None,
                window: Window::default(),
                granted_at: now,
                granted_by,
                reason: Some("invitation".to_owned()),
                revoked_at: None,
                revoked_by: None,
            };
            grants::insert(tx, &grant).await?;
            events.push(trail::granted(&grant));
        }
        Ok(events)
    }
}

/// This instant.
fn window_of(now: Timestamp) -> Window {
    Window::new(Some(now), Some(now + std::time::Duration::from_micros(1))).unwrap_or_default()
}
