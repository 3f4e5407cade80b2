//! Placing, releasing and listing holds.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::time::format_description::well_known::Rfc3339;
use platform_core::{PrincipalId, RequestContext, Timestamp};
use serde_json::{Map, Value};

use super::{Hold, HoldError, HoldId, HoldScope, NewHold};
use crate::{Action, Activity, AuditLog, Event, Outcome};

/// A hold was placed on events.
pub const HOLD_PLACED: Action = Action::new("audit.hold_place");

/// A hold was released.
pub const HOLD_RELEASED: Action = Action::new("audit.hold_release");

/// The most holds that stand in a tenant at a time: each is looked at for every event that is deleted.
pub const HOLDS_MAX: u32 = 1_000;

const TARGET: &str = "hold";

/// Which part of the holds to list, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldPage {
    /// The last hold of the page before this one; `None` for the newest.
    pub before: Option<HoldId>,
    /// How many; 200 at most are given.
    pub limit: u32,
    /// Those too that were released.
    pub released: bool,
}

impl HoldPage {
    /// The most holds that one page holds.
    pub const LIMIT_MAX: u32 = 200;

    /// The newest holds that stand.
    pub const fn standing(limit: u32) -> Self {
        Self {
            before: None,
            limit,
            released: false,
        }
    }
}

impl AuditLog {
    /// Places a hold in the caller's transaction: once that commits, no event that the hold is on is deleted, even if its deletion has
    /// begun. It waits for deletions of the tenant's events that are under way, a batch of them, and those wait for it; so keep the
    /// transaction short.
    ///
    /// Recorded as [`HOLD_PLACED`]. The caller decides who may.
    ///
    /// ```no_run
    /// use platform_audit::{AuditLog, Hold, HoldError, NewHold};
    /// use platform_core::{RequestContext, pg::Db};
    ///
    /// async fn hold(db: &Db, audit: &AuditLog, ctx: &RequestContext, account: &str) -> Result<Hold, HoldError> {
    ///     let mut tx = db.begin(ctx).await?;
    ///     let hold = NewHold::new("case 2026-117").target("account", account);
    ///     let placed = audit.place_hold(&mut tx, ctx, &hold).await?;
    ///     tx.commit().await?;
    ///     Ok(placed)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`HoldError`]: no hold was placed; roll the transaction back.
    pub async fn place_hold(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        hold: &NewHold,
    ) -> Result<Hold, HoldError> {
        hold.check()?;
        let scope = &hold.scope;
        let row: Row = sqlx::query_as(
            "insert into platform_audit.hold (tenant_id, id, reason, target_kind, target_id, actor_id, recorded_from, recorded_to)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             returning id, reason, target_kind, target_id, actor_id, recorded_from, recorded_to, placed_at, released_at",
        )
        .bind(tx.tenant())
        .bind(HoldId::generate(&self.sources))
        .bind(hold.reason.trim())
        .bind(scope.target_kind.as_deref())
        .bind(scope.target_id.as_deref())
        .bind(scope.actor)
        .bind(scope.recorded_from)
        .bind(scope.recorded_to)
        .fetch_one(&mut *tx)
        .await
        .map_err(DbError::from)?;
        // Nobody else places one until this transaction ends.
        if count_standing(tx).await? > i64::from(HOLDS_MAX) {
            return Err(HoldError::TooMany);
        }
        let placed = Hold::from(row);
        self.record_hold(tx, ctx, HOLD_PLACED, &placed).await?;
        Ok(placed)
    }

