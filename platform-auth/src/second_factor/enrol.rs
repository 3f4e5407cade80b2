//! Setting a second factor up, and giving it up.

use std::time::Duration;

use platform_core::pg::TenantTx;
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, PrincipalKind, RequestContext, Timestamp};
use platform_crypto::Secret;

use super::recovery::RecoveryCodes;
use super::stored::{self, OpenedSealedTotp};
use super::totp;
use crate::auth::Inner;
use crate::change::{Proved, hold_session};
use crate::erasure::subject;
use crate::mail::{Addressee, Letter};
use crate::session::{self, EndReason, Proof};
use crate::stored::Candidate;
use crate::throttle::{AccountKey, Attempt};
use crate::{Auth, CredentialError, SessionId, SignedIn, erasure, one_time, trail};

/// How long a seed waits for its first code.
const CONFIRM_WITHIN: Duration = Duration::from_secs(15 * 60);

/// A seed for an authenticator, shown this once. Signing in takes no codes before [`Auth::confirm_totp`].
#[derive(Debug)]
pub struct Enrolment {
    /// The seed in base32, to be typed.
    pub secret: Secret<String>,
    /// The seed as an `otpauth://` URL, to be shown as a QR code.
    pub url: Secret<String>,
}

/// A second factor is set up.
#[derive(Debug)]
pub struct Confirmed {
    /// The codes for the day on which the authenticator is lost, shown this once.
    pub recovery_codes: RecoveryCodes,
    /// The session of the call under a new token and id; all others have ended.
    pub signed_in: SignedIn,
}

/// What a user has to sign in with.
#[derive(Debug)]
#[non_exhaustive]
pub struct CredentialStatus {
    /// When the user chose the password.
    pub password_changed_at: Timestamp,
    /// Whether somebody has shown that the mail of the address is read.
    pub email_verified: bool,
    /// Whether signing in takes a code as well.
    pub totp: bool,
    /// Recovery codes that are not used yet.
    pub recovery_codes_left: u32,
    /// The user's passkeys in the order in which they were registered, at most 20, those that are disabled too.
    #[cfg(feature = "passkeys")]
    pub passkeys: Vec<crate::Passkey>,
}

