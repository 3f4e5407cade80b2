//! What has to be done from time to time.

use std::collections::HashSet;
use std::time::Duration;

use platform_core::pg::{DbError, Tenants};
use platform_core::{RequestContext, TenantId, error_chain};
use tokio_util::sync::CancellationToken;

use super::KeyError;
use super::handle::{Inner, Keyring};
use super::store::Row;
use crate::{KeyState, Purpose};

/// Tenants read at a time.
const PAGE: u32 = 100;

/// Data subjects of a tenant that are worked on at a time.
const SUBJECTS_MAX: u32 = 500;

/// What maintenance did for a tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Maintained {
    /// Published versions that were marked as active.
    pub activated: usize,
    /// Keys that came under the current root key.
    pub rewrapped: usize,
    /// Keys that were rotated because of their age.
    pub rotated: usize,
    /// Keys of data subjects that came under the tenant's newest key.
    pub subjects_rewrapped: usize,
    /// Erasures of data subjects that had been interrupted and were finished.
    pub erased: usize,
}

/// What maintenance did for all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// Tenants that were looked at.
    pub tenants: usize,
    /// Tenants for which something failed; each was logged.
    pub failed: usize,
    /// What was done for the others, in all.
    pub done: Maintained,
}

/// The background task of a keyring: hears of changes by other processes and does maintenance. Made by [`Keyring::worker`].
///
/// Every process that uses a keyring runs one. Without it changes reach the process after its time-to-live, and published versions
/// are marked as active when somebody looks.
#[derive(Debug, Clone)]
pub struct KeyringWorker {
    keyring: Keyring,
    every: Duration,
}

/// What a sweep does for all tenants before it does anything else.
#[derive(Debug, Clone, Copy)]
enum Pass {
    Erasures,
    Keys,
}

impl Keyring {
    /// The background task of this keyring, which does maintenance at this interval.
    pub fn worker(&self, every: Duration) -> KeyringWorker {
        KeyringWorker {
            keyring: self.clone(),
            every: every.max(Duration::from_secs(1)),
        }
    }

    /// Does what is due for a tenant: marks published versions as active, brings keys under the current root key and keys of
    /// data subjects under the newest key of the tenant, rotates a key that is too old, and finishes interrupted erasures. Several processes may do it at the same time.
    ///
    /// # Errors
    /// [`KeyError`]. What was done before the failure stays done; call it again.
    pub async fn maintain(&self, ctx: &RequestContext) -> Result<Maintained, KeyError> {
        self.inner.maintain(ctx).await
    }

    /// Does what is due for all tenants, one after the other. A tenant for which it fails does not keep it from the others.
    ///
    /// # Errors
    /// [`DbError`] when the tenants cannot be listed.
    pub async fn sweep(&self) -> Result<Swept, DbError> {
        let mut swept = Swept::default();
        let mut failed = HashSet::new();
        // Erasures first: they do not need the provider, and nobody waits for it longer than whoever asked for one.
        for pass in [Pass::Erasures, Pass::Keys] {
            self.sweep_all(pass, &mut swept, &mut failed).await?;
        }
        swept.failed = failed.len();
        Ok(swept)
    }

    async fn sweep_all(
        &self,
        pass: Pass,
        swept: &mut Swept,
        failed: &mut HashSet<TenantId>,
    ) -> Result<(), DbError> {
        let tenants = Tenants::new(&self.inner.db);
        let mut after = None;
        loop {
            let page = tenants.list(after, PAGE).await?;
            for tenant in &page {
                if let Err(error) = self.sweep_one(pass, tenant.id, swept).await {
                    failed.insert(tenant.id);
                    tracing::warn!(
                        tenant.id = %tenant.id,
                        error = %error_chain(&error),
                        "the keys of a tenant could not be maintained"
                    );
                }
            }
            match page.last() {
                Some(last) => after = Some(last.id),
                None => return Ok(()),
            }
        }
    }

    async fn sweep_one(&self, pass: Pass, tenant: TenantId, swept: &mut Swept) -> Result<(), KeyError> {
        let ctx = RequestContext::system(tenant, "maintain keys", &self.inner.sources);
        match pass {
            Pass::Erasures => swept.done.erased += self.inner.resume_erasures(&ctx, SUBJECTS_MAX).await?,
            Pass::Keys => {
                swept.tenants += 1;
                let done = self.inner.maintain_keys(&ctx).await?;
                swept.done.activated += done.activated;
                swept.done.rewrapped += done.rewrapped;
                swept.done.rotated += done.rotated;
                swept.done.subjects_rewrapped += done.subjects_rewrapped;
            }
        }
        Ok(())
    }
}

impl KeyringWorker {
    /// Works until it is told to stop or the database handle is closed.
    pub async fn run(&self, stop: CancellationToken) {
        let listening = self.keyring.inner.listen(&stop);
        let sweeping = stop.run_until_cancelled(self.sweep_for_ever());
        tokio::select! {
            () = listening => {}
            _ = sweeping => {}
        }
    }

    async fn sweep_for_ever(&self) {
        let mut tick = tokio::time::interval(self.every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            match Box::pin(self.keyring.sweep()).await {
                Ok(swept) if swept.done == Maintained::default() => {}
                Ok(swept) => tracing::info!(?swept, "maintained the keys of {} tenants", swept.tenants),
                Err(error) => tracing::warn!(error = %error_chain(&error), "keys could not be maintained"),
            }
        }
    }
}

impl Inner {
    async fn maintain(&self, ctx: &RequestContext) -> Result<Maintained, KeyError> {
        // What keeps one from its end need not keep the other; and erasures do not need the provider.
        let erased = self.resume_erasures(ctx, SUBJECTS_MAX).await;
        let mut done = self.maintain_keys(ctx).await?;
        done.erased = erased?;
        Ok(done)
    }

    async fn maintain_keys(&self, ctx: &RequestContext) -> Result<Maintained, KeyError> {
        let mut done = Maintained::default();
        let mut rows = self.rows(ctx).await?;
        if self.any_due(&rows) {
            done.activated = self.promote_due(ctx.tenant()).await?;
            rows = self.rows(ctx).await?;
        }
        if let Some(version) = self.outdated(&rows) {
            let rotated = self.rotate_version(ctx, Purpose::Data, version).await?;
            done.rotated = usize::from(rotated.is_some());
        }
        // Only then can a subject's key be under an older one; most tenants' keys need not be loaded.
        let versions = rows
            .iter()
            .filter(|row| row.info.purpose == Purpose::Data && row.info.state != KeyState::Destroyed)
            .count();
        let current = self.provider.current();
        rows.retain(|row| {
            row.wrapped
                .as_ref()
                .is_some_and(|wrapped| wrapped.root != current)
        });
        done.rewrapped = self.rewrap(ctx, rows).await?;
        if versions > 1 {
            done.subjects_rewrapped = self.rewrap_subjects(ctx, SUBJECTS_MAX).await?;
        }
        Ok(done)
    }

    /// Is a published version in the table that is in use by now?
    pub(super) fn any_due(&self, rows: &[Row]) -> bool {
        let now = self.sources.now();
        rows.iter()
            .any(|row| row.info.state == KeyState::PreActive && row.info.activates_at <= now)
    }

    /// The newest version of the data key, when it is too old.
    fn outdated(&self, rows: &[Row]) -> Option<u32> {
        let age = self.config.rotate_after?;
        let newest = rows.iter().rfind(|row| row.info.purpose == Purpose::Data)?;
        let outdated = newest.info.activates_at + age <= self.sources.now();
        outdated.then_some(newest.info.version)
    }
}
