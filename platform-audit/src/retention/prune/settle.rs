//! Deleting what was announced.

use std::collections::HashMap;

use platform_core::TenantId;
use platform_core::pg::{DbError, RoleTx, TenantTx};
use platform_core::uuid::Uuid;
use sqlx::postgres::PgRow;
use sqlx::{Executor, FromRow as _, Postgres, Row as _};

use super::PruneError;
use super::announce::event;
use super::pruner::Run;
use super::row::DueEvent;
use crate::entry::event_columns;
use crate::retention::pruned::{PruneDetail, PruneNote};
use crate::retention::range_set::RangeSet;
use crate::{EventId, PRUNED, RETENTION, Retention};

/// Announcements that are looked up at once.
const PAGE: i64 = 100;

/// Positions that are looked up at once.
const LOOKED_UP: usize = 10_000;

/// An announcement that is not covered after a day never will be: the sequencer has rejected it. What it names is announced anew.
const ANNOUNCEMENT: &str = concat!(
    "select ",
    event_columns!(),
    ", l.seq, l.leaf, false as may_be_pruned, e.recorded_at < now() - interval '1 day' as is_old
     from platform_audit.event e
     left join platform_audit.leaf l on l.tenant_id = e.tenant_id and l.id = e.id
     where e.tenant_id = $1 and e.id = $2"
);

/// The events of these positions that are still there.
const PRESENT: &str = concat!(
    "select ",
    event_columns!(),
    ", l.seq, l.leaf,
       platform_audit.may_be_pruned(e.tenant_id, e.id, e.retention, e.recorded_at, e.actor_id, e.on_behalf_of, e.targets) as may_be_pruned
     from platform_audit.leaf l
     join platform_audit.event e on e.tenant_id = l.tenant_id and e.id = l.id
     where l.tenant_id = $1 and l.seq >= $2 and l.seq <= $3
     order by l.seq
     limit $4"
);

/// What was announced and cannot be deleted yet.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    ids: HashMap<TenantId, Vec<EventId>>,
    positions: HashMap<TenantId, RangeSet>,
}

impl Unsettled {
    /// Whether an announcement that waits names this position.
    pub(super) fn names(&self, tenant: TenantId, seq: u64) -> bool {
        self.positions
            .get(&tenant)
            .is_some_and(|named| named.contains(seq))
    }

    /// The announcements that wait.
    pub(super) fn ids(&self) -> HashMap<TenantId, Vec<EventId>> {
        self.ids.clone()
    }

    pub(super) fn announcements(&self) -> u64 {
        self.ids.values().map(|ids| count(ids.len())).sum()
    }

    fn add(&mut self, tenant: TenantId, id: EventId, detail: &PruneDetail) {
        let named = self.positions.entry(tenant).or_default();
        for (first, last) in &detail.ranges {
            named.insert(*first, *last);
        }
        self.ids.entry(tenant).or_default().push(id);
    }
}

/// An announcement as it stands in the trail.
enum Found {
    /// No checkpoint covers it yet.
    Uncovered(PruneDetail),
    /// It may be carried out.
    Covered(PruneDetail),
    /// It is none that the sequencer has taken.
    Nothing,
}