impl Auth {
    /// What the calling user has to sign in with.
    ///
    /// # Errors
    /// [`CredentialError::NoUser`], [`CredentialError::Fault`].
    pub async fn credential_status(&self, ctx: &RequestContext) -> Result<CredentialStatus, CredentialError> {
        let user = user_of(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let standing = stored::standing(&mut read, user).await?;
        read.finish().await?;
        let standing = standing.ok_or(CredentialError::NoUser)?;
        Ok(CredentialStatus {
            password_changed_at: standing.changed_at,
            email_verified: standing.is_verified,
            totp: standing.has_second_factor,
            recovery_codes_left: u32::try_from(standing.recovery_codes).unwrap_or(u32::MAX),
            #[cfg(feature = "passkeys")]
            passkeys: self
                .inner
                .passkeys_of(ctx, user, None, crate::passkey::ALL)
                .await?,
        })
    }

    /// Makes a seed for the calling user's authenticator, in the place of one that was never confirmed. A first code within 15 minutes
    /// [confirms](Self::confirm_totp) it.
    ///
    /// # Errors
    /// [`CredentialError::AlreadyEnrolled`], [`CredentialError::WrongPassword`], and [`CredentialError::EmailUnverified`] where the service
    /// sends mail: who registered the address of somebody else would keep the owner out with a factor of his own.
    pub async fn enrol_totp(
        &self,
        ctx: &RequestContext,
        password: SecretString,
    ) -> Result<Enrolment, CredentialError> {
        let inner = &*self.inner;
        let Proved {
            candidate,
            user,
            tenant,
        } = inner.prove(ctx, password, "totp").await?;
        if candidate.has_second_factor {
            return Err(CredentialError::AlreadyEnrolled);
        }
        inner.may_have_factor(&candidate)?;
        let seed = totp::new_seed(&inner.sources);
        let enrolment = Enrolment {
            secret: totp::base32(&seed),
            url: totp::otpauth_url(&seed, &tenant.name, user.email.expose()),
        };
        let mut tx = inner.db.begin(ctx).await?;
        erasure::lock(&mut tx, user.id).await?;
        still(&candidate, session::hold_credential(&mut tx, user.id).await?)?;
        inner.may_change_factors(&mut tx, ctx, user.id).await?;
        let key = inner.keys.ensure_subject(&mut tx, ctx, subject(user.id)).await?;
        let sealed = OpenedSealedTotp {
            tenant_id: ctx.tenant(),
            subject_id: user.id,
            seed_sealed: seed,
        };
        let sealed = sealed.seal(&key)?;
        if !stored::enrol(&mut tx, &sealed, inner.sources.now()).await? {
            return Err(CredentialError::AlreadyEnrolled);
        }
        inner
            .audit
            .record(&mut tx, ctx, trail::factor_enrolled(user.id))
            .await?;
        tx.commit().await?;
        Ok(enrolment)
    }

    /// Has signing in take codes from now on: the calling user's authenticator shows that it has the seed. All other sessions end, and
    /// the one of the call gets a new token and id. The user is told by mail.
    ///
    /// # Errors
    /// [`CredentialError::NotEnrolled`] when no seed waits for its first code, [`CredentialError::InvalidCode`].
    pub async fn confirm_totp(
        &self,
        ctx: &RequestContext,
        code: SecretString,
    ) -> Result<Confirmed, CredentialError> {
        let inner = &*self.inner;
        let id = user_of(ctx)?;
        let tenant = inner.open_tenant(ctx.tenant()).await??;
        let attempt = inner.begin_code(ctx, id).await?;
        let mut read = inner.db.read(ctx).await?;
        let waiting = stored::totp(&mut read, id).await?;
        let candidate = crate::stored::candidate_of(&mut read, id).await?;
        read.finish().await?;
        let now = inner.sources.now();
        let waiting = waiting
            .filter(|waiting| waiting.confirmed_at.is_none() && now < waiting.enrolled_at + CONFIRM_WITHIN);
        let (Some(waiting), Some(candidate)) = (waiting, candidate) else {
            attempt.did_not_happen();
            return Err(CredentialError::NotEnrolled);
        };
        if let Err(error) = inner.may_have_factor(&candidate) {
            attempt.did_not_happen();
            return Err(error);
        }
        let seed = inner.seed(ctx, &waiting).await?;
        let user = inner.opened(ctx, &candidate.stored).await?;
        let user = user.ok_or(CredentialError::NoUser)?;
        let step = totp::step_of(&seed, typed(&code).expose(), now);
        let Some(step) = step else {
            drop(attempt);
            return Err(inner.refuse_code(ctx, id).await?);
        };
        attempt.succeeded();

        let codes = RecoveryCodes::generate(&inner.sources);
        let mut tx = inner.db.begin(ctx).await?;
        erasure::lock(&mut tx, id).await?;
        still(&candidate, stored::lock_credential(&mut tx, id).await?)?;
        let current = hold_session(&mut tx, ctx, id, now).await?;
        inner.may_change_factors(&mut tx, ctx, id).await?;
        if !stored::confirm(&mut tx, id, (waiting.enrolled_at, step), now).await? {
            return Err(CredentialError::NotEnrolled);
        }
        stored::replace_recovery(&mut tx, id, &codes.hashes(), now).await?;
        one_time::void_all(&mut tx, id, now).await?;
        let ended = inner
            .sessions
            .end_others(&mut tx, id, Some(current), EndReason::FactorChanged, now)
            .await?;
        let proof = (Proof::PasswordAndCode, candidate.changed_at);
        let account = candidate.stored.account;
        let opened = inner.open_session(&mut tx, ctx, account, proof).await?;
        // The user was disabled a moment ago.
        let (opened, of_user) = opened.ok_or(CredentialError::NoUser)?;
        let to = Addressee {
            user: id,
            email: &user.email,
            tenant: &tenant.name,
        };
        inner
            .write_to(&mut tx, ctx, &to, &Letter::SecondFactorOn, None)
            .await?;
        let event = trail::credential_changed_in(id, "totp", "confirmed", (opened.begun, ended));
        inner.audit.record(&mut tx, &of_user, event).await?;
        tx.commit().await?;
        Ok(Confirmed {
            recovery_codes: codes,
            signed_in: opened.signed_in(user, tenant),
        })
    }

    /// Has signing in take no codes any more: takes the password and a code, or a recovery code. All other sessions end, and the one of the
    /// call gets a new token and id: it does not go on as one that a code was given for. The user is told by mail.
    ///
    /// # Errors
    /// [`CredentialError::NotEnrolled`], [`CredentialError::WrongPassword`], [`CredentialError::InvalidCode`].
    pub async fn disable_totp(
        &self,
        ctx: &RequestContext,
        password: SecretString,
        code: SecretString,
    ) -> Result<SignedIn, CredentialError> {
        let inner = &*self.inner;
        let (proved, candidate, attempt) = inner.prove_twice(ctx, password, &code, "totp").await?;
        let (id, now) = (proved.user.id, inner.sources.now());
        let mut tx = inner.db.begin(ctx).await?;
        erasure::lock(&mut tx, id).await?;
        still(&proved.candidate, stored::lock_credential(&mut tx, id).await?)?;
        let current = hold_session(&mut tx, ctx, id, now).await?;
        if !candidate.take(&mut tx, id, now).await? {
            tx.rollback().await?;
            drop(attempt);
            return Err(inner.refuse_code(ctx, id).await?);
        }
        stored::give_up(&mut tx, id).await?;
        one_time::void_all(&mut tx, id, now).await?;
        let ended = inner
            .sessions
            .end_others(&mut tx, id, Some(current), EndReason::FactorChanged, now)
            .await?;
        let proof = (Proof::Password, proved.candidate.changed_at);
        let account = proved.candidate.stored.account;
        let opened = inner.open_session(&mut tx, ctx, account, proof).await?;
        let (opened, of_user) = opened.ok_or(CredentialError::NoUser)?;
        inner
            .write_to(&mut tx, ctx, &proved.addressee(), &Letter::SecondFactorOff, None)
            .await?;
        let event = trail::credential_changed_in(id, "totp", "disabled", (opened.begun, ended));
        inner.audit.record(&mut tx, &of_user, event).await?;
        tx.commit().await?;
        attempt.succeeded();
        Ok(opened.signed_in(proved.user, proved.tenant))
    }

    /// Makes the calling user's recovery codes anew: takes the password and a code. The older ones are worthless. The user is told by mail.
    ///
    /// # Errors
    /// As [`disable_totp`](Self::disable_totp).
    pub async fn renew_recovery_codes(
        &self,
        ctx: &RequestContext,
        password: SecretString,
        code: SecretString,
    ) -> Result<RecoveryCodes, CredentialError> {
        let inner = &*self.inner;
        let (proved, candidate, attempt) = inner.prove_twice(ctx, password, &code, "recovery_codes").await?;
        let (id, now) = (proved.user.id, inner.sources.now());
        let codes = RecoveryCodes::generate(&inner.sources);
        let mut tx = inner.db.begin(ctx).await?;
        erasure::lock(&mut tx, id).await?;
        still(&proved.candidate, session::hold_credential(&mut tx, id).await?)?;
        hold_session(&mut tx, ctx, id, now).await?;
        if !candidate.take(&mut tx, id, now).await? {
            tx.rollback().await?;
            drop(attempt);
            return Err(inner.refuse_code(ctx, id).await?);
        }
        stored::replace_recovery(&mut tx, id, &codes.hashes(), now).await?;
        inner
            .write_to(
                &mut tx,
                ctx,
                &proved.addressee(),
                &Letter::RecoveryCodesRenewed,
                None,
            )
            .await?;
        let event = trail::credential_changed(id, "recovery_codes", "renewed", 0);
        inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        attempt.succeeded();
        Ok(codes)
    }
}

impl Proved {
    fn addressee(&self) -> Addressee<'_> {
        Addressee {
            user: self.user.id,
            email: &self.user.email,
            tenant: &self.tenant.name,
        }
    }
}

