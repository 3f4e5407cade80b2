//! Signing in with a passkey, and without saying who one is.

use platform_core::RequestContext;
use platform_core::pg::Tenant;
use serde_json::Value;
use webauthn_rs::prelude::PublicKeyCredential;

use super::ceremony::{Ceremony, Opened as OpenedChallenge};
use super::relying_party::decoy;
use super::stored::{self, Counted, Shown, Used};
use super::{PasskeyChallenge, PasskeyError, response, trail};
use crate::auth::{Inner, Opened};
use crate::mail::{Addressee, Letter};
use crate::refusals::Who;
use crate::session::{self, EndReason, Proof};
use crate::stored::Candidate;
use crate::throttle::AccountKey;
use crate::{Auth, SignedIn, User, UserStatus, erasure, second_factor};

/// The bit of the flags of an authenticator that says that the passkey may be copied (WebAuthn, level 3, section 6.1).
const BACKUP_ELIGIBLE: u8 = 0b1000;

/// Where the flags are in the data of an authenticator.
const FLAGS_AT: usize = 32;

/// A passkey whose answer is good, and whose it is. What it was good for is still to be seen.
pub(super) struct Judged {
    pub(super) used: Used,
    pub(super) proof: Proof,
    pub(super) candidate: Candidate,
    pub(super) user: User,
}

impl Auth {
    /// Begins to sign somebody in who has a passkey. Nothing is stored.
    ///
    /// # Errors
    /// [`PasskeyError::TooManyAttempts`] says how long to wait.
    pub async fn begin_passkey_sign_in(
        &self,
        ctx: &RequestContext,
    ) -> Result<PasskeyChallenge, PasskeyError> {
        let inner = &*self.inner;
        let party = &inner.passkeys()?.party;
        inner.count_begun(ctx, None).await?;
        inner.open_tenant(ctx.tenant()).await??;
        let (options, state) = party.ask_for_known(&[])?;
        inner
            .seal_challenge(ctx, options, Ceremony::SignIn { state })
            .await
    }

    /// Signs in whoever shows a passkey: what [`begin_passkey_sign_in`](Self::begin_passkey_sign_in) gave out, and what the browser
    /// answered (`PublicKeyCredential.toJSON()`). A passkey is both factors, so no code is asked for. A session under which the request
    /// came is ended.
    ///
    /// A passkey whose counter went back is disabled and all sessions of its user end: somebody may have copied its authenticator. One that
    /// was overtaken is refused and nothing more: of two sign-ins at a time the one that counted first may arrive last, and its user tries
    /// again.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidPasskey`] whatever is wrong, and with the same work whether the passkey is known or not;
    /// [`PasskeyError::EmailUnverified`]; [`PasskeyError::TooManyAttempts`].
    pub async fn sign_in_with_passkey(
        &self,
        ctx: &RequestContext,
        challenge: &str,
        credential: Value,
    ) -> Result<SignedIn, PasskeyError> {
        let inner = &*self.inner;
        inner.passkeys()?;
        let tenant = inner.open_tenant(ctx.tenant()).await??;
        // Where there is no answer, there is nothing to hide and nothing to count.
        let answer = response::assertion(credential)?;
        let attempt = inner
            .throttle
            .begin(
                AccountKey::of_passkey(ctx.tenant(), &answer.raw_id),
                ctx.meta().source_address,
                inner.sources.now(),
                inner.config.passwords.wait_max,
            )
            .await?;
        let admitted = inner.admit_by_passkey(ctx, challenge, &answer, &tenant).await;
        match &admitted {
            Ok(_) => attempt.succeeded(),
            Err(PasskeyError::InvalidPasskey) => drop(attempt),
            Err(_) => attempt.did_not_happen(),
        }
        admitted.map(|(opened, user)| opened.signed_in(user, tenant))
    }
}