impl Run<'_> {
    /// Carries out every announcement that a checkpoint covers, and gives those that have to wait.
    pub(super) async fn settle(&mut self) -> Result<Unsettled, PruneError> {
        let mut unsettled = Unsettled::default();
        let mut after = (Uuid::nil(), Uuid::nil());
        loop {
            let page = self.announced(after).await?;
            let Some((tenant, id)) = page.last() else {
                return Ok(unsettled);
            };
            after = (tenant.as_uuid(), id.as_uuid());
            for (tenant, id) in page {
                match self.find(tenant, id).await? {
                    Found::Covered(detail) => self.carry_out(tenant, id, &detail).await?,
                    Found::Uncovered(detail) => unsettled.add(tenant, id, &detail),
                    Found::Nothing => {
                        tracing::error!(
                            tenant.id = %tenant, event.id = %id,
                            "an announced deletion is not in the trail as it was announced; nothing is deleted for it"
                        );
                        self.finish(tenant, id, None).await?;
                    }
                }
            }
        }
    }

    async fn announced(&self, after: (Uuid, Uuid)) -> Result<Vec<(TenantId, EventId)>, DbError> {
        let mut tx = self.pruner.db.begin_as(&RETENTION).await?;
        let page = sqlx::query_as(
            "select tenant_id, id from platform_audit.pruning
             where (tenant_id, id) > ($1, $2) order by tenant_id, id limit $3",
        )
        .bind(after.0)
        .bind(after.1)
        .bind(PAGE)
        .fetch_all(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(page)
    }

    async fn find(&mut self, tenant: TenantId, id: EventId) -> Result<Found, DbError> {
        let mut tx = self.pruner.db.begin_as(&RETENTION).await?;
        let row: Option<PgRow> = sqlx::query(ANNOUNCEMENT)
            .bind(tenant)
            .bind(id)
            .fetch_optional(&mut tx)
            .await?;
        let signed = self.signed.of(&mut tx, tenant).await?;
        tx.commit().await?;
        let Some(row) = row else {
            return Ok(Found::Nothing);
        };
        let event = DueEvent::from_row(&row)?;
        let is_old: bool = row.try_get("is_old")?;
        let action: String = row.try_get("action")?;
        let detail: Option<String> = row.try_get("detail")?;
        let detail = detail.and_then(|text| serde_json::from_str::<PruneDetail>(&text).ok());
        let Some(detail) = detail.filter(|_| action == PRUNED.name()) else {
            return Ok(Found::Nothing);
        };
        Ok(match event.seq {
            Some(_) if !event.is_as_sequenced => Found::Nothing,
            Some(seq) if seq < signed => Found::Covered(detail),
            None if is_old => Found::Nothing,
            _ => Found::Uncovered(detail),
        })
    }

    async fn carry_out(
        &mut self,
        tenant: TenantId,
        id: EventId,
        detail: &PruneDetail,
    ) -> Result<(), PruneError> {
        let mut stayed = Vec::new();
        for (first, last) in &detail.ranges {
            let mut next = Some(*first);
            while let Some(from) = next.filter(|from| from <= last) {
                let Some(mut page) = self.delete_some(tenant, id, detail, (from, *last)).await? else {
                    return Ok(());
                };
                stayed.append(&mut page.stayed);
                next = page.last.and_then(|last| last.checked_add(1));
            }
        }
        self.finish(tenant, id, Some((detail, stayed))).await
    }

    /// Deletes the first events of a range, in one transaction: from the first look at an event to its end, no hold can come between.
    /// `None` when somebody else has carried the announcement out.
    async fn delete_some(
        &mut self,
        tenant: TenantId,
        id: EventId,
        detail: &PruneDetail,
        (first, last): (u64, u64),
    ) -> Result<Option<Deleted>, DbError> {
        let (Ok(first), Ok(last)) = (i64::try_from(first), i64::try_from(last)) else {
            return Ok(Some(Deleted::default()));
        };
        let mut tx = self.pruner.db.begin_as(&RETENTION).await?;
        lock(&mut tx, tenant).await?;
        let stands: bool = sqlx::query_scalar(
            "select exists (select from platform_audit.pruning where tenant_id = $1 and id = $2)",
        )
        .bind(tenant)
        .bind(id)
        .fetch_one(&mut tx)
        .await?;
        if !stands {
            tx.rollback().await?;
            return Ok(None);
        }
        let page: Vec<DueEvent> = sqlx::query_as(PRESENT)
            .bind(tenant)
            .bind(first)
            .bind(last)
            .bind(i64::from(self.options.batch.max(1)))
            .fetch_all(&mut tx)
            .await?;
        let due =
            |event: &&DueEvent| event.may_be_pruned && event.is_as_sequenced && event.class == detail.class;
        let ids: Vec<Uuid> = page.iter().filter(due).map(|event| event.id.as_uuid()).collect();
        let gone = delete(&mut tx, tenant, ids).await?;
        tx.commit().await?;
        self.summary.deleted += count(gone.len());
        let stayed = page
            .iter()
            .filter(|event| gone.binary_search(&event.id.as_uuid()).is_err());
        Ok(Some(Deleted {
            stayed: stayed.filter_map(|event| event.seq).collect(),
            last: page.last().and_then(|event| event.seq),
        }))
    }

    /// Takes an announcement from the list, and in the trail back for what stays, in one transaction.
    async fn finish(
        &mut self,
        tenant: TenantId,
        id: EventId,
        stayed: Option<(&PruneDetail, Vec<u64>)>,
    ) -> Result<(), PruneError> {
        let ctx = self.pruner.context(tenant);
        let mut tx = self.pruner.db.begin(&ctx).await?;
        lock(&mut tx, tenant).await?;
        let struck = sqlx::query("delete from platform_audit.pruning where tenant_id = $1 and id = $2")
            .bind(tenant)
            .bind(id)
            .execute(&mut tx)
            .await
            .map_err(DbError::from)?;
        if struck.rows_affected() == 0 {
            // Somebody else has carried it out, and said what stays.
            return Ok(tx.rollback().await?);
        }
        let mut kept = 0;
        if let Some((detail, stayed)) = stayed {
            for note in notes(detail, &still_there(&mut tx, &stayed).await?) {
                kept += note.events();
                let event = event(&note.into_kept())?;
                self.pruner.log.record(&mut tx, &ctx, event).await?;
            }
        }
        tx.commit().await?;
        self.summary.kept += kept;
        Ok(())
    }
}

