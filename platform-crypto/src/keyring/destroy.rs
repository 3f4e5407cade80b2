//! The end of a key.

use platform_core::RequestContext;
use platform_core::pg::TenantTx;

use super::change::{self, Change};
use super::handle::{Inner, Keyring};
use super::make::key_event;
use super::{KeyError, KeyEvent, KeyEventKind, KeyInfo, store};
use crate::reseal::table_that_uses;
use crate::{KeyState, Purpose, index, subject};

impl Keyring {
    /// Destroys a version of the tenant's key for good. What is still sealed under it cannot be read by anybody any more, except
    /// with a backup of the database *and* its root key: [re-seal](Self::reseal) first.
    ///
    /// Only a version that merely decrypts can be destroyed, two times-to-live after it was retired, and only when no table that the
    /// keyring [knows of](crate::KeyringBuilder::sealed) has a value under it. A refusal is recorded.
    ///
    /// Two, because a process that has not heard of the rotation takes [`Keys`](crate::Keys) out of its cache for one time-to-live, and
    /// may seal with them for another one. What is sealed with `Keys` that were held for longer, or committed later than that, is not
    /// seen here and lost when the key is destroyed: hold them for one request or one batch.
    ///
    /// # Errors
    /// [`KeyError::NotFound`], [`KeyError::NotDestroyable`], [`KeyError::TooEarly`],
    /// [`KeyError::StillUsed`]: nothing was changed. [`KeyError::Db`] and
    /// [`KeyError::Log`] as everywhere.
    pub async fn destroy(
        &self,
        ctx: &RequestContext,
        purpose: Purpose,
        version: u32,
    ) -> Result<KeyInfo, KeyError> {
        self.inner.destroy(ctx, purpose, version).await
    }
}

impl Inner {
    async fn destroy(
        &self,
        ctx: &RequestContext,
        purpose: Purpose,
        version: u32,
    ) -> Result<KeyInfo, KeyError> {
        self.promote_due(ctx.tenant()).await?;
        let mut tx = self.db.begin(ctx).await?;
        store::lock(&mut tx, purpose).await?;
        let rows = store::rows(&mut tx, ctx.tenant()).await?;
        let wanted = |info: &KeyInfo| info.purpose == purpose && info.version == version;
        let found = rows.into_iter().map(|row| row.info).find(wanted);
        let mut key = found.ok_or(KeyError::NotFound { purpose, version })?;
        let event = key_event(KeyEventKind::KeyDestroy, key.id, purpose, version);
        if let Some(refused) = self.refusal(&mut tx, &key).await? {
            tx.rollback().await?;
            self.record_alone(ctx, &event.denied(code(&refused))).await?;
            return Err(refused);
        }
        let now = self.sources.now();
        store::destroy(&mut tx, purpose, version, now).await?;
        self.log.record(&mut tx, ctx, &event).await?;
        change::notify(&mut tx, &Change::Keys(ctx.tenant())).await?;
        tx.commit().await?;
        self.invalidate(ctx.tenant()).await;
        key.state = KeyState::Destroyed;
        key.root = None;
        key.destroyed_at = Some(now);
        Ok(key)
    }

    /// Why the key may not be destroyed, if it may not.
    async fn refusal(&self, tx: &mut TenantTx, key: &KeyInfo) -> Result<Option<KeyError>, KeyError> {
        if let Err(refused) = self.may_be_destroyed(key) {
            return Ok(Some(refused));
        }
        if let Some(needed) = self.still_needed(tx, key).await? {
            return Ok(Some(KeyError::StillNeeded(needed)));
        }
        if key.purpose != Purpose::Data {
            return Ok(None);
        }
        // A value that is not committed yet would have been sealed with keys that were held for longer than a time-to-live.
        let used = table_that_uses(tx, &self.tables, key.id).await?;
        Ok(used.map(|table| KeyError::StillUsed { table }))
    }

    /// How many rows need the key to be read or found; `None` when none does, and none will until the transaction ends.
    async fn still_needed(&self, tx: &mut TenantTx, key: &KeyInfo) -> Result<Option<u64>, KeyError> {
        store::lock_version(tx, key.purpose, key.version).await?;
        let needed = match key.purpose {
            Purpose::Data => subject::count_wrapped_by(tx, key.id).await?,
            Purpose::Index => index::count_behind(tx, key.version).await?,
        };
        if needed > 0 {
            return Ok(Some(needed));
        }
        if key.purpose == Purpose::Index {
            index::delete_version(tx, key.version).await?;
        }
        Ok(None)
    }

    fn may_be_destroyed(&self, key: &KeyInfo) -> Result<(), KeyError> {
        let retired_at = match (key.state, key.retired_at) {
            (KeyState::DecryptOnly, Some(retired_at)) => retired_at,
            (state, _) => return Err(KeyError::NotDestroyable { state }),
        };
        // A process that has not heard of its successor hands it out until its copy is too old, and whoever has got it a moment
        // before seals with it for as long again.
        let until = retired_at + self.config.ttl + self.config.ttl;
        match self.sources.now() < until {
            true => Err(KeyError::TooEarly { until }),
            false => Ok(()),
        }
    }

    /// Records what changed nothing.
    pub(crate) async fn record_alone(&self, ctx: &RequestContext, event: &KeyEvent) -> Result<(), KeyError> {
        let mut tx = self.db.begin(ctx).await?;
        self.log.record(&mut tx, ctx, event).await?;
        Ok(tx.commit().await?)
    }
}

fn code(refused: &KeyError) -> &'static str {
    match refused {
        KeyError::TooEarly { .. } => "too_early",
        KeyError::StillNeeded(_) => "still_needed",
        KeyError::StillUsed { .. } => "still_used",
        _ => "not_destroyable",
    }
}