impl Inner {
    async fn admit_by_passkey(
        &self,
        ctx: &RequestContext,
        challenge: &str,
        answer: &PublicKeyCredential,
        tenant: &Tenant,
    ) -> Result<(Opened, User), PasskeyError> {
        let challenge = match self.open_challenge(ctx, challenge).await {
            Err(PasskeyError::InvalidPasskey) => {
                return Err(self.refuse_passkey(ctx, None, "challenge").await);
            }
            opened => opened?,
        };
        if !matches!(challenge.ceremony, Ceremony::SignIn { .. }) || answer.get_user_unique_id().is_none() {
            return Err(self.refuse_passkey(ctx, None, "challenge").await);
        }
        let judged = self.judge(ctx, &challenge, answer).await?;
        if !judged.candidate.is_verified && self.tenant_policy(ctx.tenant()).await?.verified_email {
            let user = judged.user.id;
            let event = crate::trail::sign_in_stopped(user, "email_unverified");
            self.audit.record_refusal(&self.db, ctx, event).await?;
            return Err(PasskeyError::EmailUnverified);
        }
        let opened = self.open_by_passkey(ctx, &challenge, &judged, tenant).await?;
        Ok((opened, judged.user))
    }

    /// Whether an answer is one of a passkey of an active user to a challenge. What is refused is recorded, or counted.
    pub(super) async fn judge(
        &self,
        ctx: &RequestContext,
        challenge: &OpenedChallenge,
        answer: &PublicKeyCredential,
    ) -> Result<Judged, PasskeyError> {
        let state = match &challenge.ceremony {
            Ceremony::SignIn { state } | Ceremony::StepUp { state, .. } => state.clone(),
            Ceremony::Register { .. } => return Err(PasskeyError::InvalidPasskey),
        };
        let mut read = self.db.read(ctx).await?;
        let shown = stored::shown(&mut read, &answer.raw_id).await?;
        let of = shown.as_ref().map(|shown| shown.subject_id.into());
        let candidate = crate::stored::candidate(&mut read, of.as_slice()).await?;
        read.finish().await?;

        let flags = answer.response.authenticator_data.get(FLAGS_AT);
        let eligible = flags.is_some_and(|flags| flags & BACKUP_ELIGIBLE != 0);
        let key = match &shown {
            Some(shown) => shown.credential.0.clone(),
            None => decoy(&answer.raw_id, eligible),
        };
        let result = self.passkeys()?.party.judge(answer, state, key);
        // Without a passkey there is nobody to sign in, whatever was found out about the decoy.
        let Some(shown) = shown else {
            return Err(self.refuse_passkey(ctx, None, "unknown_passkey").await);
        };
        let user = Some(shown.subject_id);
        let Ok(result) = result else {
            return Err(self.refuse_passkey(ctx, user, "answer").await);
        };
        if !is_handle_of(answer, &shown) {
            return Err(self.refuse_passkey(ctx, user, "user_handle").await);
        }
        let active = candidate.filter(|candidate| candidate.stored.account.status == UserStatus::Active);
        let opened = match active {
            Some(candidate) => self
                .opened(ctx, &candidate.stored)
                .await?
                .map(|user| (candidate, user)),
            None => None,
        };
        let Some((candidate, opened)) = opened else {
            return Err(self.refuse_passkey(ctx, user, "user_disabled").await);
        };
        Ok(Judged {
            used: Used {
                id: shown.id,
                user: shown.subject_id,
                sign_count: result.counter(),
                backup_state: result.backup_state(),
            },
            proof: match result.backup_eligible() {
                true => Proof::SyncedPasskey,
                false => Proof::DevicePasskey,
            },
            candidate,
            user: opened,
        })
    }

    /// Uses challenge and passkey up, and opens the session.
    pub(super) async fn open_by_passkey(
        &self,
        ctx: &RequestContext,
        challenge: &OpenedChallenge,
        judged: &Judged,
        tenant: &Tenant,
    ) -> Result<Opened, PasskeyError> {
        let (used, now) = (judged.used, self.sources.now());
        let once = (challenge.id, challenge.expires_at);
        let mut tx = self.db.begin(ctx).await?;
        // First the user, then the credential, then the rest: in the order in which all take their locks. Whoever disables or erases the
        // user, or removes the passkey, either waits and ends this session too, or was first and is seen here.
        let is_there = erasure::lock(&mut tx, used.user).await?;
        let changed_at = session::hold_credential(&mut tx, used.user).await?;
        let Some(changed_at) = changed_at.filter(|_| is_there) else {
            tx.rollback().await?;
            return Err(self.refuse_passkey(ctx, Some(used.user), "user_disabled").await);
        };
        if !stored::redeem(&mut tx, once, now).await? {
            tx.rollback().await?;
            return Err(self.refuse_passkey(ctx, Some(used.user), "used_challenge").await);
        }
        stored::forget(&mut tx, now).await?;
        if !stored::using(&mut tx, used, now).await? {
            tx.rollback().await?;
            return Err(self.judge_counter(ctx, challenge, judged, tenant).await);
        }
        let account = judged.candidate.stored.account;
        let opened = self
            .open_session(&mut tx, ctx, account, (judged.proof, changed_at))
            .await?;
        let Some((opened, of_user)) = opened else {
            tx.rollback().await?;
            return Err(self.refuse_passkey(ctx, Some(used.user), "user_disabled").await);
        };
        let is_step_up = matches!(challenge.ceremony, Ceremony::StepUp { .. });
        if is_step_up && opened.begun.replaced.is_none() {
            // The session of the call has ended: there is none to go on with.
            tx.rollback().await?;
            return Err(self.refuse_passkey(ctx, Some(used.user), "session_ended").await);
        }
        let event = match challenge.ceremony {
            Ceremony::StepUp { .. } => trail::stepped_up(used.user, used.id, opened.begun),
            _ => trail::signed_in(used.user, used.id, opened.begun),
        };
        self.audit.record(&mut tx, &of_user, event).await?;
        tx.commit().await?;
        Ok(opened)
    }

