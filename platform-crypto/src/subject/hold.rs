//! Legal holds.

use platform_core::pg::{DbError, TenantTx};
use platform_core::{PrincipalId, RequestContext, Timestamp};
use serde_json::json;
use sqlx::{Executor, Postgres};

use super::rows::{self, SubjectState};
use super::{HoldId, SubjectId};
use crate::keyring::Inner;
use crate::{KeyError, KeyEvent, KeyEventKind, KeyLogError, Keyring};

/// A legal hold: as long as it stands, the subject is not erased.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
#[non_exhaustive]
pub struct Hold {
    /// Names the hold.
    pub id: HoldId,
    /// On whom.
    pub subject: SubjectId,
    /// The matter, such as the reference of a case.
    pub reason: String,
    /// Since when.
    pub placed_at: Timestamp,
    /// By whom; a job of the program has no id.
    pub placed_by: Option<PrincipalId>,
}

/// Why a hold was not placed or released.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// The reason is empty or longer than 200 characters.
    #[error("the reason for a legal hold has 1 to 200 characters")]
    InvalidReason,
    /// The subject's erasure has begun already; there is nothing left to hold.
    #[error("the data subject has been erased")]
    Erased,
    /// The tenant has no such hold that still stands.
    #[error("there is no such legal hold")]
    NotFound,
    /// The database failed, or the event could not be recorded. Nothing was changed.
    #[error("the legal hold could not be stored")]
    Keys(#[from] KeyError),
}

impl Keyring {
    /// Places a legal hold on a subject, beside any others. The subject need not have a key yet.
    ///
    /// # Errors
    /// [`HoldError`].
    pub async fn place_hold(
        &self,
        ctx: &RequestContext,
        subject: SubjectId,
        reason: &str,
    ) -> Result<Hold, HoldError> {
        let length = reason.trim().chars().count();
        // PostgreSQL stores no U+0000, and a reason is printed to terminals.
        if !(1..=200).contains(&length) || reason.trim().contains(char::is_control) {
            return Err(HoldError::InvalidReason);
        }
        let hold = Hold {
            id: HoldId::generate(&self.inner.sources),
            subject,
            reason: reason.trim().to_owned(),
            placed_at: self.inner.sources.now(),
            placed_by: ctx.principal().id(),
        };
        let mut tx = self.inner.db.begin(ctx).await?;
        lock(&mut tx, subject).await?;
        let row = rows::by_subject(&mut tx, ctx.tenant(), subject).await?;
        if row.is_some_and(|row| row.state != SubjectState::Live) {
            return Err(HoldError::Erased);
        }
        insert(&mut tx, &hold).await?;
        self.inner
            .record_hold(&mut tx, ctx, KeyEventKind::HoldPlace, &hold)
            .await?;
        tx.commit().await?;
        Ok(hold)
    }

    /// Releases a hold. When it was the last one, the subject can be erased from now on.
    ///
    /// # Errors
    /// [`HoldError::NotFound`] also when it was released before.
    pub async fn release_hold(&self, ctx: &RequestContext, hold: HoldId) -> Result<Hold, HoldError> {
        let mut tx = self.inner.db.begin(ctx).await?;
        let released = sqlx::query_as::<_, Hold>(
            "update platform_crypto.legal_hold set released_at = $3, released_by = $4
             where tenant_id = $1 and id = $2 and released_at is null
             returning id, subject_id as subject, reason, placed_at, placed_by",
        )
        .bind(ctx.tenant())
        .bind(hold)
        .bind(self.inner.sources.now())
        .bind(ctx.principal().id())
        .fetch_optional(&mut tx)
        .await
        .map_err(KeyError::from)?;
        let released = released.ok_or(HoldError::NotFound)?;
        self.inner
            .record_hold(&mut tx, ctx, KeyEventKind::HoldRelease, &released)
            .await?;
        tx.commit().await?;
        Ok(released)
    }

    /// The holds that stand on a subject, the oldest first.
    ///
    /// # Errors
    /// [`KeyError::Db`] when the database fails.
    pub async fn holds(&self, ctx: &RequestContext, subject: SubjectId) -> Result<Vec<Hold>, KeyError> {
        let mut read = self.inner.db.read(ctx).await?;
        let holds = standing(&mut read, ctx, subject).await?;
        read.finish().await?;
        Ok(holds)
    }
}

impl Inner {
    async fn record_hold(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        kind: KeyEventKind,
        hold: &Hold,
    ) -> Result<(), KeyError> {
        let event =
            KeyEvent::new(kind, "subject", hold.subject.to_string()).detail(json!({ "hold": hold.id }));
        Ok(self.log.record(tx, ctx, &event).await?)
    }
}

/// Waits until nobody else places a hold on the subject or begins to erase it, and keeps others from it until the transaction ends.
pub(super) async fn lock(tx: &mut TenantTx, subject: SubjectId) -> Result<(), KeyError> {
    let tenant = tx.tenant();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('platform_crypto.subject ' || $1::text || ' ' || $2::text, 0))")
        .bind(tenant)
        .bind(subject)
        .execute(tx)
        .await?;
    Ok(())
}

/// The holds that stand on a subject, the oldest first.
pub(super) async fn standing<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    ctx: &RequestContext,
    subject: SubjectId,
) -> Result<Vec<Hold>, KeyError> {
    let holds = sqlx::query_as::<_, Hold>(
        "select id, subject_id as subject, reason, placed_at, placed_by from platform_crypto.legal_hold
         where tenant_id = $1 and subject_id = $2 and released_at is null order by placed_at, id limit 1000",
    )
    .bind(ctx.tenant())
    .bind(subject)
    .fetch_all(executor)
    .await?;
    Ok(holds)
}

async fn insert(tx: &mut TenantTx, hold: &Hold) -> Result<(), KeyError> {
    let tenant = tx.tenant();
    sqlx::query(
        "insert into platform_crypto.legal_hold (tenant_id, id, subject_id, reason, placed_at, placed_by)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tenant)
    .bind(hold.id)
    .bind(hold.subject)
    .bind(&hold.reason)
    .bind(hold.placed_at)
    .bind(hold.placed_by)
    .execute(tx)
    .await?;
    Ok(())
}

impl From<DbError> for HoldError {
    fn from(error: DbError) -> Self {
        Self::Keys(error.into())
    }
}

impl From<KeyLogError> for HoldError {
    fn from(error: KeyLogError) -> Self {
        Self::Keys(error.into())
    }
}