/// Refuses when the password has been changed since it was proved: whoever proved it does not know the one of now.
fn still(proved: &Candidate, changed_at: Option<Timestamp>) -> Result<(), CredentialError> {
    match changed_at {
        Some(at) if at == proved.changed_at => Ok(()),
        _ => Err(CredentialError::WrongPassword),
    }
}

impl Inner {
    /// Refuses a second factor for an address that nobody has verified, where somebody can.
    pub(crate) fn may_have_factor(&self, candidate: &Candidate) -> Result<(), CredentialError> {
        match self.config.mail.is_some() && !candidate.is_verified {
            true => Err(CredentialError::EmailUnverified),
            false => Ok(()),
        }
    }

    /// Refuses a session that has proved less than the tenant and the user's passkeys ask for.
    pub(crate) async fn may_change_factors(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        user: PrincipalId,
    ) -> Result<(), CredentialError> {
        let current = ctx.session().map(SessionId::from_stored);
        let current = current.ok_or(CredentialError::SessionRequired)?;
        let above = self.required_in(tx).await?;
        let proved = session::proved(tx, user, current).await?;
        let proved = proved.ok_or(CredentialError::NoUser)?;
        match proved.may_change_factors(&above) {
            true => Ok(()),
            false => Err(CredentialError::SecondFactorRequired),
        }
    }

