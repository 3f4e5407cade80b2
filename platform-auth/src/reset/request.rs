//! Asking for a token by mail.

use std::sync::Arc;

use platform_core::pg::Tenant;
use platform_core::{RequestContext, TenantId, error_chain};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::auth::Inner;
use crate::mail::{Addressee, Letter};
use crate::one_time::{self, Purpose};
use crate::refusals::Who;
use crate::stored::Candidate;
use crate::throttle::{AccountKey, Throttle};
use crate::trail::{self, Wanted};
use crate::{
    Auth, AuthConfig, EmailAddress, Fault, HashError, MailRequestError, ThrottleConfig, User, UserStatus,
};

/// Requests that are worked on at the same time; more are refused.
const REQUESTS_MAX: usize = 64;

/// What strangers ask for that is worked on after the answer, or makes mail.
pub(crate) struct Requests {
    /// Mail that is asked for, for each address and purpose, and from each source address.
    pub(crate) throttle: Throttle,
    /// Registrations, of each tenant and from each source address.
    pub(crate) registrations: Throttle,
    /// Users that admins make, of each tenant.
    pub(crate) made_users: Throttle,
    /// Places of those that are being worked on.
    pub(crate) free: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Requests {
    pub(crate) fn new(config: &AuthConfig) -> Self {
        let mail = config.mail.as_ref();
        Self {
            throttle: Throttle::new(mail.map_or_else(ThrottleConfig::default, |mail| mail.throttle)),
            registrations: Throttle::new(config.registrations),
            made_users: Throttle::new(ThrottleConfig {
                account: mail.map_or_else(|| ThrottleConfig::default().account, |mail| mail.made_users),
                ..ThrottleConfig::default()
            }),
            free: Arc::new(Semaphore::new(REQUESTS_MAX)),
            tasks: TaskTracker::new(),
        }
    }
}

impl Auth {
    /// Has a token sent with which a new password is set, if a user of the context's tenant has this address.
    ///
    /// The answer comes before anything is looked up, so that neither it nor its time tells whether anybody has the address. The token is
    /// good for an hour; a newer one voids it, and a user gets five an hour.
    ///
    /// # Errors
    /// [`MailRequestError`], which says nothing of a user either.
    pub async fn request_password_reset(
        &self,
        ctx: &RequestContext,
        email: &str,
    ) -> Result<(), MailRequestError> {
        self.request(ctx, email, Wanted::Reset).await
    }

    /// Has a token sent with which the address is verified, if a user of the context's tenant has it and it is not verified yet. As
    /// [`request_password_reset`](Self::request_password_reset), but for the token, which is good for a day.
    ///
    /// # Errors
    /// [`MailRequestError`], which says nothing of a user.
    pub async fn request_email_verification(
        &self,
        ctx: &RequestContext,
        email: &str,
    ) -> Result<(), MailRequestError> {
        self.request(ctx, email, Wanted::Verification).await
    }

    /// Waits until everything is done that was put off until after an answer, which most of all is writing mail: before a process ends, and
    /// in tests.
    pub async fn settle_mail_requests(&self) {
        let tasks = &self.inner.requests.tasks;
        tasks.close();
        tasks.wait().await;
        tasks.reopen();
    }

    async fn request(
        &self,
        ctx: &RequestContext,
        email: &str,
        wanted: Wanted,
    ) -> Result<(), MailRequestError> {
        let inner = &self.inner;
        if inner.config.mail.is_none() {
            return Err(MailRequestError::NoMail);
        }
        let email = EmailAddress::parse(email)?;
        let tenant = inner.open_tenant(ctx.tenant()).await??;
        let requests = &inner.requests;
        // Each purpose by itself: whoever asks for verifications uses up no resets.
        let account = AccountKey::of_mail(ctx.tenant(), &email, wanted.as_str());
        let (address, now) = (ctx.meta().source_address, inner.sources.now());
        let wait_max = inner.config.passwords.wait_max;
        // Dropped it counts, whatever becomes of the request.
        drop(requests.throttle.begin(account, address, now, wait_max).await?);
        let Ok(place) = Arc::clone(&requests.free).try_acquire_owned() else {
            return Err(HashError::busy().into());
        };
        let ctx = ctx.clone();
        self.later(place, ctx.tenant(), move |inner| async move {
            inner.answer_by_mail(&ctx, &email, &tenant, wanted).await
        });
        Ok(())
    }