/// What became of a batch.
#[derive(Default)]
struct Deleted {
    /// Positions whose events are still there.
    stayed: Vec<u64>,
    /// The last position that was looked at; `None` when there was no event left.
    last: Option<u64>,
}

/// Deletes events with their bytes, as far as the database lets them go.
async fn delete(tx: &mut RoleTx, tenant: TenantId, mut ids: Vec<Uuid>) -> Result<Vec<Uuid>, DbError> {
    ids.sort_unstable();
    let (Some(first), Some(last)) = (ids.first().copied(), ids.last().copied()) else {
        return Ok(Vec::new());
    };
    // The bounds keep other months out, which an array does not.
    let mut gone: Vec<Uuid> = sqlx::query_scalar(
        "delete from platform_audit.event where tenant_id = $1 and id = any ($2) and id >= $3 and id <= $4 returning id",
    )
    .bind(tenant)
    .bind(&ids)
    .bind(first)
    .bind(last)
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query(
        "delete from platform_audit.entry where tenant_id = $1 and id = any ($2) and id >= $3 and id <= $4",
    )
    .bind(tenant)
    .bind(&gone)
    .bind(first)
    .bind(last)
    .execute(&mut *tx)
    .await?;
    gone.sort_unstable();
    Ok(gone)
}

/// Which of these positions have their event: somebody else may have deleted it under the same announcement, once a hold was released.
async fn still_there(tx: &mut TenantTx, stayed: &[u64]) -> Result<Vec<u64>, DbError> {
    let mut present = Vec::new();
    for some in stayed.chunks(LOOKED_UP) {
        let some: Vec<i64> = some.iter().filter_map(|seq| i64::try_from(*seq).ok()).collect();
        let found: Vec<i64> = sqlx::query_scalar(
            "select l.seq from platform_audit.leaf l
             join platform_audit.event e on e.tenant_id = l.tenant_id and e.id = l.id
             where l.tenant_id = $1 and l.seq = any ($2) order by l.seq",
        )
        .bind(tx.tenant())
        .bind(some)
        .fetch_all(&mut *tx)
        .await?;
        present.extend(found.into_iter().filter_map(|seq| u64::try_from(seq).ok()));
    }
    Ok(present)
}

/// What takes an announcement back for these positions.
fn notes(announced: &PruneDetail, stayed: &[u64]) -> Vec<PruneNote> {
    let Ok(class) = announced.class.parse::<Retention>() else {
        return Vec::new();
    };
    let mut notes: Vec<PruneNote> = Vec::new();
    for seq in stayed {
        match notes.last_mut() {
            Some(note) if !note.is_full() => note.add(*seq, None),
            _ => {
                let mut note = PruneNote::new(class.clone());
                note.add(*seq, None);
                notes.push(note);
            }
        }
    }
    notes
}

/// Keeps others from announcing and deleting events of the tenant until the transaction ends.
pub(super) async fn lock<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
) -> Result<(), DbError> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('platform_audit.pruning ' || $1::text, 0))")
        .bind(tenant)
        .execute(executor)
        .await?;
    Ok(())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
