//! Accepting an invitation.

use platform_core::pg::Tenant;
use platform_core::secrecy::ExposeSecret as _;
use platform_core::{PrincipalId, RequestContext};

use super::stored;
use super::{AcceptError, Acceptance, Invitation, trail};
use crate::auth::Inner;
use crate::authz::Offered;
use crate::register::Checked;
use crate::reset::verified;
use crate::session::Proof;
use crate::user::Account;
use crate::{Auth, OneTimeToken, RegisterError, Registration, SignedIn, UserStatus, trail as events};

/// Somebody shows the token of an invitation that is open, and has entered what can be taken.
pub(super) struct Accepting {
    pub(super) tenant: Tenant,
    /// Who the invitation makes, if nobody has the address.
    pub(super) invitee: PrincipalId,
    pub(super) invitation: Invitation,
    pub(super) checked: Checked,
    pub(super) phc: String,
    /// Did the token go to the address, and to nobody else?
    pub(super) token_mailed: bool,
}

impl Auth {
    /// Makes the user that an invitation is for, with the roles that it names, and signs the user in. Who has the token reads the mail of
    /// the address, or was given it by who answers for that: it counts as verified.
    ///
    /// Where somebody has registered the address and never verified it, a token that went there by mail gives the account to whoever shows
    /// it, with a password and names chosen anew: nobody who does not read the mail of an address gets what its owner is invited to, or
    /// keeps the owner out.
    ///
    /// # Errors
    /// [`AcceptError::InvalidToken`], whatever is wrong with the invitation; [`AcceptError::Invalid`] names what has to be corrected, and
    /// then the invitation is still open.
    pub async fn accept_invitation(
        &self,
        ctx: &RequestContext,
        acceptance: Acceptance,
    ) -> Result<SignedIn, AcceptError> {
        let inner = &*self.inner;
        let token = OneTimeToken::parse(acceptance.token.expose_secret())
            .ok()
            .filter(|token| token.tenant() == ctx.tenant())
            .ok_or(AcceptError::InvalidToken)?;
        let tenant = inner.open_tenant(ctx.tenant()).await??;
        // Before anything is hashed: a stranger's token costs one query.
        let mut read = inner.db.read(ctx).await?;
        let open = stored::find(&mut read, &token, inner.sources.now()).await?;
        read.finish().await?;
        let open = open.ok_or(AcceptError::InvalidToken)?;
        let (invitee, token_mailed) = (open.sealed.subject_id, open.token_mailed);
        let invitations = inner.invitations(ctx, vec![open]).await?;
        let invitation = invitations.into_iter().next().ok_or(AcceptError::InvalidToken)?;
        let registration = Registration {
            email: invitation.email.expose().clone(),
            password: acceptance.password,
            first_name: acceptance.first_name,
            last_name: acceptance.last_name,
        };
        let policy = inner.tenant_policy(ctx.tenant()).await?;
        let checked = inner.check(registration, &policy).await?;
        let phc = inner.hasher.hash(checked.password()).await?;
        inner.warm_keys(ctx).await?;
        let accepting = Accepting {
            tenant,
            invitee,
            invitation,
            checked,
            phc,
            token_mailed,
        };
        match inner.accept_as_new(ctx, &token, &accepting).await? {
            Some(signed_in) => Ok(signed_in),
            None => inner.accept_as_owner(ctx, (&token, accepting)).await,
        }
    }
}

impl Accepting {
    pub(super) fn offered(&self) -> Offered<'_> {
        Offered {
            role: self.invitation.role,
            roles: &self.invitation.roles,
        }
    }
}

impl Inner {
    /// Makes the user; `None` when a user has the address already, and nothing was changed.
    async fn accept_as_new(
        &self,
        ctx: &RequestContext,
        token: &OneTimeToken,
        accepting: &Accepting,
    ) -> Result<Option<SignedIn>, AcceptError> {
        let Accepting {
            invitee,
            invitation,
            checked,
            ..
        } = accepting;
        let (invitee, now) = (*invitee, self.sources.now());
        let mut tx = self.db.begin(ctx).await?;
        // Before anything is read: what the inviter may give does not change until this ends.
        crate::authz::raise_version(&mut tx, &self.sources).await?;
        let id = stored::accept(&mut tx, token, now).await?;
        let id = id.ok_or(AcceptError::InvalidToken)?;
        let offered = accepting.offered();
        self.may_still_offer(&mut tx, invitation.invited_by, offered, now)
            .await?;
        let account = Account {
            id: invitee,
            role: invitation.role,
            status: UserStatus::Active,
            created_at: now,
        };
        match self.store(&mut tx, ctx, account, checked, &accepting.phc).await {
            Err(RegisterError::EmailTaken) => {
                tx.rollback().await?;
                return Ok(None);
            }
            stored => stored?,
        }
        verified(&mut tx, invitee, now).await?;
        let grants = self
            .grant_offered(&mut tx, invitee, offered, (invitation.invited_by, now))
            .await?;
        let opened = self
            .open_session(&mut tx, ctx, account, (Proof::Password, now))
            .await?;
        let (opened, of_user) = opened.ok_or(AcceptError::InvalidToken)?;
        let mut recorded = vec![
            events::registered(account, checked.email(), Some(opened.begun)),
            trail::accepted(id, invitee),
        ];
        recorded.extend(grants);
        self.audit.record_all(&mut tx, &of_user, recorded).await?;
        tx.commit().await?;
        tracing::info!(user.id = %invitee, "user {invitee} has accepted an invitation");
        let user = account.identified(checked.identity());
        Ok(Some(opened.signed_in(user, accepting.tenant.clone())))
    }
}
