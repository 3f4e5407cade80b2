//! Whether the erasure store is the one that the database belongs to.

use platform_core::RequestContext;

use super::{SegmentId, rows};
use crate::{KeyError, Keyring};

impl Keyring {
    /// Looks whether the erasure store has the key that the tenant's newest data subjects need; `false` when the tenant has no
    /// subject yet, so that nothing can be told.
    ///
    /// For the start of a service: a store that is empty because its volume is not there would pass unseen until somebody is read,
    /// and would take in the keys of new tenants meanwhile.
    ///
    /// # Errors
    /// [`KeyError::ErasureKeyLost`] when it does not have it: it is another store, or an empty one. [`KeyError::ErasureStore`] when
    /// it cannot be read, [`KeyError::NoErasureStore`] when the keyring has none.
    pub async fn check_erasure_store(&self, ctx: &RequestContext) -> Result<bool, KeyError> {
        let mut read = self.inner.db.read(ctx).await?;
        let newest = rows::newest_segment(&mut read, ctx.tenant()).await?;
        read.finish().await?;
        let Some(number) = newest else {
            return Ok(false);
        };
        let tenant = ctx.tenant();
        self.inner.segment_of(SegmentId { tenant, number }).await?;
        Ok(true)
    }
}
