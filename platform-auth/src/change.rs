//! Changing one's own password, and proving with it who one is.

use std::fmt;

use platform_core::pg::{DbError, Tenant, TenantTx};
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, PrincipalKind, RequestContext, Timestamp};

use crate::auth::Inner;
use crate::hasher::Verdict;
use crate::mail::{Addressee, Letter};
use crate::password::{About, ProposedPassword, TriedPassword};
use crate::session::{self, EndReason, Proof};
use crate::stored::Candidate;
use crate::throttle::AccountKey;
use crate::{Auth, CredentialError, SessionId, SignedIn, User, UserStatus, erasure, one_time, stored, trail};

/// What a user enters who wants another password.
#[derive(Clone)]
pub struct PasswordChange {
    /// The password of now.
    pub old: SecretString,
    /// The one from now on.
    pub new: SecretString,
}

/// Prints nothing of what was entered.
impl fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordChange").finish_non_exhaustive()
    }
}

/// A user who has just given the right password.
pub(crate) struct Proved {
    pub(crate) candidate: Candidate,
    pub(crate) user: User,
    pub(crate) tenant: Tenant,
}

impl Auth {
    /// Gives the calling user another password. All other sessions end, and the one of the call gets a new token and id. The user is told
    /// by mail.
    ///
    /// # Errors
    /// [`CredentialError::WrongPassword`] is counted and slowed down like a failed sign-in; [`CredentialError::Password`] says what is
    /// wrong with the new one. Nothing is changed then.
    pub async fn change_password(
        &self,
        ctx: &RequestContext,
        change: PasswordChange,
    ) -> Result<SignedIn, CredentialError> {
        let inner = &*self.inner;
        let policy = inner.tenant_policy(ctx.tenant()).await?;
        let proposed = ProposedPassword::new(change.new, policy.password_chars_min)?;
        let proved = inner.prove(ctx, change.old, "password").await?;
        let Proved {
            candidate,
            user,
            tenant,
        } = proved;
        let about = About::of_user(&user);
        let rule = inner.policy.at_least(policy.password_score_min);
        let password = inner.hasher.judge(&rule, proposed, about).await??;
        let phc = inner.hasher.hash(password).await?;

        let now = inner.sources.now();
        let mut tx = inner.db.begin(ctx).await?;
        erasure::lock(&mut tx, user.id).await?;
        // Of two changes at a time, the second one's old password is not the password any more.
        let changed_at = stored::change_password(&mut tx, &candidate, &phc, now).await?;
        let changed_at = changed_at.ok_or(CredentialError::WrongPassword)?;
        let current = hold_session(&mut tx, ctx, user.id, now).await?;
        one_time::void_all(&mut tx, user.id, now).await?;
        let proof = session::proof_of(&mut tx, user.id, current).await?;
        let ended = inner
            .sessions
            .end_others(&mut tx, user.id, Some(current), EndReason::PasswordChanged, now)
            .await?;
        let proof = (proof.unwrap_or(Proof::Password), changed_at);
        let account = candidate.stored.account;
        let opened = inner.open_session(&mut tx, ctx, account, proof).await?;
        let (mut opened, of_user) = opened.ok_or(CredentialError::NoUser)?;
        if proof.0 != Proof::Password {
            opened.go_on_as_long(&mut tx).await?;
        }
        let to = Addressee {
            user: user.id,
            email: &user.email,
            tenant: &tenant.name,
        };
        inner
            .write_to(&mut tx, ctx, &to, &Letter::PasswordChanged, None)
            .await?;
        let event = trail::credential_changed_in(user.id, "password", "changed", (opened.begun, ended));
        inner.audit.record(&mut tx, &of_user, event).await?;
        tx.commit().await?;
        Ok(opened.signed_in(user, tenant))
    }
}

/// The session of the call, which nobody ends until the transaction does. One that has ended while the user proved who it is, or of which
/// there never was any, is not gone on with under a new token.
///
/// Locks the session: call it when the user and the credential are locked, in the order in which all take their locks.
pub(crate) async fn hold_session(
    tx: &mut TenantTx,
    ctx: &RequestContext,
    user: PrincipalId,
    now: Timestamp,
) -> Result<SessionId, CredentialError> {
    let current = ctx.session().map(SessionId::from_stored);
    let current = current.ok_or(CredentialError::NoUser)?;
    let live: Option<SessionId> = sqlx::query_scalar(
        "select id from platform_auth.session
         where tenant_id = $1 and subject_id = $2 and id = $3
           and ended_at is null and idle_expires_at > $4 and expires_at > $4
         for no key update",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(current)
    .bind(now)
    .fetch_optional(&mut *tx)
    .await
    .map_err(DbError::from)?;
    live.ok_or(CredentialError::NoUser)
}

impl Inner {
    /// Has the calling user prove with the password who it is, before something of the user's is changed: `what`, for the trail.
    ///
    /// A token may have been stolen, and with it the session; the password has not been.
    pub(crate) async fn prove(
        &self,
        ctx: &RequestContext,
        password: SecretString,
        what: &'static str,
    ) -> Result<Proved, CredentialError> {
        let is_user = ctx.principal().kind() == PrincipalKind::User;
        let id = ctx.principal().id().filter(|_| is_user);
        let id = id.ok_or(CredentialError::NoUser)?;
        // An API key is not the user: whoever has found it does not get at the rest.
        if ctx.session().is_none() {
            return Err(CredentialError::SessionRequired);
        }
        let password = TriedPassword::new(password).ok_or(CredentialError::WrongPassword)?;
        let tenant = self.open_tenant(ctx.tenant()).await??;
        let attempt = self
            .throttle
            .begin(
                AccountKey::of_user(ctx.tenant(), id),
                ctx.meta().source_address,
                self.sources.now(),
                self.config.passwords.wait_max,
            )
            .await?;
        let proved = async {
            let mut read = self.db.read(ctx).await?;
            let candidate = stored::candidate_of(&mut read, id).await?;
            read.finish().await?;
            let active = candidate.filter(|candidate| candidate.stored.account.status == UserStatus::Active);
            let candidate = active.ok_or(CredentialError::NoUser)?;
            let verdict = self.hasher.verify(password, Some(candidate.phc.clone())).await?;
            if verdict == Verdict::Wrong {
                return Ok(None);
            }
            let user = self.opened(ctx, &candidate.stored).await?;
            let user = user.ok_or(CredentialError::NoUser)?;
            Ok(Some((candidate, user)))
        }
        .await;
        match proved {
            Ok(Some((candidate, user))) => {
                attempt.succeeded();
                Ok(Proved {
                    candidate,
                    user,
                    tenant,
                })
            }
            Ok(None) => {
                drop(attempt);
                let event = trail::credential_kept(id, what, "wrong_password");
                self.audit.record_refusal(&self.db, ctx, event).await?;
                Err(CredentialError::WrongPassword)
            }
            Err(error) => {
                attempt.did_not_happen();
                Err(error)
            }
        }
    }
}