    /// Releases a hold in the caller's transaction; `None` when the tenant has no such hold that still stands. Recorded as
    /// [`HOLD_RELEASED`].
    ///
    /// # Errors
    /// [`HoldError`]: roll the transaction back.
    pub async fn release_hold(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        hold: HoldId,
    ) -> Result<Option<Hold>, HoldError> {
        let row: Option<Row> = sqlx::query_as(
            "update platform_audit.hold set released_at = clock_timestamp()
             where tenant_id = $1 and id = $2 and released_at is null
             returning id, reason, target_kind, target_id, actor_id, recorded_from, recorded_to, placed_at, released_at",
        )
        .bind(tx.tenant())
        .bind(hold)
        .fetch_optional(&mut *tx)
        .await
        .map_err(DbError::from)?;
        let Some(released) = row.map(Hold::from) else {
            return Ok(None);
        };
        self.record_hold(tx, ctx, HOLD_RELEASED, &released).await?;
        Ok(Some(released))
    }

    /// The holds of a tenant, the newest first.
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn holds(&self, read: &mut TenantRead, page: HoldPage) -> Result<Vec<Hold>, DbError> {
        self.list_holds(read, page, page.limit.min(HoldPage::LIMIT_MAX))
            .await
    }

    /// The same with one more, which says whether there are more.
    #[cfg(feature = "http")]
    pub(crate) async fn holds_and_one(
        &self,
        read: &mut TenantRead,
        page: HoldPage,
    ) -> Result<Vec<Hold>, DbError> {
        let limit = page.limit.min(HoldPage::LIMIT_MAX).saturating_add(1);
        self.list_holds(read, page, limit).await
    }

    async fn list_holds(
        &self,
        read: &mut TenantRead,
        page: HoldPage,
        limit: u32,
    ) -> Result<Vec<Hold>, DbError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select id, reason, target_kind, target_id, actor_id, recorded_from, recorded_to, placed_at, released_at
             from platform_audit.hold
             where tenant_id = $1 and ($2::uuid is null or id < $2) and ($3 or released_at is null)
             order by id desc
             limit $4",
        )
        .bind(read.tenant())
        .bind(page.before)
        .bind(page.released)
        .bind(i64::from(limit))
        .fetch_all(&mut *read)
        .await?;
        Ok(rows.into_iter().map(Hold::from).collect())
    }

    async fn record_hold(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        action: Action,
        hold: &Hold,
    ) -> Result<(), HoldError> {
        let activity = if action == HOLD_PLACED {
            Activity::Create
        } else {
            Activity::Update
        };
        let event = Event::new(action, Outcome::Success)
            .activity(activity)
            .target(TARGET, hold.id.to_string())
            .detail(hold.to_detail());
        self.record(tx, ctx, event).await?;
        Ok(())
    }
}

async fn count_standing(tx: &mut TenantTx) -> Result<i64, DbError> {
    let standing = sqlx::query_scalar(
        "select count(*) from platform_audit.hold where tenant_id = $1 and released_at is null",
    );
    Ok(standing.bind(tx.tenant()).fetch_one(&mut *tx).await?)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: HoldId,
    reason: String,
    target_kind: Option<String>,
    target_id: Option<String>,
    actor_id: Option<PrincipalId>,
    recorded_from: Option<Timestamp>,
    recorded_to: Option<Timestamp>,
    placed_at: Timestamp,
    released_at: Option<Timestamp>,
}

impl From<Row> for Hold {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            reason: row.reason,
            scope: HoldScope {
                target_kind: row.target_kind,
                target_id: row.target_id,
                actor: row.actor_id,
                recorded_from: row.recorded_from,
                recorded_to: row.recorded_to,
            },
            placed_at: row.placed_at,
            released_at: row.released_at,
        }
    }
}

impl Hold {
    fn to_detail(&self) -> Value {
        let time = |at: Option<Timestamp>| at.and_then(|at| at.to_utc().format(&Rfc3339).ok());
        let scope = &self.scope;
        let fields = [
            ("reason", Some(self.reason.clone())),
            ("target_kind", scope.target_kind.clone()),
            ("target_id", scope.target_id.clone()),
            ("actor_id", scope.actor.map(|actor| actor.to_string())),
            ("recorded_from", time(scope.recorded_from)),
            ("recorded_to", time(scope.recorded_to)),
        ];
        let fields = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}
