//! Showing a token that came by mail.

use platform_core::pg::{DbError, TenantTx};
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, RequestContext, Timestamp};

use crate::mail::{Addressee, Letter};
use crate::one_time::{self, Purpose};
use crate::password::{About, ProposedPassword};
use crate::session::{self, EndReason};
use crate::{Auth, CredentialError, OneTimeToken, UserStatus, erasure, stored, trail};

impl Auth {
    /// Takes a token that was sent to an address as proof that its mail is read. It is used up.
    ///
    /// # Errors
    /// [`CredentialError::InvalidToken`], whatever is wrong with it.
    pub async fn verify_email(&self, ctx: &RequestContext, token: &str) -> Result<(), CredentialError> {
        let inner = &*self.inner;
        let token = token_of(ctx, token)?;
        inner.open_tenant(ctx.tenant()).await??;
        let now = inner.sources.now();
        let mut tx = inner.db.begin(ctx).await?;
        let owner = one_time::owner(&mut tx, &token).await?;
        erasure::lock(&mut tx, owner.ok_or(CredentialError::InvalidToken)?).await?;
        let user = one_time::consume(&mut tx, &token, Purpose::VerifyEmail, now).await?;
        let user = user.ok_or(CredentialError::InvalidToken)?;
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
    /// # Errors
    /// [`CredentialError::InvalidToken`], whatever is wrong with it; [`CredentialError::Password`] when the password cannot be set, and
    /// then the token is still good.
    pub async fn reset_password(
        &self,
        ctx: &RequestContext,
        token: &str,
        password: SecretString,
    ) -> Result<(), CredentialError> {
        let inner = &*self.inner;
        let token = token_of(ctx, token)?;
        let tenant = inner.open_tenant(ctx.tenant()).await??;
        let policy = inner.tenant_policy(ctx.tenant()).await?;
        let proposed = ProposedPassword::new(password, policy.password_chars_min)?;
        // Before anything is hashed: a stranger's token costs one query.
        let mut read = inner.db.read(ctx).await?;
        let now = inner.sources.now();
        let user = one_time::find(&mut read, &token, Purpose::ResetPassword, now).await?;
        let stored = match user {
            Some(user) => stored::by_id(&mut read, user).await?,
            None => None,
        };
        read.finish().await?;
        let stored = stored.filter(|stored| stored.account.status == UserStatus::Active);
        let stored = stored.ok_or(CredentialError::InvalidToken)?;
        let user = inner.opened(ctx, &stored).await?;
        let user = user.ok_or(CredentialError::InvalidToken)?;
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
        let consumed = one_time::consume(&mut tx, &token, Purpose::ResetPassword, now).await?;
        if consumed != Some(user.id) {
            return Err(CredentialError::InvalidToken);
        }
        one_time::void_all(&mut tx, user.id, now).await?;
        verified(&mut tx, user.id, now).await?;
        let ended = session::end_others(&mut tx, user.id, None, EndReason::PasswordReset, now).await?;
        let to = Addressee {
            user: user.id,
            email: &user.email,
            tenant: &tenant.name,
        };
        inner
            .write_to(&mut tx, ctx, &to, &Letter::PasswordReset, None)
            .await?;
        let event = trail::credential_changed(user.id, "password", "reset", ended);
        inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        tracing::info!(user.id = %user.id, "user {} has set a new password with a token", user.id);
        Ok(())
    }
}

/// A token of the tenant of which the request is. One of another is like none.
fn token_of(ctx: &RequestContext, text: &str) -> Result<OneTimeToken, CredentialError> {
    OneTimeToken::parse(text)
        .ok()
        .filter(|token| token.tenant() == ctx.tenant())
        .ok_or(CredentialError::InvalidToken)
}

/// Notes that the mail of a user's address is read.
pub(crate) async fn verified(tx: &mut TenantTx, user: PrincipalId, now: Timestamp) -> Result<(), DbError> {
    sqlx::query(
        "update platform_auth.subject set email_verified_at = $3
         where tenant_id = $1 and id = $2 and email_verified_at is null and erased_at is null",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
