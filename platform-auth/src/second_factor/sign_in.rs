//! Signing in with a code after the password.

use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, RequestContext, Timestamp};

use super::code::Candidate;
use crate::auth::{Inner, Opened};
use crate::mail::{Addressee, Letter};
use crate::one_time::{self, Issued, Purpose};
use crate::session;
use crate::{Auth, OneTimeToken, SignInError, SignedIn, User, UserStatus, erasure, stored, trail};

/// The password was right, and signing in takes a code as well. Nobody is signed in.
#[derive(Debug)]
pub struct Challenge {
    /// What the client comes back with, beside the code: [`Auth::sign_in_with_code`]. It is good for nothing else, once, and nowhere else.
    pub token: OneTimeToken,
    /// When it is good no longer: after five minutes, and after five wrong codes.
    pub expires_at: Timestamp,
}

impl From<Issued> for Challenge {
    fn from(issued: Issued) -> Self {
        Self {
            token: issued.token,
            expires_at: issued.expires_at,
        }
    }
}

impl Auth {
    /// Goes on with a sign-in that [asked for a code](crate::SignIn::CodeRequired): takes the code of the user's authenticator or a
    /// recovery code. A session under which the request came is ended.
    ///
    /// # Errors
    /// [`SignInError::InvalidChallenge`]: begin anew. [`SignInError::InvalidCode`] is recorded and slowed down for each user, and with the
    /// fifth the challenge is void.
    pub async fn sign_in_with_code(
        &self,
        ctx: &RequestContext,
        challenge: &str,
        code: SecretString,
    ) -> Result<SignedIn, SignInError> {
        let inner = &*self.inner;
        let challenge = OneTimeToken::parse(challenge)
            .ok()
            .filter(|challenge| challenge.tenant() == ctx.tenant())
            .ok_or(SignInError::InvalidChallenge)?;
        let tenant = inner.open_tenant(ctx.tenant()).await??;
        let mut read = inner.db.read(ctx).await?;
        let now = inner.sources.now();
        let user = one_time::find(&mut read, &challenge, Purpose::SecondFactor, now).await?;
        let stored = match user {
            Some(user) => stored::by_id(&mut read, user).await?,
            None => None,
        };
        read.finish().await?;
        let stored = stored.filter(|stored| stored.account.status == UserStatus::Active);
        let stored = stored.ok_or(SignInError::InvalidChallenge)?;
        let user = inner.opened(ctx, &stored).await?;
        let user = user.ok_or(SignInError::InvalidChallenge)?;

        let attempt = inner.begin_code(ctx, user.id).await?;
        let admitted = inner
            .admit_by_code(ctx, &challenge, (&stored, &user, &tenant.name), &code)
            .await;
        match &admitted {
            Ok(_) => attempt.succeeded(),
            Err(SignInError::InvalidCode) => drop(attempt),
            Err(_) => attempt.did_not_happen(),
        }
        admitted.map(|opened| opened.signed_in(user, tenant))
    }
}

impl Inner {
    async fn admit_by_code(
        &self,
        ctx: &RequestContext,
        challenge: &OneTimeToken,
        (stored, user, tenant): (&stored::StoredUser, &User, &str),
        code: &SecretString,
    ) -> Result<Opened, SignInError> {
        let Some(candidate) = self.code_of(ctx, user.id, code).await? else {
            return Err(self
                .refuse_challenge(ctx, challenge, user.id, "invalid_code")
                .await);
        };
        let now = self.sources.now();
        let mut tx = self.db.begin(ctx).await?;
        // First the user, then the credential, then the rest: in the order in which all take their locks. An erasure has the user before it
        // has the key under which the mail is sealed.
        erasure::lock(&mut tx, user.id).await?;
        let changed_at = session::hold_credential(&mut tx, user.id).await?;
        let changed_at = changed_at.ok_or(SignInError::InvalidChallenge)?;
        if !candidate.take(&mut tx, user.id, now).await? {
            tx.rollback().await?;
            return Err(self.refuse_challenge(ctx, challenge, user.id, "used_code").await);
        }
        let consumed = one_time::consume(&mut tx, challenge, Purpose::SecondFactor, now).await?;
        if consumed != Some(user.id) {
            return Err(SignInError::InvalidChallenge);
        }
        let proof = (candidate.proof(), changed_at);
        let opened = self.open_session(&mut tx, ctx, stored.account, proof).await?;
        let (opened, of_user) = opened.ok_or(SignInError::InvalidChallenge)?;
        if let Candidate::Recovery(_) = candidate {
            let to = Addressee {
                user: user.id,
                email: &user.email,
                tenant,
            };
            self.write_to(&mut tx, ctx, &to, &Letter::RecoveryCodeUsed, None)
                .await?;
        }
        let event = trail::signed_in_by(user.id, opened.begun, candidate.proof());
        self.audit.record(&mut tx, &of_user, event).await?;
        tx.commit().await?;
        Ok(opened)
    }

    /// Counts a wrong code against its challenge and records it, in one transaction. If that fails, the answer is the fault: no wrong code
    /// goes uncounted.
    async fn refuse_challenge(
        &self,
        ctx: &RequestContext,
        challenge: &OneTimeToken,
        user: PrincipalId,
        reason: &'static str,
    ) -> SignInError {
        let recorded = async {
            let mut tx = self.db.begin(ctx).await?;
            one_time::failed(&mut tx, challenge, Purpose::SecondFactor, self.sources.now()).await?;
            let event = trail::sign_in_stopped(user, reason);
            self.audit.record(&mut tx, ctx, event).await?;
            tx.commit().await?;
            Ok::<_, SignInError>(())
        };
        match recorded.await {
            Ok(()) => SignInError::InvalidCode,
            Err(error) => error,
        }
    }
}