    /// Works on a request after it was answered.
    pub(crate) fn later<F, Fut>(&self, place: OwnedSemaphorePermit, tenant: TenantId, work: F)
    where
        F: FnOnce(Arc<Inner>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        self.inner.requests.tasks.spawn(async move {
            if let Err(fault) = work(inner).await {
                tracing::error!(
                    tenant.id = %tenant, error = error_chain(&fault), "what was asked for could not be done after the answer"
                );
            }
            drop(place);
        });
    }
}

impl Inner {
    pub(crate) async fn answer_by_mail(
        &self,
        ctx: &RequestContext,
        email: &EmailAddress,
        tenant: &Tenant,
        wanted: Wanted,
    ) -> Result<(), Fault> {
        let in_vain =
            |user, reason| move |more| trail::mail_not_requested(wanted, user, email, (reason, more));
        let stranger = Who::stranger(ctx.tenant());
        let Some(candidate) = self.candidate(ctx, email).await? else {
            return self
                .record_refusal(ctx, stranger, in_vain(None, "unknown_user"))
                .await;
        };
        let user = candidate.stored.account.id;
        if let Some(reason) = no_mail_for(&candidate, wanted) {
            return self
                .record_refusal(ctx, stranger, in_vain(Some(user), reason))
                .await;
        }
        let Some(opened) = self.opened(ctx, &candidate.stored).await? else {
            return Ok(());
        };
        if self.send_token(ctx, &opened, tenant, wanted).await? {
            return Ok(());
        }
        self.record_refusal(ctx, stranger, in_vain(Some(user), "too_many"))
            .await
    }

    /// Tells a user that somebody has registered with the user's address.
    pub(crate) async fn write_to_owner(
        &self,
        ctx: &RequestContext,
        candidate: &Candidate,
        tenant: &Tenant,
    ) -> Result<(), Fault> {
        let Some(user) = self.opened(ctx, &candidate.stored).await? else {
            return Ok(());
        };
        let mut tx = self.db.begin(ctx).await?;
        let to = Addressee {
            user: user.id,
            email: &user.email,
            tenant: &tenant.name,
        };
        self.write_to(&mut tx, ctx, &to, &Letter::AlreadyRegistered, None)
            .await?;
        self.audit
            .record(&mut tx, ctx, trail::registered_again(user.id))
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Issues a token and writes it to its user, in one transaction. `false` when the user has got too many.
    async fn send_token(
        &self,
        ctx: &RequestContext,
        user: &User,
        tenant: &Tenant,
        wanted: Wanted,
    ) -> Result<bool, Fault> {
        let purpose = match wanted {
            Wanted::Verification => Purpose::VerifyEmail,
            Wanted::Reset => Purpose::ResetPassword,
        };
        let mut tx = self.db.begin(ctx).await?;
        let Some(issued) = one_time::issue(&mut tx, &self.sources, user.id, purpose).await? else {
            tx.rollback().await?;
            return Ok(false);
        };
        let letter = match wanted {
            Wanted::Verification => Letter::VerifyEmail(&issued.token),
            Wanted::Reset => Letter::ResetPassword(&issued.token),
        };
        let to = Addressee {
            user: user.id,
            email: &user.email,
            tenant: &tenant.name,
        };
        self.write_to(&mut tx, ctx, &to, &letter, Some(issued.expires_at))
            .await?;
        let event = trail::mail_requested(wanted, user.id);
        self.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(true)
    }
}

fn no_mail_for(candidate: &Candidate, wanted: Wanted) -> Option<&'static str> {
    match wanted {
        _ if candidate.stored.account.status == UserStatus::Disabled => Some("user_disabled"),
        Wanted::Verification if candidate.is_verified => Some("already_verified"),
        _ => None,
    }
}
