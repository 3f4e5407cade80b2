//! How the status of a tenant changes, and who stands below whom.

use super::tenants::Row;
use super::{DbError, Tenant, TenantStatus, TenantTx, Tenants};
use crate::TenantId;

/// What can be done to a tenant. A closed one stays closed.
///
/// | from | suspend | resume | close |
/// |---|---|---|---|
/// | active | suspended | | closed |
/// | suspended | suspended, by whoever stands above the one that suspended it | active | closed |
/// | closed | | | |
///
/// The platform stands above every tenant. Suspended by somebody further above, a tenant is resumed by nobody below that one any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantVerb {
    /// Every credential is refused until it is resumed.
    Suspend,
    /// It is used again.
    Resume,
    /// It ends for good. Its slug stays taken, and its rows stay as long as the law says.
    Close,
}

/// A tenant stayed as it is; roll the transaction back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    Unknown,
    /// It cannot be done to a tenant of this status.
    #[error("the tenant is {}", .status.as_str())]
    NotFrom {
        /// The status that it has.
        status: TenantStatus,
    },
    /// The platform, or a tenant above the one that asks, has suspended it.
    #[error("the tenant was suspended from further above")]
    SetAbove,
    /// The database failed.
    #[error("the status of the tenant could not be changed")]
    Db(#[from] DbError),
}

impl TenantVerb {
    /// What the tenant is afterwards.
    pub const fn status(self) -> TenantStatus {
        match self {
            Self::Suspend => TenantStatus::Suspended,
            Self::Resume => TenantStatus::Active,
            Self::Close => TenantStatus::Closed,
        }
    }

    /// To what anybody above can do it. A suspended tenant can be suspended once more, by whoever stands above the one that did.
    pub const fn from(self) -> &'static [TenantStatus] {
        match self {
            Self::Suspend => &[TenantStatus::Active],
            Self::Resume => &[TenantStatus::Suspended],
            Self::Close => &[TenantStatus::Active, TenantStatus::Suspended],
        }
    }
}

impl Tenants {
    /// Does something to the tenant of `tx`, in one statement, and says what it was before. `by` is the tenant above in whose name it is
    /// done; `None` for the platform, which may undo what any of them did. Suspending a tenant that somebody further below had suspended
    /// succeeds, and leaves it suspended by `by`.
    ///
    /// # Errors
    /// [`TransitionError`]; nothing was changed.
    pub async fn transition_in(
        &self,
        tx: &mut TenantTx,
        verb: TenantVerb,
        by: Option<TenantId>,
    ) -> Result<TenantStatus, TransitionError> {
        let from: Vec<_> = verb.from().iter().map(|status| status.as_str()).collect();
        let before: Option<String> = sqlx::query_scalar(
            "with old as (select id, status, status_set_by from platform_core.tenant where id = $1 for update)
             update platform_core.tenant t
             set status = $2, status_changed_at = $4, status_set_by = $5
             from old
             where t.id = old.id and t.status = old.status
               and (
                 old.status = any($3)
                 and ($5::uuid is null or old.status <> 'suspended' or exists (
                   select from platform_core.tenant_closure c where c.ancestor = $5 and c.descendant = old.status_set_by
                 ))
                 or old.status = 'suspended' and $2 = 'suspended' and old.status_set_by is not null
                 and ($5::uuid is null or exists (
                   select from platform_core.tenant_closure c
                   where c.ancestor = $5 and c.descendant = old.status_set_by and c.depth > 0
                 ))
               )
             returning old.status",
        )
        .bind(tx.tenant())
        .bind(verb.status().as_str())
        .bind(from)
        .bind(self.now())
        .bind(by)
        .fetch_optional(&mut *tx)
        .await
        .map_err(DbError::from)?;
        match before {
            Some(before) => Ok(TenantStatus::of_stored(&before)),
            None => Err(Self::why_not(tx, verb).await?),
        }
    }

    async fn why_not(tx: &mut TenantTx, verb: TenantVerb) -> Result<TransitionError, DbError> {
        let status: Option<String> =
            sqlx::query_scalar("select status from platform_core.tenant where id = $1")
                .bind(tx.tenant())
                .fetch_optional(&mut *tx)
                .await?;
        Ok(match status.map(|word| TenantStatus::of_stored(&word)) {
            None => TransitionError::Unknown,
            Some(status) if verb.from().contains(&status) => TransitionError::SetAbove,
            Some(status) => TransitionError::NotFrom { status },
        })
    }

    /// Does a tenant stand below another, at any depth? None stands below itself.
    ///
    /// # Errors
    /// [`DbError`] when the database fails.
    pub async fn is_below(&self, tenant: TenantId, above: TenantId) -> Result<bool, DbError> {
        let mut read = self.db().global_read().await?;
        let is_below = sqlx::query_scalar(
            "select exists (
               select from platform_core.tenant_closure where ancestor = $1 and descendant = $2 and depth > 0
             )",
        )
        .bind(above)
        .bind(tenant)
        .fetch_one(&mut read)
        .await?;
        Ok(is_below)
    }

    /// The tenants below one, in the order of their ids, at most `limit` after `after`.
    ///
    /// # Errors
    /// [`DbError`] when the database fails.
    pub async fn list_below(
        &self,
        above: TenantId,
        after: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<Tenant>, DbError> {
        let mut read = self.db().global_read().await?;
        let rows = sqlx::query_as::<_, Row>(
            "select t.id, t.slug, t.name, t.status, t.parent_id, t.created_at
             from platform_core.tenant_closure c join platform_core.tenant t on t.id = c.descendant
             where c.ancestor = $1 and c.descendant > $2 and c.depth > 0
             order by c.descendant limit $3",
        )
        .bind(above)
        .bind(after.map_or(uuid::Uuid::nil(), TenantId::as_uuid))
        .bind(i64::from(limit))
        .fetch_all(&mut read)
        .await?;
        Ok(rows.into_iter().map(Row::into_tenant).collect())
    }

    /// How many tenants stand below `parent` or below one above it, whichever has the most, counted no further than
    /// [`Tenants::SUBTREE_MAX`]. A tenant that is made below `parent` is one more for each of them. Until `tx` ends nobody else who asks
    /// for any of them is answered, so that a bound on them holds; they are locked from the top down, as everybody does who asks.
    ///
    /// # Errors
    /// [`DbError`] when the database fails.
    pub async fn most_below_in(&self, tx: &mut TenantTx, parent: TenantId) -> Result<usize, DbError> {
        sqlx::query(
            "select from platform_core.tenant t join platform_core.tenant_closure c on c.ancestor = t.id
             where c.descendant = $1
             order by c.depth desc for no key update of t",
        )
        .bind(parent)
        .execute(&mut *tx)
        .await?;
        // A statement of its own, which sees what those have made who had the locks before.
        let count: i64 = sqlx::query_scalar(
            "select coalesce(max(below.count), 0)
             from platform_core.tenant_closure above
             cross join lateral (
               select count(*) from (
                 select from platform_core.tenant_closure where ancestor = above.ancestor and depth > 0 limit $2
               ) counted
             ) below
             where above.descendant = $1",
        )
        .bind(parent)
        .bind(i64::try_from(Self::SUBTREE_MAX).unwrap_or(i64::MAX))
        .fetch_one(&mut *tx)
        .await?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }
}
