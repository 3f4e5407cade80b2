//! What is on the work list.

use std::collections::HashSet;

use platform_core::TenantId;
use platform_core::pg::{DbError, RoleTx};
use platform_core::uuid::Uuid;

use crate::EventId;

/// More queries than it takes to share a batch out among tenants of any number of events.
const PASSES_MAX: usize = 8;

/// An event that waits for its place in the tree of its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) tenant: TenantId,
    pub(super) id: EventId,
    pub(super) xid: i64,
    /// When it was recorded, in microseconds since 1970; 0 for a time that is none.
    pub(super) recorded_us: i64,
    /// It was recorded before there were seals.
    pub(super) before_seals: bool,
}

/// Which tenants are looked at.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) shard: u8,
    pub(super) shards: u8,
    /// Those whose events are left where they are.
    pub(super) without: &'a [TenantId],
    pub(super) limit: usize,
}

impl Scope<'_> {
    /// The tenants of the share that have events waiting, in order, beginning after `cursor`. Goes from one tenant to the next in the
    /// index, however many events each has.
    pub(super) async fn tenants(
        &self,
        tx: &mut RoleTx,
        cursor: Option<TenantId>,
    ) -> Result<Vec<TenantId>, DbError> {
        let tenants = sqlx::query_scalar(
            "with recursive waiting (tenant_id) as (
               (select p.tenant_id from platform_audit.pending p where p.tenant_id > $1 order by p.tenant_id limit 1)
               union all
               select (
                 select p.tenant_id from platform_audit.pending p where p.tenant_id > w.tenant_id order by p.tenant_id limit 1
               )
               from waiting w where w.tenant_id is not null
             )
             select tenant_id from waiting
             where tenant_id is not null
               and get_byte(uuid_send(tenant_id), 15) % $2 = $3
               and tenant_id <> all ($4)
             limit $5",
        )
        .bind(cursor.map_or(Uuid::nil(), TenantId::as_uuid))
        .bind(i32::from(self.shards))
        .bind(i32::from(self.shard))
        .bind(self.without)
        .bind(i64::try_from(self.limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *tx)
        .await?;
        Ok(tenants)
    }
}

/// Takes up to `limit` events of these tenants, the same number of each as far as they have them, and of each those of the oldest
/// transactions first. While a tenant is one of those with `older` events, from before there were seals, its others wait. The result is in the order in which
/// they get their places: by tenant, then by time and id.
pub(super) async fn take(
    tx: &mut RoleTx,
    tenants: &[TenantId],
    older: &HashSet<TenantId>,
    limit: usize,
) -> Result<Vec<Waiting>, DbError> {
    let mut taken: Vec<Waiting> = Vec::new();
    let mut from: Vec<Waiting> = tenants
        .iter()
        .map(|tenant| Waiting::before_all(*tenant, older.contains(tenant)))
        .collect();
    for _ in 0..PASSES_MAX {
        let left = limit - taken.len();
        from.truncate(left);
        if from.is_empty() {
            break;
        }
        let quota = left / from.len();
        let found = take_of_each(tx, &from, quota).await?;
        // Whoever had as many as were asked for may have more.
        from = found
            .chunk_by(|a, b| a.tenant == b.tenant)
            .filter(|of_one| of_one.len() == quota)
            .filter_map(|of_one| of_one.last().copied())
            .collect();
        taken.extend(found);
    }
    taken.sort_unstable_by_key(|one| (one.tenant, one.recorded_us, one.id, one.xid));
    Ok(taken)
}

/// Those of the tenants that have events from before there were seals: none, but in the time after an upgrade.
pub(super) async fn with_older(tx: &mut RoleTx, tenants: &[TenantId]) -> Result<HashSet<TenantId>, DbError> {
    let tenants: Vec<TenantId> = sqlx::query_scalar(
        "select t.tenant_id
         from unnest($1::uuid[]) as t (tenant_id)
         where exists (select from platform_audit.pending p where p.tenant_id = t.tenant_id and p.before_seals)",
    )
    .bind(tenants)
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    Ok(tenants.into_iter().collect())
}

/// The events of a tenant that are said to be from before there were seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Older {
    pub(super) count: i64,
    pub(super) first: EventId,
    pub(super) last: EventId,
}

/// Those of a tenant; `None` when it has none.
pub(super) async fn older(tx: &mut RoleTx, tenant: TenantId) -> Result<Option<Older>, DbError> {
    let (count, first, last): (i64, Option<EventId>, Option<EventId>) = sqlx::query_as(
        "select count(*), min(p.id::text)::uuid, max(p.id::text)::uuid
         from platform_audit.pending p where p.tenant_id = $1 and p.before_seals",
    )
    .bind(tenant)
    .persistent(false)
    .fetch_one(&mut *tx)
    .await?;
    Ok(first.zip(last).map(|(first, last)| Older { count, first, last }))
}

async fn take_of_each(tx: &mut RoleTx, from: &[Waiting], quota: usize) -> Result<Vec<Waiting>, DbError> {
    let rows: Vec<(TenantId, EventId, i64, i64, bool)> = sqlx::query_as(
        "select w.tenant_id, p.id, p.xid::text::bigint, p.recorded_us, w.before_seals
         from unnest($1::uuid[], $2::bigint[], $3::uuid[], $5::boolean[]) with ordinality as w (tenant_id, xid, id, before_seals, n)
         cross join lateral (
           select
             p.id, p.xid,
             case when isfinite(p.recorded_at) then (extract(epoch from p.recorded_at) * 1000000)::bigint else 0 end as recorded_us
           from platform_audit.pending p
           where p.tenant_id = w.tenant_id and (p.xid, p.id) > (w.xid::text::xid8, w.id) and p.before_seals = w.before_seals
           order by p.xid, p.id
           limit $4
         ) p
         order by w.n, p.xid, p.id",
    )
    .bind(from.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(from.iter().map(|one| one.xid).collect::<Vec<_>>())
    .bind(from.iter().map(|one| one.id).collect::<Vec<_>>())
    .bind(i64::try_from(quota).unwrap_or(i64::MAX))
    .bind(from.iter().map(|one| one.before_seals).collect::<Vec<_>>())
    .fetch_all(&mut *tx)
    .await?;
    let waiting = |(tenant, id, xid, recorded_us, before_seals)| Waiting {
        tenant,
        id,
        xid,
        recorded_us,
        before_seals,
    };
    Ok(rows.into_iter().map(waiting).collect())
}

impl Waiting {
    const fn before_all(tenant: TenantId, before_seals: bool) -> Self {
        Self {
            tenant,
            id: EventId::from_stored(Uuid::nil()),
            xid: 0,
            recorded_us: 0,
            before_seals,
        }
    }
}
