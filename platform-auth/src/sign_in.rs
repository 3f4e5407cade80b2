//! Signing in with a password.

use std::fmt;
use std::time::Duration;

use platform_audit::SignInFailure;
use platform_core::RequestContext;
use platform_core::pg::Tenant;
use platform_core::secrecy::SecretString;

use crate::auth::Inner;
use crate::hasher::Verdict;
use crate::identity::EMAIL_INDEX;
use crate::one_time::{self, Purpose};
use crate::password::TriedPassword;
use crate::refusals::Who;
use crate::session::{self, Proof};
use crate::stored::{self, Candidate};
use crate::throttle::{AccountKey, Held};
use crate::{Auth, Challenge, EmailAddress, Fault, SignInError, SignedIn, User, UserStatus, erasure, trail};

/// What a client is told to wait when its user has got too many challenges within an hour.
const CHALLENGES_RETRY_AFTER: Duration = Duration::from_secs(10 * 60);

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

/// What became of a sign-in whose password was right.
#[derive(Debug)]
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "one of these lives for a moment in each sign-in, a box would cost more"
)]
pub enum SignIn {
    /// Somebody has signed in.
    Complete(SignedIn),
    /// Nobody has yet: the user has a second factor. Go on with [`Auth::sign_in_with_code`].
    CodeRequired(Challenge),
}

impl Auth {
    /// Signs a user of the context's tenant in, or asks for a code where the user has a second factor. A session under which the request
    /// came is ended when the user is in.
    ///
    /// Holds no connection while the password is hashed. A throttled attempt costs no query and no hash; it is
    /// counted, and the count stands in a later event.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] whatever of the two is wrong; [`SignInError::TooManyAttempts`] says how long to wait;
    /// [`SignInError::Fault`] means that nothing was found out.
    pub async fn sign_in(
        &self,
        ctx: &RequestContext,
        credentials: Credentials,
    ) -> Result<SignIn, SignInError> {
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
            .begin(
                AccountKey::of_email(ctx.tenant(), &email),
                address,
                inner.sources.now(),
                wait_max,
            )
            .await
            .inspect_err(|held| inner.count_throttled(ctx, *held))?;

        let result = inner.sign_in(ctx, &email, password).await;
        match &result {
            Ok(_) => attempt.succeeded(),
            Err(
                SignInError::Fault(_)
                | SignInError::Tenant(_)
                | SignInError::EmailUnverified
                | SignInError::TooManyAttempts { .. },
            ) => attempt.did_not_happen(),
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
    ) -> Result<SignIn, SignInError> {
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

    /// Opens the session, or asks for a code; the password was right.
    async fn admit(
        &self,
        ctx: &RequestContext,
        (candidate, user): (Candidate, User),
        verdict: Verdict,
        tenant: Tenant,
    ) -> Result<SignIn, SignInError> {
        let account = candidate.stored.account;
        if !candidate.is_verified && self.tenant_policy(ctx.tenant()).await?.verified_email {
            let event = trail::sign_in_stopped(account.id, "email_unverified");
            self.audit.record_refusal(&self.db, ctx, event).await?;
            return Err(SignInError::EmailUnverified);
        }
        let mut tx = self.db.begin(ctx).await?;
        if candidate.has_second_factor {
            // First the user, then the credential, then the challenge: in the order in which all take their locks.
            erasure::lock(&mut tx, account.id).await?;
        }
        let rehashed = matches!(verdict, Verdict::RightAndRehashed(_));
        if let Verdict::RightAndRehashed(phc) = verdict {
            // Before the credential is locked for sharing: two sign-ins that shared the lock could not both write.
            stored::rehash(&mut tx, &candidate, &phc).await?;
        }
        if candidate.has_second_factor {
            // The password may have been changed while it was hashed; whoever did that has voided the challenges there were.
            if session::hold_credential(&mut tx, account.id).await? != Some(candidate.changed_at) {
                return Err(SignInError::InvalidCredentials);
            }
            let challenge =
                one_time::issue(&mut tx, &self.sources, account.id, Purpose::SecondFactor).await?;
            let challenge = challenge.ok_or(SignInError::TooManyAttempts {
                retry_after: CHALLENGES_RETRY_AFTER,
            })?;
            self.audit
                .record(&mut tx, ctx, trail::challenged(account.id))
                .await?;
            tx.commit().await?;
            return Ok(SignIn::CodeRequired(challenge.into()));
        }
        let proof = (Proof::Password, candidate.changed_at);
        let opened = self.open_session(&mut tx, ctx, account, proof).await?;
        let (opened, of_user) = opened.ok_or(SignInError::InvalidCredentials)?;
        let event = trail::signed_in(account.id, opened.begun, rehashed);
        self.audit.record(&mut tx, &of_user, event).await?;
        tx.commit().await?;
        Ok(SignIn::Complete(opened.signed_in(user, tenant)))
    }

    /// A throttled attempt is counted, and the next event of a stranger tells of it.
    fn count_throttled(&self, ctx: &RequestContext, held: Held) {
        if let Held::TooManyAttempts { .. } = held {
            self.refusals
                .count(Who::stranger(ctx.tenant()), self.sources.now());
        }
    }

    /// Records the failure, or counts it where too many strangers fail. If that fails, the answer is the fault: no failed attempt goes
    /// uncounted.
    async fn refuse(
        &self,
        ctx: &RequestContext,
        email: &EmailAddress,
        failure: SignInFailure,
    ) -> SignInError {
        let failed = |more| trail::sign_in_failed(email, failure, more);
        let recorded = match failure {
            // As many as somebody has addresses to try, and from as many places.
            SignInFailure::UnknownUser => {
                self.record_refusal(ctx, Who::stranger(ctx.tenant()), failed)
                    .await
            }
            // The throttle of the account sees to it that there are not many.
            SignInFailure::WrongPassword(_) | SignInFailure::UserDisabled(_) => {
                let recorded = self.audit.record_refusal(&self.db, ctx, failed(0)).await;
                recorded.map(|_| ()).map_err(Fault::from)
            }
        };
        match recorded {
            Ok(()) => SignInError::InvalidCredentials,
            Err(fault) => SignInError::Fault(fault),
        }
    }
}
