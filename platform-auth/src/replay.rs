//! Users who come back with a backup.

use platform_core::{PrincipalId, RequestContext};
use platform_crypto::{OpenError, SealedRow as _};

use crate::auth::Inner;
use crate::erasure::{empty, lock};
use crate::stored::{self, StoredUser};
use crate::{Auth, Fault, trail};

/// Users that are looked at in one go.
const PAGE: u32 = 200;

impl Auth {
    /// Erases users again who came back with a backup of the database, after
    /// [`Keyring::replay_erasures`](platform_crypto::Keyring::replay_erasures); how many.
    ///
    /// # Errors
    /// [`Fault`]. What was done stays done; call it again. A user whose values are damaged is left as it is, named in the log, and does
    /// not keep the others from being erased; the error comes at the end.
    pub async fn replay_erasures(&self, ctx: &RequestContext) -> Result<usize, Fault> {
        let inner = &*self.inner;
        let mut replayed = 0;
        let mut after = None;
        let mut damaged: Option<OpenError> = None;
        loop {
            let mut read = inner.db.read(ctx).await?;
            let page = stored::list(&mut read, after, PAGE).await?;
            read.finish().await?;
            let Some(last) = page.last() else {
                return damaged.map_or(Ok(replayed), |error| Err(error.into()));
            };
            after = Some(last.account.id);
            let (gone, faults) = inner.gone(ctx, &page).await?;
            damaged = damaged.or(faults);
            for id in gone {
                let mut tx = inner.db.begin(ctx).await?;
                if lock(&mut tx, id).await? && empty(&mut tx, id, inner.sources.now()).await? {
                    inner.audit.record(&mut tx, ctx, trail::erased_again(id)).await?;
                    replayed += 1;
                }
                tx.commit().await?;
            }
        }
    }
}

impl Inner {
    /// Those of a page whose keys are destroyed, and the first damage that was met.
    async fn gone(
        &self,
        ctx: &RequestContext,
        page: &[StoredUser],
    ) -> Result<(Vec<PrincipalId>, Option<OpenError>), Fault> {
        let ids: Vec<_> = page.iter().flat_map(|stored| stored.sealed.key_ids()).collect();
        let keys = self.keys.keys_for(ctx, ids).await?;
        let mut gone = Vec::new();
        let mut damaged = None;
        for StoredUser { account, sealed } in page {
            match sealed.identity(&keys) {
                Ok(Some(_)) => {}
                Ok(None) | Err(OpenError::KeyDestroyed(_)) => gone.push(account.id),
                Err(error) => {
                    tracing::error!(user.id = %account.id, %error, "what identifies user {} cannot be opened", account.id);
                    damaged.get_or_insert(error);
                }
            }
        }
        Ok((gone, damaged))
    }
}
