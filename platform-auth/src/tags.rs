//! The tags by which sign-in finds a user, after the index key was rotated or a backup was restored.

use platform_core::{PrincipalId, RequestContext};
use platform_crypto::{RowId, TagError, Tagged};

use crate::erasure::{empty, lock, subject};
use crate::identity::EMAIL_INDEX;
use crate::stored;
use crate::{Auth, Fault};

/// Users that are looked at in one go.
const PAGE: u32 = 200;

impl Auth {
    /// Gives up to `limit` users of the tenant a tag under the newest version of the index key; how many were left to do. Call it after
    /// a rotation until that is 0, and the older version can be destroyed. Everybody is found by either version meanwhile.
    ///
    /// Works beside everything else, and beside itself.
    ///
    /// # Errors
    /// [`Fault`]. What was done stays done; call it again.
    pub async fn renew_tags(&self, ctx: &RequestContext, limit: u32) -> Result<usize, Fault> {
        let inner = &*self.inner;
        let mut read = inner.db.read(ctx).await?;
        let behind = inner.keys.rows_to_retag(&mut read, &EMAIL_INDEX, limit).await?;
        let users = stored::by_rows(&mut read, &behind).await?;
        read.finish().await?;
        let users = inner.opened_all(ctx, &users).await?;
        let mut tx = inner.db.begin(ctx).await?;
        for row in &behind {
            let user = users.iter().find(|user| RowId::from(user.id) == *row);
            let Some(user) = user else {
                // Nobody can open it any more, so nobody is to be found by it.
                inner.keys.untag(&mut tx, &EMAIL_INDEX, *row).await?;
                continue;
            };
            let tagged = Tagged::new(user.id, user.email.expose()).of(subject(user.id));
            match inner.keys.tag(&mut tx, ctx, &EMAIL_INDEX, &tagged).await {
                Ok(()) => {}
                Err(TagError::Keys(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::error!(user.id = %user.id, %error, "user {} cannot be tagged anew", user.id);
                    return Err(Fault::Tag(error));
                }
            }
        }
        tx.commit().await?;
        Ok(behind.len())
    }

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
