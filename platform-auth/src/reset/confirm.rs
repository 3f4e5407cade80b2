//! Showing a token that came by mail.

use platform_core::pg::{DbError, TenantTx};
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, PrincipalKind, RequestContext, Timestamp};

use crate::auth::Inner;
use crate::mail::{Addressee, Letter};
use crate::one_time::{self, Purpose};
use crate::password::{About, ProposedPassword};
use crate::session::EndReason;
use crate::{Auth, CredentialError, OneTimeToken, User, UserStatus, erasure, stored, trail};

/// What a token that came by mail was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Verification,
    Reset,
}

impl Auth {
    /// Takes a token that was sent to an address as proof that its mail is read. It is used up.
    ///
    /// Whoever is signed in as the user of the address has registered it and reads its mail: without a password nothing else changes.
    /// Anybody else, and a user who still has the password with which an administrator made the account, chooses the password of the account, and what the account had before goes: its password, its sessions and its second factor may be those
    /// of a stranger who registered somebody else's address and waits for the owner to confirm it (Sudhodanan and Paverd, "Pre-hijacked
    /// accounts", USENIX Security 2022).
    ///
    /// # Errors
    /// [`CredentialError::InvalidToken`], whatever is wrong with it; [`CredentialError::PasswordRequired`] and
    /// [`CredentialError::Password`] when a password has to be chosen, and then the token is still good.
    pub async fn verify_email(
        &self,
        ctx: &RequestContext,
        token: &str,
        password: Option<SecretString>,
    ) -> Result<(), CredentialError> {
        let token = token_of(ctx, token)?;
        if let Some(password) = password {
            return self
                .set_password(ctx, &token, password, Shown::Verification)
                .await;
        }
        let inner = &*self.inner;
        inner.open_tenant(ctx.tenant()).await??;
        let now = inner.sources.now();
        let mut tx = inner.db.begin(ctx).await?;
        let owner = one_time::owner(&mut tx, &token).await?;
        let owner = owner.ok_or(CredentialError::InvalidToken)?;
        erasure::lock(&mut tx, owner).await?;
        let user = one_time::consume(&mut tx, &token, Purpose::VerifyEmail, now).await?;
        let user = user.ok_or(CredentialError::InvalidToken)?;
        // A password that somebody else knows is no sign of who is signed in.
        if !is_session_of(ctx, user) || !stored::has_own_password(&mut tx, user).await? {
            // Rolled back: the token is still good.
            return Err(CredentialError::PasswordRequired);
        }
        verified(&mut tx, user, now).await?;
        inner
            .audit
            .record(&mut tx, ctx, trail::email_verified(user))
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sets a password with a token that came by mail. The token is used up, every session of the user ends, nobody is signed in, and a
    /// second factor stays what it is. Whoever has the token reads the mail of the address: it counts as verified.
    ///
    /// Where it had not been verified before, the second factor goes: whoever set it up has not shown to be the owner of the address, and
    /// would keep the owner out.
    ///
    /// # Errors
    /// [`CredentialError::InvalidToken`], whatever is wrong with it; [`CredentialError::Password`] when the password cannot be set, and
    /// then the token is still good.
    pub async fn reset_password(
        &self,
        ctx: &RequestContext,
        token: &str,
        password: SecretString,
    ) -> Result<(), CredentialError> {
        let token = token_of(ctx, token)?;
        self.set_password(ctx, &token, password, Shown::Reset).await
    }

    async fn set_password(
        &self,
        ctx: &RequestContext,
        token: &OneTimeToken,
        password: SecretString,
        shown: Shown,
    ) -> Result<(), CredentialError> {
        let inner = &*self.inner;
        let tenant = inner.open_tenant(ctx.tenant()).await??;
        let policy = inner.tenant_policy(ctx.tenant()).await?;
        let proposed = ProposedPassword::new(password, policy.password_chars_min)?;
        let user = inner.user_of_token(ctx, token, shown.purpose()).await?;
        let password = inner
            .hasher
            .judge(
                &inner.policy.at_least(policy.password_score_min),
                proposed,
                About::of_user(&user),
            )
            .await??;
        let phc = inner.hasher.hash(password).await?;

        let now = inner.sources.now();
        let mut tx = inner.db.begin(ctx).await?;
        erasure::lock(&mut tx, user.id).await?;
        if !stored::set_password(&mut tx, user.id, &phc, now).await? {
            return Err(CredentialError::InvalidToken);
        }
        let consumed = one_time::consume(&mut tx, token, shown.purpose(), now).await?;
        if consumed != Some(user.id) {
            return Err(CredentialError::InvalidToken);
        }
        one_time::void_all(&mut tx, user.id, now).await?;
        let ended = inner
            .sessions
            .end_others(&mut tx, user.id, None, EndReason::PasswordReset, now)
            .await?;
        let event = trail::credential_changed(user.id, "password", shown.how(), ended);
        inner.audit.record(&mut tx, ctx, event).await?;
        inner.proven(&mut tx, ctx, user.id, now).await?;
        if shown == Shown::Reset {
            let to = Addressee {
                user: user.id,
                email: &user.email,
                tenant: &tenant.name,
            };
            inner
                .write_to(&mut tx, ctx, &to, &Letter::PasswordReset, None)
                .await?;
        }
        tx.commit().await?;
        tracing::info!(user.id = %user.id, "user {} has set a new password with a token", user.id);
        Ok(())
    }
}

impl Inner {
    /// The active user of a token. Before anything is hashed: a stranger's token costs one query.
    async fn user_of_token(
        &self,
        ctx: &RequestContext,
        token: &OneTimeToken,
        purpose: Purpose,
    ) -> Result<User, CredentialError> {
        let mut read = self.db.read(ctx).await?;
        let user = one_time::find(&mut read, token, purpose, self.sources.now()).await?;
        let stored = match user {
            Some(user) => stored::by_id(&mut read, user).await?,
            None => None,
        };
        read.finish().await?;
        let stored = stored.filter(|stored| stored.account.status == UserStatus::Active);
        let stored = stored.ok_or(CredentialError::InvalidToken)?;
        let user = self.opened(ctx, &stored).await?;
        user.ok_or(CredentialError::InvalidToken)
    }
}

impl Shown {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Verification => Purpose::VerifyEmail,
            Self::Reset => Purpose::ResetPassword,
        }
    }

    const fn how(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Reset => "reset",
        }
    }
}

fn is_session_of(ctx: &RequestContext, user: PrincipalId) -> bool {
    let principal = ctx.principal();
    ctx.session().is_some() && principal.kind() == PrincipalKind::User && principal.id() == Some(user)
}

/// A token of the tenant of which the request is. One of another is like none.
fn token_of(ctx: &RequestContext, text: &str) -> Result<OneTimeToken, CredentialError> {
    OneTimeToken::parse(text)
        .ok()
        .filter(|token| token.tenant() == ctx.tenant())
        .ok_or(CredentialError::InvalidToken)
}

/// Notes that the mail of a user's address is read; says whether that is new. Tokens that show it are of no use any more.
pub(crate) async fn verified(tx: &mut TenantTx, user: PrincipalId, now: Timestamp) -> Result<bool, DbError> {
    let verified = sqlx::query(
        "update platform_auth.subject set email_verified_at = $3
         where tenant_id = $1 and id = $2 and email_verified_at is null and erased_at is null",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    one_time::void(tx, user, Purpose::VerifyEmail, now).await?;
    Ok(verified.rows_affected() == 1)
}
