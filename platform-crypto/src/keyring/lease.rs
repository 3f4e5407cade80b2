//! Reserving seals, so that no key is used more often than is safe.

use std::sync::Arc;

use platform_core::{RequestContext, error_chain};

use super::handle::Inner;
use super::single::Waited;
use super::slot::Slot;
use super::tenant_keys::{Sealing, TenantKeys};
use super::{KeyError, store};
use crate::{Keys, Purpose};

/// What became of a wish for more seals.
enum Leased {
    /// There are seals to use.
    Enough,
    /// The key is not there any more.
    Gone,
}

impl Inner {
    /// Keys that can seal, with enough of a budget for half a lease at least.
    pub(super) async fn sealing_keys(&self, ctx: &RequestContext) -> Result<Keys, KeyError> {
        let slot = self.slot(ctx.tenant()).await;
        let mut loaded = self.loaded(&slot, ctx).await?;
        if let Some(keys) = self.leased(&slot, &loaded, ctx).await? {
            return Ok(keys);
        }
        // Somebody destroyed the key a moment ago.
        slot.invalidate();
        loaded = self.loaded(&slot, ctx).await?;
        let keys = self.leased(&slot, &loaded, ctx).await?;
        keys.ok_or(KeyError::Corrupt)
    }

    async fn leased(
        &self,
        slot: &Arc<Slot>,
        loaded: &TenantKeys,
        ctx: &RequestContext,
    ) -> Result<Option<Keys>, KeyError> {
        let Some(sealing) = loaded.sealing(self.sources.now()) else {
            return Ok(Some(loaded.opening_only(ctx.tenant())));
        };
        if self.has_enough(&sealing) {
            return Ok(Some(sealing.keys.clone()));
        }
        match Box::pin(self.lease(slot, loaded, &sealing, ctx)).await? {
            Leased::Enough => Ok(Some(sealing.keys.clone())),
            Leased::Gone => Ok(None),
        }
    }

    fn has_enough(&self, sealing: &Sealing<'_>) -> bool {
        let enough = self.config.block.div_ceil(2);
        sealing.budget.left().is_none_or(|left| left >= enough)
    }

    async fn lease(
        &self,
        slot: &Slot,
        loaded: &TenantKeys,
        sealing: &Sealing<'_>,
        ctx: &RequestContext,
    ) -> Result<Leased, KeyError> {
        let some_left = || sealing.budget.left() != Some(0);
        // One caller leases for all. Those who can still seal do not wait for it.
        let turn = match slot.leasing.try_turn() {
            Some(turn) => turn,
            None if some_left() => return Ok(Leased::Enough),
            None => match slot.leasing.wait(|| self.has_enough(sealing).then_some(())).await {
                Waited::Done(()) => return Ok(Leased::Enough),
                Waited::Failed(error) => return Err(error),
                Waited::Turn(turn) => turn,
            },
        };
        if self.has_enough(sealing) {
            return Ok(Leased::Enough);
        }
        let leased = self.lease_now(loaded, sealing, ctx).await;
        turn.end(&leased);
        match leased {
            Err(error) if some_left() => {
                tracing::warn!(error = %error_chain(&error), "cannot reserve more seals yet, going on with those left");
                Ok(Leased::Enough)
            }
            leased => leased,
        }
    }

    async fn lease_now(
        &self,
        loaded: &TenantKeys,
        sealing: &Sealing<'_>,
        ctx: &RequestContext,
    ) -> Result<Leased, KeyError> {
        let Some(uses) = self.count_lease(sealing, ctx).await? else {
            return Ok(Leased::Gone);
        };
        sealing.budget.add(uses.after - uses.before);
        if uses.after >= self.config.soft {
            self.replace_worn(loaded, sealing, ctx).await;
        }
        match sealing.budget.left() {
            Some(0) => Err(KeyError::BudgetSpent(sealing.id)),
            _ => Ok(Leased::Enough),
        }
    }

    async fn count_lease(
        &self,
        sealing: &Sealing<'_>,
        ctx: &RequestContext,
    ) -> Result<Option<store::Uses>, KeyError> {
        // In the name of the keyring: others wait for it, who have more time.
        let ctx = RequestContext::system(ctx.tenant(), "reserve seals", &self.sources);
        let mut tx = self.db.begin(&ctx).await?;
        let uses = store::lease(&mut tx, sealing.id, self.config.block, self.config.hard).await?;
        tx.commit().await?;
        Ok(uses)
    }

    /// Publishes the next version when there is none yet. A failure is not the caller's, as long as there is something left to seal.
    async fn replace_worn(&self, loaded: &TenantKeys, sealing: &Sealing<'_>, ctx: &RequestContext) {
        let newest = loaded.data().last().map(|key| &key.info);
        let Some(worn) = newest.filter(|newest| newest.id == sealing.id) else {
            return;
        };
        let reason = "rotate a key that has sealed much";
        let system = RequestContext::system(ctx.tenant(), reason, &self.sources);
        match self.rotate_version(&system, Purpose::Data, worn.version).await {
            Ok(_) => {}
            Err(error) => tracing::error!(
                tenant.id = %ctx.tenant(),
                key.id = %worn.id,
                error = %error_chain(&error),
                "the key {} has sealed much and could not be rotated",
                worn.id
            ),
        }
    }
}
