//! Signing in with a password.

use std::fmt;

use platform_audit::{SignInFailure, sign_in_failed, sign_in_succeeded};
use platform_core::RequestContext;
use platform_core::pg::Tenant;
use platform_core::secrecy::SecretString;

use crate::auth::Inner;
use crate::hasher::Verdict;
use crate::identity::EMAIL_INDEX;
use crate::password::TriedPassword;
use crate::stored::{self, Candidate};
use crate::throttle::Held;
use crate::{Auth, EmailAddress, Fault, HashError, SignInError, SignedIn, User, UserStatus};

/// What somebody who signs in enters, unchecked.
#[derive(Clone)]
pub struct Credentials {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

/// Prints nothing of what was entered.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Auth {
    /// Signs a user of the context's tenant in. A session under which the request came is ended.
    ///
    /// Holds no connection while the password is hashed. A throttled attempt costs no query and no hash, and leaves no event.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] whatever of the two is wrong; [`SignInError::TooManyAttempts`] says how long to wait;
    /// [`SignInError::Fault`] means that nothing was found out.
    pub async fn sign_in(
        &self,
        ctx: &RequestContext,
        credentials: Credentials,
    ) -> Result<SignedIn, SignInError> {
        let inner = &*self.inner;
        let (Ok(email), Some(password)) = (
            EmailAddress::parse(&credentials.email),
            TriedPassword::new(credentials.password),
        ) else {
            // No account has such an address or password, so there is nothing to hide and nothing to count.
            return Err(SignInError::InvalidCredentials);
        };
        let address = ctx.meta().source_address;
        let wait_max = inner.config.passwords.wait_max;
        let attempt = inner
            .throttle
            .begin(ctx.tenant(), &email, address, inner.sources.now(), wait_max)
            .await?;

        let result = inner.sign_in(ctx, &email, password).await;
        match &result {
            Ok(_) => attempt.succeeded(),
            Err(SignInError::Fault(_) | SignInError::Tenant(_)) => attempt.did_not_happen(),
            Err(_) => drop(attempt),
        }
        result
    }
}

impl Inner {
    async fn sign_in(
        &self,
        ctx: &RequestContext,
        email: &EmailAddress,
        password: TriedPassword,
    ) -> Result<SignedIn, SignInError> {
        let tenant = self.open_tenant(ctx.tenant()).await??;
        let candidate = self.candidate(ctx, email).await?;

        let stored = candidate.as_ref().map(|candidate| candidate.phc.clone());
        let verdict = self.hasher.verify(password, stored).await?;
        let failure = match (candidate, &verdict) {
            (None, _) => SignInFailure::UnknownUser,
            (Some(known), Verdict::Wrong) => SignInFailure::WrongPassword(known.stored.account.id),
            (Some(known), _) if known.stored.account.status == UserStatus::Disabled => {
                SignInFailure::UserDisabled(known.stored.account.id)
            }
            (Some(known), _) => match self.opened(ctx, &known.stored).await? {
                Some(user) => return self.admit(ctx, (known, user), verdict, tenant).await,
                // Erased a moment ago, or come back with a backup.
                None => SignInFailure::UserDisabled(known.stored.account.id),
            },
        };
        Err(self.refuse(ctx, email, failure).await)
    }

    /// Whoever may have this e-mail address. Two queries, whether anybody has it or not, and no key of a person: what is sealed is opened
    /// when the password has turned out right.
    pub(crate) async fn candidate(
        &self,
        ctx: &RequestContext,
        email: &EmailAddress,
    ) -> Result<Option<Candidate>, Fault> {
        self.warm_keys(ctx).await?;
        let mut read = self.db.read(ctx).await?;
        let found = self
            .keys
            .find(&mut read, ctx, &EMAIL_INDEX, email.as_entered())
            .await?;
        let candidate = stored::candidate(&mut read, &found).await?;
        read.finish().await?;
        Ok(candidate)
    }

    /// Has the tenant's keys at hand before a transaction is begun. Inside one they would be loaded too, but by every caller for itself
    /// and with a connection held meanwhile, which a slow provider of the root key would make a shortage of connections.
    pub(crate) async fn warm_keys(&self, ctx: &RequestContext) -> Result<(), Fault> {
        self.keys.keys(ctx).await?;
        Ok(())
    }

    /// Opens the session; the password was right.
    async fn admit(
        &self,
        ctx: &RequestContext,
        (candidate, user): (Candidate, User),
        verdict: Verdict,
        tenant: Tenant,
    ) -> Result<SignedIn, SignInError> {
        let account = candidate.stored.account;
        let mut tx = self.db.begin(ctx).await?;
        if let Verdict::RightAndRehashed(phc) = verdict {
            // Before the credential is locked for sharing: two sign-ins that shared the lock could not both write.
            stored::rehash(&mut tx, &candidate, &phc).await?;
        }
        let opened = self
            .open_session(&mut tx, ctx, account, candidate.changed_at)
            .await?;
        let (opened, of_user) = opened.ok_or(SignInError::InvalidCredentials)?;
        self.audit
            .record(&mut tx, &of_user, sign_in_succeeded(account.id, "password"))
            .await?;
        tx.commit().await?;
        Ok(opened.signed_in(user, tenant))
    }

    /// Records the failure. If that fails, the answer is the fault: no failed attempt goes unrecorded.
    async fn refuse(
        &self,
        ctx: &RequestContext,
        email: &EmailAddress,
        failure: SignInFailure,
    ) -> SignInError {
        let event = sign_in_failed(email.as_entered(), failure);
        match self.audit.record_alone(&self.db, ctx, event).await {
            Ok(_) => SignInError::InvalidCredentials,
            Err(error) => SignInError::Fault(Fault::from(error)),
        }
    }
}

impl From<Held> for SignInError {
    fn from(held: Held) -> Self {
        match held {
            Held::TooManyAttempts { retry_after } => Self::TooManyAttempts { retry_after },
            Held::Busy => Self::from(HashError::busy()),
        }
    }
}
