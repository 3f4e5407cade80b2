//! Signing in with a password.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use platform_audit::{Event, SignInFailure};
use platform_core::pg::Tenant;
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, RequestContext};

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
    /// [`SignInError::InvalidCredentials`] whatever of the two is wrong, and while an address has to be verified that is not;
    /// [`SignInError::TooManyAttempts`] says how long to wait; [`SignInError::Fault`] means that nothing was found out.
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

        let result = match inner.sign_in(ctx, &email, password).await {
            Ok(Err(failed)) => Err(self.refuse(ctx, &email, failed).await),
            Ok(Ok(admitted)) => Ok(admitted),
            Err(error) => Err(error),
        };
        match &result {
            Ok(_) => attempt.succeeded(),
            Err(SignInError::Fault(_) | SignInError::Tenant(_) | SignInError::TooManyAttempts { .. }) => {
                attempt.did_not_happen()
            }
            Err(_) => drop(attempt),
        }
        result
    }

    /// Records the failure. If that fails, the answer is the fault: no failed attempt goes uncounted.
    ///
    /// Where too many fail, those under an address that nobody has are only counted, for there are as many as somebody has addresses to
    /// try. Those at an account, of which its throttle lets few through, are then recorded after the answer: it takes as long for the
    /// one as for the other.
    async fn refuse(&self, ctx: &RequestContext, email: &EmailAddress, failed: Failed) -> SignInError {
        let inner = &*self.inner;
        let (who, now) = (Who::stranger(ctx.tenant()), inner.sources.now());
        if let Some(more) = inner.refusals.admit_uncounted(who, now) {
            let event = failed.event(email, more);
            return match inner.record_admitted(ctx, who, (event, more)).await {
                Ok(()) => SignInError::InvalidCredentials,
                Err(fault) => SignInError::Fault(fault),
            };
        }
        let place = Arc::clone(&inner.requests.free).try_acquire_owned();
        match place {
            Ok(place) if failed.is_at_account() => {
                let (ctx, event) = (ctx.clone(), failed.event(email, 0));
                self.later(place, ctx.tenant(), move |inner| async move {
                    let recorded = inner.audit.record_refusal(&inner.db, &ctx, event).await;
                    if recorded.is_err() {
                        inner.refusals.count(who, now);
                    }
                    recorded.map(drop).map_err(Fault::from)
                });
            }
            _ => inner.refusals.count(who, now),
        }
        SignInError::InvalidCredentials
    }
}

/// Why nobody signed in.
#[derive(Debug, Clone, Copy)]
enum Failed {
    As(SignInFailure),
    /// The password was right, and nobody has verified the address. It is refused as a wrong password is: a stranger who registered the
    /// address has the right one too, and would learn by another answer that it had been free.
    Unverified(PrincipalId),
}

impl Failed {
    fn is_at_account(self) -> bool {
        !matches!(self, Self::As(SignInFailure::UnknownUser))
    }

    /// The event, after `more` refusals that got none of their own.
    fn event(self, email: &EmailAddress, more: u64) -> Event {
        match self {
            Self::As(failure) => trail::sign_in_failed(email, failure, more),
            Self::Unverified(user) => trail::sign_in_unverified(user, more),
        }
    }
}

impl Inner {
    async fn sign_in(
        &self,
        ctx: &RequestContext,
        email: &EmailAddress,
        password: TriedPassword,
    ) -> Result<Result<SignIn, Failed>, SignInError> {
        let tenant = self.open_tenant(ctx.tenant()).await??;
        let policy = self.tenant_policy(ctx.tenant()).await?;
        let candidate = self.candidate(ctx, email).await?;

        let stored = candidate.as_ref().map(|candidate| candidate.phc.clone());
        let verdict = self.hasher.verify(password, stored).await?;
        let failure = match (candidate, &verdict) {
            (None, _) => SignInFailure::UnknownUser,
            (Some(known), Verdict::Wrong) => SignInFailure::WrongPassword(known.stored.account.id),
            (Some(known), _) if policy.verified_email && !known.is_verified => {
                return Ok(Err(Failed::Unverified(known.stored.account.id)));
            }
            (Some(known), _) if known.stored.account.status == UserStatus::Disabled => {
                SignInFailure::UserDisabled(known.stored.account.id)
            }
            (Some(known), _) => match self.opened(ctx, &known.stored).await? {
                Some(user) => return self.admit(ctx, (known, user), verdict, tenant).await.map(Ok),
                // Erased a moment ago, or come back with a backup.
                None => SignInFailure::UserDisabled(known.stored.account.id),
            },
        };
        Ok(Err(Failed::As(failure)))
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
}
