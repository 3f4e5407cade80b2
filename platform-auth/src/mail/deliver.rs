//! Sending what waits.

use std::time::Duration;

use platform_core::pg::DbError;
use platform_core::{RequestContext, TenantId, error_chain};
use platform_crypto::{OpenError, SealedRow as _, Secret};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::letter::Written;
use super::stored::{self, Claimed};
use super::{Mail, MailConfig, MailError};
use crate::auth::Inner;
use crate::{Auth, Fault, trail};

/// How long one mail may take.
const SEND_MAX: Duration = Duration::from_secs(30);

/// How often the worker looks whether a mail is due again.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How many of these looks lie between two looks at all tenants, for mail that another process has left: ten minutes.
const LOOKS_PER_SWEEP: u32 = 120;

/// The longest pause between two looks while nothing can be done: five minutes and twenty seconds.
const LOOK_PAUSES_MAX: u32 = 6;

/// How many mails of one tenant are sent before the next one has its turn: nobody's thousand mails keep the one of somebody else waiting.
const TURN_MAX: u32 = 5;

/// Tenants that are looked up at once.
const TENANTS: u32 = 200;

/// What became of the mail that was due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// Mails that were sent.
    pub sent: u64,
    /// Mails that will not be: refused for good, or of no use any more. An event tells of each.
    pub dropped: u64,
    /// Mails that are tried again later.
    pub deferred: u64,
}

/// What became of one mail.
enum End {
    Sent,
    Dropped(&'static str),
    Deferred,
}

/// How a tenant's turn ended.
enum Turn {
    /// None of its mail is due any more.
    Done,
    /// There may be more.
    Over,
}

impl Auth {
    /// Sends the mail that is due by now, as far as this process knows of it; see [`find_waiting_mail`](Self::find_waiting_mail). Tenants
    /// take turns of five mails.
    ///
    /// Several processes may do so at the same time. A mail is sent at least once: again, when the process ends between the sending
    /// and the note of it.
    ///
    /// # Errors
    /// [`Fault`] when the database or the keys fail: the first one, after all tenants were tried. What waits still waits.
    pub async fn deliver_mail(&self) -> Result<Delivered, Fault> {
        let (delivered, fault) = self.inner.deliver_due(&CancellationToken::new()).await;
        fault.map_or(Ok(delivered), Err)
    }

    /// Looks in all tenants for mail that waits, and says how many have some: for what a process has left that ended.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub async fn find_waiting_mail(&self) -> Result<u64, Fault> {
        self.inner.find_waiting(&CancellationToken::new()).await
    }

    /// Sends mail until it is told to stop, which it looks for after each mail. What fails is logged and tried again, ever more slowly
    /// while nothing can be done. The runtime module does.
    pub async fn keep_delivering(&self, stop: CancellationToken) {
        let inner = &*self.inner;
        let (mut looks, mut failures) = (0, 0);
        while !stop.is_cancelled() {
            let mut is_stuck = false;
            if looks % LOOKS_PER_SWEEP == 0 {
                let found = inner.find_waiting(&stop).await;
                is_stuck = found.as_ref().is_err_and(logged);
            }
            let (delivered, fault) = inner.deliver_due(&stop).await;
            // One tenant whose keys are away slows nobody else down.
            is_stuck |= fault.as_ref().is_some_and(logged) && delivered == Delivered::default();
            match is_stuck {
                true => failures = LOOK_PAUSES_MAX.min(failures + 1),
                // A look at all tenants that failed is made again.
                false => (looks, failures) = (looks.wrapping_add(1), 0),
            }
            // A mail that is noted while none is awaited wakes the next wait.
            let woken = timeout(LOOK_EVERY * 2_u32.pow(failures), inner.mails.woken());
            if stop.run_until_cancelled(woken).await.is_none() {
                return;
            }
        }
    }
}

fn logged(fault: &Fault) -> bool {
    tracing::error!(error = error_chain(fault), "mail could not be sent, it waits");
    true
}

impl Inner {
    /// Sends what is due until it is told to stop; what was sent, and the first fault.
    async fn deliver_due(&self, stop: &CancellationToken) -> (Delivered, Option<Fault>) {
        let mut delivered = Delivered::default();
        let Some(config) = &self.config.mail else {
            return (delivered, None);
        };
        // The keys of one tenant may be away while those of the others are not.
        let mut first_fault = None;
        while !stop.is_cancelled()
            && let Some(tenant) = self.mails.take_due(self.sources.now())
        {
            match self.deliver_turn(tenant, config, stop, &mut delivered).await {
                Ok(Turn::Done) => {}
                // Behind all others whose mail is due.
                Ok(Turn::Over) => self.mails.put(tenant, self.sources.now()),
                Err(fault) => {
                    self.mails.put(tenant, self.sources.now() + LOOK_EVERY);
                    first_fault.get_or_insert(fault);
                }
            }
        }
        (delivered, first_fault)
    }

