//! Accepting an invitation whose address somebody has registered meanwhile, and never verified.

use platform_core::RequestContext;

use super::accept::Accepting;
use super::{AcceptError, stored, trail};
use crate::auth::Inner;
use crate::erasure::{self, subject};
use crate::register::Checked;
use crate::session::{self, EndReason, Proof};
use crate::stored::Candidate;
use crate::user::Account;
use crate::{OneTimeToken, Role, SignedIn, UserStatus, one_time, stored as users, trail as events};

impl Inner {
    /// Gives the account to whom the address belongs, who chooses its password and names anew: the sessions, second factor, passkeys, API
    /// keys and tokens of whoever registered it go, as when the address is verified by mail. What admins granted to the account stays, and
    /// the roles of the invitation come beside it.
    ///
    /// # Errors
    /// [`AcceptError::InvalidToken`] when the token did not go to the address alone, or the account is verified, disabled or gone.
    pub(super) async fn accept_as_owner(
        &self,
        ctx: &RequestContext,
        (token, accepting): (&OneTimeToken, Accepting),
    ) -> Result<SignedIn, AcceptError> {
        let Accepting {
            tenant,
            checked,
            phc,
            token_mailed,
            ..
        } = &accepting;
        let known = self.candidate(ctx, checked.email()).await?;
        let known = known.filter(|known| *token_mailed && is_open(known));
        let account = known.ok_or(AcceptError::InvalidToken)?.stored.account;
        let (user, now) = (account.id, self.sources.now());

        let mut tx = self.db.begin(ctx).await?;
        // First the rights of the tenant, then the user, then the rest: in the order in which all take their locks.
        crate::authz::raise_version(&mut tx, &self.sources).await?;
        erasure::lock(&mut tx, user).await?;
        let id = stored::accept(&mut tx, token, now).await?;
        let id = id.ok_or(AcceptError::InvalidToken)?;
        let (inviter, offered) = (accepting.invitation.invited_by, accepting.offered());
        self.may_still_offer(&mut tx, inviter, offered, now).await?;
        if !users::set_password(&mut tx, user, phc, now).await? {
            return Err(AcceptError::InvalidToken);
        }
        one_time::void_all(&mut tx, user, now).await?;
        let sessions = &self.sessions;
        let ended = sessions
            .end_others(&mut tx, user, None, EndReason::PasswordReset, now)
            .await?;
        let how = events::credential_changed(user, "password", "invitation", ended);
        self.audit.record(&mut tx, ctx, how).await?;
        if !self.proven(&mut tx, ctx, user, now).await? {
            // Somebody else has shown meanwhile that the mail of the address is read.
            return Err(AcceptError::InvalidToken);
        }
        self.rename(&mut tx, ctx, account, checked).await?;
        let account = self.raise_role(&mut tx, ctx, account, offered.role).await?;
        let granted = self.grant_offered(&mut tx, user, offered, (inviter, now)).await?;
        let changed_at = session::hold_credential(&mut tx, user).await?;
        let proof = (Proof::Password, changed_at.ok_or(AcceptError::InvalidToken)?);
        let opened = self.open_session(&mut tx, ctx, account, proof).await?;
        let (opened, of_user) = opened.ok_or(AcceptError::InvalidToken)?;
        let mut recorded = vec![trail::accepted_by_owner(id, user, opened.begun)];
        recorded.extend(granted);
        self.audit.record_all(&mut tx, &of_user, recorded).await?;
        tx.commit().await?;
        tracing::info!(user.id = %user, "the owner of the address of user {user} has accepted an invitation");
        Ok(opened.signed_in(account.identified(checked.identity()), tenant.clone()))
    }

    /// The names are those that the owner has entered, and the address as it was invited.
    async fn rename(
        &self,
        tx: &mut platform_core::pg::TenantTx,
        ctx: &RequestContext,
        account: Account,
        checked: &Checked,
    ) -> Result<(), AcceptError> {
        let key = self.keys.ensure_subject(tx, ctx, subject(account.id)).await?;
        let sealed = checked.identity().seal(&key, ctx.tenant(), account.id)?;
        users::replace_identity(tx, &sealed).await?;
        Ok(())
    }

    /// An invitation makes an admin of a user, and no user of an admin.
    async fn raise_role(
        &self,
        tx: &mut platform_core::pg::TenantTx,
        ctx: &RequestContext,
        account: Account,
        role: Role,
    ) -> Result<Account, AcceptError> {
        if role == Role::User || role == account.role {
            return Ok(account);
        }
        users::set_role(tx, account.id, role).await?;
        let event = events::role_set(account.id, account.role, role);
        self.audit.record(tx, ctx, event).await?;
        Ok(Account { role, ..account })
    }
}

fn is_open(known: &Candidate) -> bool {
    !known.is_verified && known.stored.account.status == UserStatus::Active
}
