//! Telling others of what was done with keys.

use platform_core::pg::TenantTx;
use platform_core::{PrincipalId, RequestContext};

use crate::auth::Inner;
use crate::credential_cache::announce;
use crate::mail::{Addressee, Letter};
use crate::{Fault, User, stored};

/// A user in whose name a key is made.
pub(super) struct Told {
    user: User,
    tenant: String,
}

impl Inner {
    /// Who is told of a key of this owner; `None` where no mail is sent, and for a service principal, which reads none.
    ///
    /// It looks keys up, and is called outside of a transaction: nobody holds one connection while waiting for another.
    pub(super) async fn to_tell(
        &self,
        ctx: &RequestContext,
        (owner, is_service): (PrincipalId, bool),
    ) -> Result<Option<Told>, Fault> {
        if is_service || self.config.mail.is_none() {
            return Ok(None);
        }
        let mut read = self.db.read(ctx).await?;
        let stored = stored::by_id(&mut read, owner).await?;
        read.finish().await?;
        // Who is not there any more is found missing by the transaction that follows.
        let Some(stored) = stored else { return Ok(None) };
        let Some(tenant) = self.tenants.by_id(ctx.tenant()).await? else {
            return Ok(None);
        };
        let user = self.opened(ctx, &stored).await?;
        Ok(user.map(|user| Told {
            user,
            tenant: tenant.name,
        }))
    }

    /// Writes that a key was made in the user's name. What it is called, and what it may do, is not in the letter: whoever made it chose the
    /// words.
    pub(super) async fn tell(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        told: Option<&Told>,
    ) -> Result<(), Fault> {
        let Some(Told { user, tenant }) = told else {
            return Ok(());
        };
        let to = Addressee {
            user: user.id,
            email: &user.email,
            tenant,
        };
        self.write_to(tx, ctx, &to, &Letter::ApiKeyMade, None).await
    }

    /// Has every instance ask anew about the keys of an owner once the transaction is committed: this one before its commit has answered,
    /// the others when the database tells them.
    pub(crate) async fn has_changed(&self, tx: &mut TenantTx, owner: PrincipalId) -> Result<(), Fault> {
        self.marks.mark_after(tx, owner.as_uuid());
        Ok(announce(tx, owner.as_uuid()).await?)
    }
}
