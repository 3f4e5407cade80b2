//! Accepting an invitation.

use platform_core::RequestContext;
use platform_core::secrecy::ExposeSecret as _;

use super::stored;
use super::{AcceptError, Acceptance, trail};
use crate::authz::Offered;
use crate::reset::verified;
use crate::session::Proof;
use crate::user::Account;
use crate::{Auth, OneTimeToken, Registration, SignedIn, UserStatus, trail as events};

impl Auth {
    /// Makes the user that an invitation is for, with the roles that it names, and signs the user in. Who has the token reads the mail of
    /// the address, or was given it by who answers for that: it counts as verified.
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
        let invitee = open.sealed.subject_id;
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

        let now = inner.sources.now();
        let mut tx = inner.db.begin(ctx).await?;
        // Before anything is read: what the inviter may give does not change until this ends.
        crate::authz::raise_version(&mut tx, &inner.sources).await?;
        let id = stored::accept(&mut tx, &token, now).await?;
        let id = id.ok_or(AcceptError::InvalidToken)?;
        let offered = Offered {
            role: invitation.role,
            roles: &invitation.roles,
        };
        inner
            .may_still_offer(&mut tx, invitation.invited_by, offered, now)
            .await?;
        let account = Account {
            id: invitee,
            role: invitation.role,
            status: UserStatus::Active,
            created_at: now,
        };
        inner.store(&mut tx, ctx, account, &checked, &phc).await?;
        verified(&mut tx, invitee, now).await?;
        let grants = inner
            .grant_offered(&mut tx, invitee, offered, (invitation.invited_by, now))
            .await?;
        let opened = inner
            .open_session(&mut tx, ctx, account, (Proof::Password, now))
            .await?;
        let (opened, of_user) = opened.ok_or(AcceptError::InvalidToken)?;
        let mut recorded = vec![
            events::registered(account, checked.email(), Some(opened.begun)),
            trail::accepted(id, invitee),
        ];
        recorded.extend(grants);
        inner.audit.record_all(&mut tx, &of_user, recorded).await?;
        tx.commit().await?;
        tracing::info!(user.id = %invitee, "user {invitee} has accepted an invitation");
        let user = account.identified(checked.identity());
        Ok(opened.signed_in(user, tenant))
    }
}