    /// Disables a passkey whose counter went back, ends the sessions of its user and tells the user; one that was overtaken is refused and
    /// stays. The challenge is used up, so that one answer does this once.
    async fn judge_counter(
        &self,
        ctx: &RequestContext,
        challenge: &OpenedChallenge,
        judged: &Judged,
        tenant: &Tenant,
    ) -> PasskeyError {
        let (used, now) = (judged.used, self.sources.now());
        let counted = async {
            let mut tx = self.db.begin(ctx).await?;
            erasure::lock(&mut tx, used.user).await?;
            // Nobody opens a session meanwhile that would not be among those that end.
            second_factor::lock_credential(&mut tx, used.user).await?;
            let is_first = stored::redeem(&mut tx, (challenge.id, challenge.expires_at), now).await?;
            let counted = match is_first {
                true => stored::judge_count(&mut tx, used, challenge.begun_at()).await?,
                false => Counted::Gone,
            };
            match counted {
                Counted::Gone => {
                    tx.rollback().await?;
                    return Ok(counted);
                }
                Counted::Overtaken => {
                    let event = trail::overtaken(used.user, used.id);
                    self.audit.record(&mut tx, ctx, event).await?;
                    tx.commit().await?;
                    return Ok(counted);
                }
                Counted::Twice => stored::distrust(&mut tx, used, now).await?,
            }
            let ended = self
                .sessions
                .end_others(&mut tx, used.user, None, EndReason::FactorChanged, now)
                .await?;
            let to = Addressee {
                user: used.user,
                email: &judged.user.email,
                tenant: &tenant.name,
            };
            self.write_to(&mut tx, ctx, &to, &Letter::PasskeyDisabled, None)
                .await?;
            let event = trail::distrusted(used.user, used.id, ended);
            self.audit.record(&mut tx, ctx, event).await?;
            tx.commit().await?;
            Ok::<_, PasskeyError>(counted)
        };
        match counted.await {
            Ok(Counted::Twice | Counted::Overtaken) => PasskeyError::InvalidPasskey,
            Ok(Counted::Gone) => self.refuse_passkey(ctx, Some(used.user), "removed_passkey").await,
            Err(error) => error,
        }
    }

    /// Records that a passkey was refused, or counts it where too many strangers are. If that fails, the answer is the fault.
    pub(super) async fn refuse_passkey(
        &self,
        ctx: &RequestContext,
        user: Option<platform_core::PrincipalId>,
        reason: &'static str,
    ) -> PasskeyError {
        let refused = |more| trail::refused(user, reason, more);
        let who = Who::stranger(ctx.tenant());
        match self.record_refusal(ctx, who, refused).await {
            Ok(()) => PasskeyError::InvalidPasskey,
            Err(fault) => PasskeyError::Fault(fault),
        }
    }
}

/// Whether the authenticator keeps the passkey for the user whose it is here. It says so in any case when it was not asked for certain
/// passkeys (WebAuthn, level 3, section 7.2, step 6).
fn is_handle_of(answer: &PublicKeyCredential, shown: &Shown) -> bool {
    let handle = answer.get_user_unique_id();
    handle.is_none_or(|handle| handle == shown.user_handle.as_bytes())
}