    /// Begins an attempt at a user's code.
    pub(crate) async fn begin_code(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
    ) -> Result<Attempt<'_>, crate::throttle::Held> {
        let account = AccountKey::of_user(ctx.tenant(), user);
        let (address, now) = (ctx.meta().source_address, self.sources.now());
        let wait_max = self.config.passwords.wait_max;
        self.codes.begin(account, address, now, wait_max).await
    }

    /// Has the calling user prove with password and code who it is. The code is not used up yet.
    async fn prove_twice(
        &self,
        ctx: &RequestContext,
        password: SecretString,
        code: &SecretString,
        what: &'static str,
    ) -> Result<(Proved, super::code::Candidate, Attempt<'_>), CredentialError> {
        let proved = self.prove(ctx, password, what).await?;
        if !proved.candidate.has_second_factor {
            return Err(CredentialError::NotEnrolled);
        }
        let attempt = self.begin_code(ctx, proved.user.id).await?;
        match self.code_of(ctx, proved.user.id, code).await {
            Ok(Some(candidate)) => Ok((proved, candidate, attempt)),
            Ok(None) => {
                drop(attempt);
                Err(self.refuse_code(ctx, proved.user.id).await?)
            }
            Err(fault) => {
                attempt.did_not_happen();
                Err(fault.into())
            }
        }
    }

    /// Records that a code was wrong.
    async fn refuse_code(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
    ) -> Result<CredentialError, CredentialError> {
        let event = trail::credential_kept(user, "totp", "invalid_code");
        self.audit.record_refusal(&self.db, ctx, event).await?;
        Ok(CredentialError::InvalidCode)
    }
}

fn user_of(ctx: &RequestContext) -> Result<PrincipalId, CredentialError> {
    let is_user = ctx.principal().kind() == PrincipalKind::User;
    let id = ctx.principal().id().filter(|_| is_user);
    let id = id.ok_or(CredentialError::NoUser)?;
    match ctx.session() {
        Some(_) => Ok(id),
        None => Err(CredentialError::SessionRequired),
    }
}

/// The digits of a code without the blanks that authenticators show between them.
fn typed(code: &SecretString) -> Secret<String> {
    use platform_core::secrecy::ExposeSecret as _;
    let digits = code.expose_secret().chars().filter(|c| *c != ' ');
    Secret::new(digits.take(7).collect())
}