    async fn find_waiting(&self, stop: &CancellationToken) -> Result<u64, Fault> {
        let (mut found, mut after) = (0, None);
        loop {
            let tenants = self.tenants.list(after, TENANTS).await?;
            for tenant in &tenants {
                if stop.is_cancelled() {
                    return Ok(found);
                }
                found += u64::from(self.note_next(tenant.id).await?);
            }
            match tenants.last() {
                Some(last) => after = Some(last.id),
                None => return Ok(found),
            }
        }
    }

    /// Notes when the tenant's next mail is due; says whether there is one.
    async fn note_next(&self, tenant: TenantId) -> Result<bool, DbError> {
        let ctx = RequestContext::system(tenant, "look for mail", &self.sources);
        let mut read = self.db.read(&ctx).await?;
        let next = stored::next_due(&mut read).await?;
        read.finish().await?;
        if let Some(at) = next {
            self.mails.put(tenant, at);
        }
        Ok(next.is_some())
    }

    /// One tenant's turn: a few mails, or all that are due. It is over with the first that cannot be sent now: it may have taken long, and
    /// what comes after it most likely fares no better.
    async fn deliver_turn(
        &self,
        tenant: TenantId,
        config: &MailConfig,
        stop: &CancellationToken,
        delivered: &mut Delivered,
    ) -> Result<Turn, Fault> {
        let ctx = RequestContext::system(tenant, "send mail", &self.sources);
        for _ in 0..TURN_MAX {
            if stop.is_cancelled() {
                break;
            }
            let mut tx = self.db.begin(&ctx).await?;
            let claimed = stored::claim(&mut tx, self.sources.now()).await?;
            // Committed before it is sent: no transaction waits for another server.
            tx.commit().await?;
            let Some(claimed) = claimed else {
                self.note_next(tenant).await?;
                return Ok(Turn::Done);
            };
            match self.deliver(&ctx, &claimed, config).await? {
                End::Deferred => {
                    delivered.deferred += 1;
                    break;
                }
                End::Sent => {
                    delivered.sent += 1;
                    self.finish(&ctx, &claimed, None).await?;
                }
                End::Dropped(reason) => {
                    delivered.dropped += 1;
                    self.finish(&ctx, &claimed, Some(reason)).await?;
                }
            }
        }
        Ok(Turn::Over)
    }

    async fn deliver(
        &self,
        ctx: &RequestContext,
        claimed: &Claimed,
        config: &MailConfig,
    ) -> Result<End, Fault> {
        if claimed.expires_at <= self.sources.now() {
            return Ok(End::Dropped("expired"));
        }
        let id = claimed.mail.id;
        let mail = match self.opened_mail(ctx, claimed).await? {
            Ok(mail) => mail,
            Err(OpenError::KeyDestroyed(_)) => return Ok(End::Dropped("erased")),
            Err(error) => {
                tracing::error!(mail.id = %id, %error, "mail {id} cannot be opened");
                return Ok(End::Deferred);
            }
        };
        let sent = timeout(SEND_MAX, config.mailer.send(&mail)).await;
        Ok(match sent.unwrap_or(Err(MailError::Unavailable(None))) {
            Ok(()) => End::Sent,
            Err(error @ MailError::Refused(_)) => {
                tracing::warn!(mail.id = %id, error = error_chain(&error), "mail {id} is dropped");
                End::Dropped("refused")
            }
            Err(error) => {
                let attempts = claimed.attempts;
                tracing::warn!(mail.id = %id, mail.attempts = attempts, error = error_chain(&error), "mail {id} waits");
                End::Deferred
            }
        })
    }

    async fn opened_mail(
        &self,
        ctx: &RequestContext,
        claimed: &Claimed,
    ) -> Result<Result<Mail, OpenError>, Fault> {
        let keys = self.keys.keys_for(ctx, claimed.mail.key_ids()).await?;
        let opened = match claimed.mail.open(&keys) {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        let Ok(written) = serde_json::from_str::<Written>(opened.content_sealed.expose()) else {
            return Ok(Err(OpenError::NotPlaintext));
        };
        Ok(Ok(Mail {
            id: claimed.mail.id,
            to: Secret::new(written.to),
            subject: written.subject,
            text: Secret::new(written.text),
        }))
    }

    /// Takes a mail out of the table, and records what became of it.
    async fn finish(
        &self,
        ctx: &RequestContext,
        claimed: &Claimed,
        dropped: Option<&'static str>,
    ) -> Result<(), Fault> {
        let mut tx = self.db.begin(ctx).await?;
        if stored::delete(&mut tx, claimed.mail.id).await? {
            let event = trail::mail_ended(claimed.mail.subject_id, claimed.mail.id, &claimed.kind, dropped);
            self.audit.record(&mut tx, ctx, event).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
