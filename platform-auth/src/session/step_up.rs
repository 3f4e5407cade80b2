//! Proving anew who one is, in a session that goes on.

use std::fmt;

use platform_core::pg::{Tenant, TenantTx};
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, PrincipalKind, RequestContext, Timestamp};

use super::{Proof, hold_credential, proof_of, trail};
use crate::auth::{Inner, Opened};
use crate::change::Proved;
use crate::stored::StoredUser;
use crate::{Auth, CredentialError, SessionId, SignedIn, User, UserStatus, erasure, stored};

/// With what a user proves anew who it is.
#[derive(Clone)]
pub enum StepUp {
    /// The password.
    Password(SecretString),
    /// A code of the authenticator, or a recovery code; where one is set up.
    Code(SecretString),
}

/// Prints nothing of what was entered.
impl fmt::Debug for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepUp").finish_non_exhaustive()
    }
}

impl Auth {
    /// Has the calling user prove anew who it is, for what asks for a [recent](RequestContext::require_recent) proof. The session goes on
    /// under a new token and id, and lasts as long as one that begins now; the old one ends in the same transaction. Where more than the
    /// password was proved before and the password alone is now, it ends when the old one would have.
    ///
    /// # Errors
    /// [`CredentialError::WrongPassword`] and [`CredentialError::InvalidCode`] are counted, slowed down and recorded like failed sign-ins.
    /// [`CredentialError::NotEnrolled`] for a code without a second factor, [`CredentialError::NoUser`] when the session of the call is
    /// over, or is none.
    pub async fn step_up(&self, ctx: &RequestContext, with: StepUp) -> Result<SignedIn, CredentialError> {
        match with {
            StepUp::Password(password) => self.inner.step_up_by_password(ctx, password).await,
            StepUp::Code(code) => self.inner.step_up_by_code(ctx, &code).await,
        }
    }
}

impl Inner {
    async fn step_up_by_password(
        &self,
        ctx: &RequestContext,
        password: SecretString,
    ) -> Result<SignedIn, CredentialError> {
        let current = current(ctx)?;
        let Proved {
            candidate,
            user,
            tenant,
        } = self.prove(ctx, password, "step_up").await?;
        let mut tx = self.db.begin(ctx).await?;
        let proof = proof_of(&mut tx, user.id, current).await?;
        let proof = proof.ok_or(CredentialError::NoUser)?;
        let is_carried = proof != Proof::Password;
        let proof = (proof, candidate.changed_at);
        let stepped = self
            .renewed(tx, ctx, &candidate.stored, (proof, is_carried))
            .await?;
        Ok(stepped.signed_in(user, tenant))
    }

    async fn step_up_by_code(
        &self,
        ctx: &RequestContext,
        code: &SecretString,
    ) -> Result<SignedIn, CredentialError> {
        current(ctx)?;
        let (stored, user, tenant) = self.caller(ctx).await?;
        let attempt = self.begin_code(ctx, user.id).await?;
        let stepped = self.renewed_by_code(ctx, &stored, code).await;
        match &stepped {
            Ok(_) => attempt.succeeded(),
            Err(CredentialError::InvalidCode) => drop(attempt),
            Err(_) => attempt.did_not_happen(),
        }
        Ok(stepped?.signed_in(user, tenant))
    }

    async fn renewed_by_code(
        &self,
        ctx: &RequestContext,
        stored: &StoredUser,
        code: &SecretString,
    ) -> Result<Opened, CredentialError> {
        let (user, now) = (stored.account.id, self.sources.now());
        let mut read = self.db.read(ctx).await?;
        let known = stored::candidate_of(&mut read, user).await?;
        read.finish().await?;
        if !known.is_some_and(|known| known.has_second_factor) {
            return Err(CredentialError::NotEnrolled);
        }
        let Some(candidate) = self.code_of(ctx, user, code).await? else {
            return Err(self.refuse_step(ctx, user, "invalid_code").await);
        };
        let mut tx = self.db.begin(ctx).await?;
        // First the user, then the credential, then the code: in the order in which all take their locks.
        erasure::lock(&mut tx, user).await?;
        let changed_at = hold_credential(&mut tx, user).await?;
        let changed_at = changed_at.ok_or(CredentialError::NoUser)?;
        if !candidate.take(&mut tx, user, now).await? {
            tx.rollback().await?;
            return Err(self.refuse_step(ctx, user, "used_code").await);
        }
        self.renewed(tx, ctx, stored, ((candidate.proof(), changed_at), false))
            .await
    }

    /// Opens the session that takes the place of the one of the call, which has to be live until the very end.
    async fn renewed(
        &self,
        mut tx: TenantTx,
        ctx: &RequestContext,
        stored: &StoredUser,
        (proof, is_carried): ((Proof, Timestamp), bool),
    ) -> Result<Opened, CredentialError> {
        let opened = self.open_session(&mut tx, ctx, stored.account, proof).await?;
        let opened = opened.filter(|(opened, _)| opened.begun.replaced.is_some());
        let (mut opened, of_user) = opened.ok_or(CredentialError::NoUser)?;
        // A password does not prove anew what more there was.
        if is_carried {
            opened.go_on_as_long(&mut tx).await?;
        }
        let event = trail::stepped_up(stored.account.id, opened.begun, proof.0);
        self.audit.record(&mut tx, &of_user, event).await?;
        tx.commit().await?;
        Ok(opened)
    }

    /// The calling user, who has to be active in a tenant that is.
    async fn caller(&self, ctx: &RequestContext) -> Result<(StoredUser, User, Tenant), CredentialError> {
        let id = ctx.principal().id().ok_or(CredentialError::NoUser)?;
        let tenant = self.open_tenant(ctx.tenant()).await??;
        let mut read = self.db.read(ctx).await?;
        let stored = stored::by_id(&mut read, id).await?;
        read.finish().await?;
        let stored = stored.filter(|stored| stored.account.status == UserStatus::Active);
        let stored = stored.ok_or(CredentialError::NoUser)?;
        let user = self.opened(ctx, &stored).await?;
        Ok((stored, user.ok_or(CredentialError::NoUser)?, tenant))
    }

    /// Records that a code was wrong. If that fails, the answer is the fault: no wrong code goes unrecorded.
    async fn refuse_step(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
        reason: &'static str,
    ) -> CredentialError {
        let event = trail::not_stepped_up(user, reason);
        match self.audit.record_refusal(&self.db, ctx, event).await {
            Ok(_) => CredentialError::InvalidCode,
            Err(error) => error.into(),
        }
    }
}

/// The session of the call, which only a user has.
fn current(ctx: &RequestContext) -> Result<SessionId, CredentialError> {
    if ctx.api_key().is_some() {
        return Err(CredentialError::SessionRequired);
    }
    let is_user = ctx.principal().kind() == PrincipalKind::User;
    let session = ctx.session().filter(|_| is_user);
    session.map(SessionId::from_stored).ok_or(CredentialError::NoUser)
}
