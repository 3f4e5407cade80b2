//! One transaction over the rows of several tenants, of one after the other.

use crate::{RequestContext, TenantId};

use super::{DbError, TenantTx};

/// A transaction for work that the program does for many tenants at once, with one commit for all of them.
///
/// At any moment it is the transaction of one tenant, under that tenant's row-level security and no other role than
/// [`Db::begin`](super::Db::begin) has; [`GroupTx::of`] moves it on to the next. What it writes becomes durable together or not at
/// all, so it is for changes that may share their fate: when one tenant's rows refuse theirs, roll back and do each by itself.
///
/// Its statements are planned once for a connection, for whatever they are given, and use indexes wherever there is one: find rows by
/// keys, and leave searches with optional conditions to [`Db::begin`](super::Db::begin). Where rows are found for many keys at once, give
/// each its own lookup (`cross join lateral (… limit 1)`): a join may be planned as one reading of everything the tenant has. None of
/// them waits for a lock longer than half a second: it fails with [`DbError::Timeout`] then.
///
/// It is in no tenant's share of the pool, and the connections that [`DbConfig`](super::DbConfig) sets aside are for it.
///
/// ```no_run
/// use platform_core::RequestContext;
/// use platform_core::pg::{Db, DbError};
/// use platform_core::sqlx;
///
/// # async fn example(db: Db, requests: Vec<RequestContext>) -> Result<(), DbError> {
/// let Some(first) = requests.first() else { return Ok(()) };
/// let mut group = db.begin_group(first).await?;
/// for request in &requests {
///     let tx = group.of(request).await?;
///     sqlx::query("update parcels.parcel set seen = true where tenant_id = $1")
///         .bind(tx.tenant())
///         .execute(tx)
///         .await?;
/// }
/// group.commit().await
/// # }
/// ```
#[must_use = "a transaction that is not committed is rolled back"]
#[derive(Debug)]
pub struct GroupTx(TenantTx);

impl GroupTx {
    pub(super) fn new(first: TenantTx) -> Self {
        Self(first)
    }

    /// The tenant whose rows it touches now.
    pub fn tenant(&self) -> TenantId {
        self.0.tenant()
    }

    /// The transaction over the rows of the context's tenant: one message to the database where that is another than before.
    ///
    /// # Errors
    /// [`DbError`] when the database did not take the new scope; the transaction can only be rolled back then, and the same holds where
    /// the future is dropped before it is ready.
    pub async fn of(&mut self, ctx: &RequestContext) -> Result<&mut TenantTx, DbError> {
        if self.0.tenant() != ctx.tenant() {
            self.0.rescope(ctx.tenant()).await?;
        }
        Ok(&mut self.0)
    }

    /// Makes the changes of every tenant durable; runs to its end like [`TenantTx::commit`].
    ///
    /// # Errors
    /// As [`TenantTx::commit`], for all of them together.
    pub async fn commit(self) -> Result<(), DbError> {
        self.0.commit().await
    }

    /// Undoes the changes of every tenant and waits until the database has done so.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the connection broke; the database then rolls back by itself.
    pub async fn rollback(self) -> Result<(), DbError> {
        self.0.rollback().await
    }
}
