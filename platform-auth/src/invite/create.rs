//! Inviting, seeing who is invited, and revoking.

use platform_core::{PrincipalId, RequestContext, TenantId};
use platform_crypto::{OpenError, Secret};

use super::stored::{self, Open, OpenedSealedInvitation};
use super::{
    HOUR, IN_AN_HOUR_MAX, Invitation, InvitationId, InviteError, Invited, LIFETIME, LIFETIME_MAX,
    LIFETIME_MIN, NewInvitation, OPEN_MAX, ROLES_MAX, USERS_INVITE, trail,
};
use crate::auth::Inner;
use crate::authz::{Change, Offered};
use crate::erasure::subject;
use crate::mail::{Addressee, Letter};
use crate::throttle::AccountKey;
use crate::{Auth, AuthzError, EmailAddress, Fault, one_time};

/// A page, and one more to see whether another follows.
const LIST_MAX: u32 = 201;

impl Auth {
    /// Invites somebody. Where the service sends mail the token goes to the address, otherwise to the caller, once.
    ///
    /// # Errors
    /// [`InviteError::Access`] when the caller would give away more than it holds, or when 100 invitations are open or were made within an
    /// hour, revoked ones included; [`InviteError::TooManyAttempts`] when the address was invited too often of late; it needs
    /// [`USERS_INVITE`].
    pub async fn invite(&self, ctx: &RequestContext, new: NewInvitation) -> Result<Invited, InviteError> {
        self.invite_from(ctx, new, None).await
    }

    /// The same for somebody who acts from another tenant, which the trail names.
    pub(crate) async fn invite_from(
        &self,
        ctx: &RequestContext,
        new: NewInvitation,
        by_tenant: Option<TenantId>,
    ) -> Result<Invited, InviteError> {
        let inner = &*self.inner;
        ctx.require(USERS_INVITE).map_err(AuthzError::from)?;
        let email = EmailAddress::parse(&new.email)?;
        let lifetime = new.valid_for.unwrap_or(LIFETIME);
        if !(LIFETIME_MIN..=LIFETIME_MAX).contains(&lifetime) {
            return Err(InviteError::InvalidLifetime);
        }
        let mut roles = new.roles;
        roles.sort_unstable();
        roles.dedup();
        if roles.len() > ROLES_MAX {
            let max = u32::try_from(ROLES_MAX).unwrap_or(u32::MAX);
            return Err(AuthzError::TooMany { max }.into());
        }
        let tenant = inner.tenants.by_id(ctx.tenant()).await?;
        let tenant = tenant.ok_or(AuthzError::NotFound)?;
        inner.warm_keys(ctx).await?;
        let account = AccountKey::of_mail(ctx.tenant(), &email, "invite");
        let (throttle, wait_max) = (&inner.requests.throttle, inner.config.passwords.wait_max);
        // Dropped it counts, whatever becomes of the invitation.
        drop(
            throttle
                .begin(account, None, inner.sources.now(), wait_max)
                .await?,
        );

        let mut change = Change::begin(self, ctx, USERS_INVITE).await?;
        let offered = Offered {
            role: new.role,
            roles: &roles,
        };
        change.may_offer(offered).await?;
        let (now, invited_by) = (change.now, ctx.principal().id());
        let counted = stored::count(&mut change.tx, now, now - HOUR).await?;
        if counted.open >= i64::from(OPEN_MAX) {
            return Err(AuthzError::TooMany { max: OPEN_MAX }.into());
        }
        if counted.lately >= i64::from(IN_AN_HOUR_MAX) {
            return Err(AuthzError::TooMany { max: IN_AN_HOUR_MAX }.into());
        }
        let invitee = PrincipalId::generate(&inner.sources);
        let key = inner
            .keys
            .ensure_subject(&mut change.tx, ctx, subject(invitee))
            .await?;
        let opened = OpenedSealedInvitation {
            tenant_id: ctx.tenant(),
            id: InvitationId::generate(&inner.sources),
            subject_id: invitee,
            email_sealed: Some(Secret::new(email.as_entered().to_owned())),
        };
        let sealed = opened.seal(&key)?;
        let token = one_time::draw(ctx.tenant(), &inner.sources);
        let row = stored::New {
            sealed: &sealed,
            token: &token,
            role: new.role,
            roles: &roles,
            invited_by,
            now,
            expires_at: now + lifetime,
            token_mailed: inner.config.mail.is_some(),
        };
        stored::insert(&mut change.tx, &row).await?;
        let address = Secret::new(email.as_entered().to_owned());
        let to = Addressee {
            user: invitee,
            email: &address,
            tenant: &tenant.name,
        };
        let letter = Letter::Invitation(&token);
        inner
            .write_to(&mut change.tx, ctx, &to, &letter, Some(row.expires_at))
            .await?;
        let invitation = Invitation {
            id: sealed.id,
            email: address,
            role: new.role,
            invited_at: now,
            invited_by,
            expires_at: row.expires_at,
            roles: roles.clone(),
        };
        let event = trail::invited(invitation.id, &email, (new.role, &roles), by_tenant);
        change.commit(event).await?;
        Ok(Invited {
            invitation,
            token: inner.config.mail.is_none().then_some(token),
        })
    }

