//! Another root key for the same data keys.

use platform_core::RequestContext;
use serde_json::json;

use super::handle::{Inner, Keyring};
use super::make::key_event;
use super::store::Row;
use super::{KeyError, KeyEventKind, roots, store};
use crate::WrapContext;

impl Keyring {
    /// Has every key of the tenant wrapped under the provider's current root key; how many were not yet.
    ///
    /// To rotate a root key: give every process the new one behind the old, then in front of it, so that all can unwrap what the first
    /// of them wraps; call this for every tenant (maintenance does when the root key has another name); then
    /// [retire](Keyring::retire_root) the old one and take it out of the configuration. The data keys stay what they are, so that
    /// nothing has to be sealed anew and nobody notices.
    ///
    /// A transit key of Vault that is rotated there keeps its name, so that maintenance sees nothing to do: call this for every tenant
    /// before `min_decryption_version` is raised above the versions before.
    ///
    /// # Errors
    /// [`KeyError`]. Keys that were wrapped before the failure stay so; call it again.
    pub async fn rewrap(&self, ctx: &RequestContext) -> Result<usize, KeyError> {
        let rows = self.inner.rows(ctx).await?;
        self.inner.rewrap(ctx, rows).await
    }
}

impl Inner {
    pub(super) async fn rewrap(&self, ctx: &RequestContext, rows: Vec<Row>) -> Result<usize, KeyError> {
        let mut moved = 0;
        for row in rows {
            if self.rewrap_one(ctx, row).await? {
                moved += 1;
            }
        }
        if moved > 0 {
            roots::rewrap(&self.db, self.provider.as_ref()).await?;
        }
        Ok(moved)
    }

    async fn rewrap_one(&self, ctx: &RequestContext, row: Row) -> Result<bool, KeyError> {
        let Some(old) = row.wrapped else {
            return Ok(false);
        };
        let key = row.info;
        let context = WrapContext {
            tenant: ctx.tenant(),
            purpose: key.purpose,
            key: key.id,
        };
        let Some(new) = self.provider.rewrap(&context, &old).await? else {
            return Ok(false);
        };
        let mut tx = self.db.begin(ctx).await?;
        if !store::replace_wrapping(&mut tx, key.id, &old, &new).await? {
            // Somebody else was faster, or has destroyed the key.
            tx.rollback().await?;
            return Ok(false);
        }
        let event = key_event(KeyEventKind::KeyRewrap, key.id, key.purpose, key.version).detail(json!({
            "purpose": key.purpose.as_str(),
            "version": key.version,
            "from": old.root.as_str(),
            "to": new.root.as_str(),
        }));
        self.log.record(&mut tx, ctx, &event).await?;
        tx.commit().await?;
        Ok(true)
    }
}
