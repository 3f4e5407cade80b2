//! Users who come back with a backup.

use platform_core::{PrincipalId, RequestContext};

use crate::erasure::{empty, lock};
use crate::stored;
use crate::{Auth, Fault};

/// Users that are looked at in one go.
const PAGE: u32 = 200;

impl Auth {
    /// Erases users again who came back with a backup of the database, after
    /// [`Keyring::replay_erasures`](platform_crypto::Keyring::replay_erasures); how many.
    ///
    /// # Errors
    /// [`Fault`]. What was done stays done; call it again.
    pub async fn replay_erasures(&self, ctx: &RequestContext) -> Result<usize, Fault> {
        let inner = &*self.inner;
        let mut replayed = 0;
        let mut after = None;
        loop {
            let mut read = inner.db.read(ctx).await?;
            let page = stored::list(&mut read, after, PAGE).await?;
            read.finish().await?;
            let Some(last) = page.last() else {
                return Ok(replayed);
            };
            after = Some(last.account.id);
            let open = inner.opened_all(ctx, &page).await?;
            let is_gone = |id: &PrincipalId| !open.iter().any(|user| user.id == *id);
            for id in page.iter().map(|user| user.account.id).filter(is_gone) {
                let mut tx = inner.db.begin(ctx).await?;
                if lock(&mut tx, id).await? && empty(&mut tx, id, inner.sources.now()).await? {
                    replayed += 1;
                }
                tx.commit().await?;
            }
        }
    }
}