    /// The invitations that are open in the order in which they were made, at most 201 after `after`.
    ///
    /// # Errors
    /// [`InviteError::Access`] without [`USERS_INVITE`].
    pub async fn list_invitations(
        &self,
        ctx: &RequestContext,
        after: Option<InvitationId>,
        limit: u32,
    ) -> Result<Vec<Invitation>, InviteError> {
        ctx.require(USERS_INVITE).map_err(AuthzError::from)?;
        let inner = &*self.inner;
        let mut read = inner.db.read(ctx).await?;
        let page = (limit.min(LIST_MAX), inner.sources.now());
        let open = stored::list(&mut read, after, page).await?;
        // Given back before the keys are looked for: nobody holds one connection while waiting for another.
        read.finish().await?;
        Ok(inner.invitations(ctx, open).await?)
    }

    /// Revokes an invitation: its token is worthless from now on.
    ///
    /// # Errors
    /// [`AuthzError::NotFound`] when the tenant has no such open one; it needs [`USERS_INVITE`].
    pub async fn revoke_invitation(&self, ctx: &RequestContext, id: InvitationId) -> Result<(), InviteError> {
        let inner = &*self.inner;
        ctx.require(USERS_INVITE).map_err(AuthzError::from)?;
        let mut tx = inner.db.begin(ctx).await?;
        if !stored::revoke(&mut tx, id, inner.sources.now()).await? {
            return Err(AuthzError::NotFound.into());
        }
        inner.audit.record(&mut tx, ctx, trail::revoked(id)).await?;
        tx.commit().await?;
        Ok(())
    }
}

impl Inner {
    /// Opens the addresses, whose keys are looked up at once.
    pub(super) async fn invitations(
        &self,
        ctx: &RequestContext,
        open: Vec<Open>,
    ) -> Result<Vec<Invitation>, Fault> {
        use platform_crypto::SealedRow as _;

        let ids: Vec<_> = open.iter().flat_map(|open| open.sealed.key_ids()).collect();
        let keys = self.keys.keys_for(ctx, ids).await.map_err(Fault::from)?;
        let mut invitations = Vec::with_capacity(open.len());
        for open in open {
            let email = match open.sealed.open(&keys) {
                Ok(opened) => opened.email_sealed,
                Err(OpenError::KeyDestroyed(_)) => None,
                Err(error) => return Err(error.into()),
            };
            let Some(email) = email else { continue };
            invitations.push(Invitation {
                id: open.sealed.id,
                email,
                role: open.role(),
                invited_at: open.invited_at,
                invited_by: open.invited_by,
                expires_at: open.expires_at,
                roles: open.role_ids,
            });
        }
        Ok(invitations)
    }
}
