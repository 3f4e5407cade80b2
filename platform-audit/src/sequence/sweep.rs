//! Looking at every tree once, when a lease is taken: which are not signed to their end, and which are not what they were.

use std::collections::HashSet;

use platform_core::TenantId;
use platform_core::pg::DbError;
use platform_core::uuid::Uuid;

use super::error::SequencerError;
use super::marks::Mark;
use super::sequencer::Sequencer;
use super::shard::Shard;
use super::stored;
use crate::{Refusal, SEQUENCER, TreeHead};

/// How many tenants are looked at with one query, and how many queries a round makes.
const PAGE: usize = 1_000;
const PAGES: usize = 2;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    /// Through the trees there are, after this one.
    Trees(Option<TenantId>),
    /// Through the marks, for trees that are gone.
    Marks(Option<TenantId>),
    Done,
}

/// A tree and the size of its newest checkpoint.
struct Head {
    tenant: TenantId,
    head: TreeHead,
    signed: u64,
}

impl Sweep {
    pub(super) const fn new() -> Self {
        Self::Trees(None)
    }
}

impl Sequencer {
    /// Goes on by two pages, which is all of it where there are few tenants; whether there are more.
    pub(super) async fn sweep(&self, shard: &mut Shard) -> Result<bool, SequencerError> {
        for _ in 0..PAGES {
            if shard.sweep == Sweep::Done || !self.refresh_marks().await? {
                return Ok(false);
            }
            let (refused, next) = match shard.sweep {
                Sweep::Trees(after) => self.sweep_trees(shard, after).await?,
                Sweep::Marks(after) => self.sweep_marks(shard, after).await?,
                Sweep::Done => return Ok(false),
            };
            self.refuse(shard, &refused).await?;
            shard.sweep = next;
            if next == Sweep::Done && shard.unmarked > 0 {
                tracing::warn!(
                    tenants = shard.unmarked,
                    "{} tenants were signed and have no mark: that their trails were put back would not be noticed before they are \
                     signed again",
                    shard.unmarked
                );
            }
        }
        Ok(shard.sweep != Sweep::Done)
    }

    async fn sweep_trees(
        &self,
        shard: &mut Shard,
        after: Option<TenantId>,
    ) -> Result<(Vec<(TenantId, Refusal)>, Sweep), SequencerError> {
        let heads = self.heads_after(shard, after).await?;
        let mut refused = Vec::new();
        let tenants: Vec<TenantId> = heads.iter().map(|one| one.tenant).collect();
        // As they were before the heads were read.
        let Some(marks) = self.with_marks(move |marks| Ok(marks.of(&tenants))).await? else {
            return Ok((refused, Sweep::Trees(after)));
        };
        for Head { tenant, head, signed } in &heads {
            shard.unmarked += usize::from(*signed > 0 && !marks.contains_key(tenant));
            let mark = marks.get(tenant).copied().unwrap_or_default();
            if let Some(refusal) = judge(&mark, head, *signed) {
                refused.push((*tenant, refusal));
            } else if head.size > *signed {
                shard.unsigned.insert(*tenant);
            }
        }
        let next = match heads.last() {
            Some(last) if heads.len() == PAGE => Sweep::Trees(Some(last.tenant)),
            _ => Sweep::Marks(None),
        };
        Ok((refused, next))
    }

    async fn sweep_marks(
        &self,
        shard: &Shard,
        after: Option<TenantId>,
    ) -> Result<(Vec<(TenantId, Refusal)>, Sweep), SequencerError> {
        let Some(page) = self.with_marks(move |marks| Ok(marks.page(after, PAGE))).await? else {
            return Ok((Vec::new(), Sweep::Marks(after)));
        };
        let ours = |tenant: &TenantId| self.config.shard_of(*tenant) == shard.number;
        let tenants: Vec<TenantId> = page
            .iter()
            .filter(|(tenant, mark)| mark.head.size > 0 && ours(tenant))
            .map(|(tenant, _)| *tenant)
            .collect();
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        let present: Vec<TenantId> =
            sqlx::query_scalar("select tenant_id from platform_audit.tree where tenant_id = any ($1)")
                .bind(&tenants)
                .fetch_all(&mut tx)
                .await
                .map_err(DbError::from)?;
        tx.rollback().await?;
        let present: HashSet<TenantId> = present.into_iter().collect();
        let gone = tenants
            .into_iter()
            .filter(|tenant| !present.contains(tenant))
            .map(|tenant| (tenant, Refusal::TreeShrunk))
            .collect();
        let next = match page.last() {
            Some((last, _)) if page.len() == PAGE => Sweep::Marks(Some(*last)),
            _ => Sweep::Done,
        };
        Ok((gone, next))
    }

    async fn heads_after(&self, shard: &Shard, after: Option<TenantId>) -> Result<Vec<Head>, SequencerError> {
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        let rows: Vec<(TenantId, i64, Vec<u8>, i64)> = sqlx::query_as(
            "select t.tenant_id, t.size, t.root, coalesce(
               (select c.size from platform_audit.checkpoint c where c.tenant_id = t.tenant_id order by c.size desc limit 1), 0
             )
             from platform_audit.tree t
             where t.tenant_id > $1 and get_byte(uuid_send(t.tenant_id), 15) % $2 = $3
             order by t.tenant_id
             limit $4",
        )
        .bind(after.map_or(Uuid::nil(), TenantId::as_uuid))
        .bind(i32::from(self.config.shards.get()))
        .bind(i32::from(shard.number))
        .bind(i64::try_from(PAGE).unwrap_or(i64::MAX))
        .fetch_all(&mut tx)
        .await
        .map_err(DbError::from)?;
        tx.rollback().await?;
        let heads = rows.into_iter().map(|(tenant, size, root, signed)| {
            Ok(Head {
                tenant,
                head: stored::head(size, &root)?,
                signed: stored::unsigned(signed)?,
            })
        });
        heads.collect()
    }
}

/// What sizes alone tell. A tree is committed before it is marked, so one that was read after its mark is not behind it.
fn judge(mark: &Mark, head: &TreeHead, signed: u64) -> Option<Refusal> {
    if mark.refused.is_some() {
        return mark.refused;
    }
    if head.size < mark.head.size.max(signed) {
        return Some(Refusal::TreeShrunk);
    }
    if head.size == mark.head.size && head.root != mark.head.root {
        return Some(Refusal::TreeForked);
    }
    (signed < mark.stored).then_some(Refusal::CheckpointMissing)
}
