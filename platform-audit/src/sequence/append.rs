//! Giving events their places: the first transaction of a round.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use platform_core::pg::{DbError, RoleTx};
use platform_core::{TenantId, error_chain};
use tokio::time::Instant;

use super::config::Unsealed;
use super::error::SequencerError;
use super::place::Batch;
use super::sequencer::Sequencer;
use super::shard::{ASIDE, Shard};
use super::step::RoundStep;
use super::stored;
use super::waiting::{self, Scope};
use crate::{Refusal, SEQUENCER, TreeHead};

/// How many tenants one transaction appends to.
const TENANTS_MAX: usize = 2_048;

/// How many trees that are to be signed are met in one round, beside those that are appended to.
const UNSIGNED_MAX: usize = 256;

/// What the first transaction of a round has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) sequenced: usize,
    pub(super) rejected: usize,
    /// Whether events are left that could have been taken.
    pub(super) more: bool,
}

/// What a batch is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Choice {
    /// The events of all tenants of the share.
    Everybody,
    /// Those of one tenant.
    Only(TenantId),
}

impl Sequencer {
    /// Gives places to the events that wait; `None` when the lease is lost.
    ///
    /// When the database refuses something for whatever reason, each tenant gets a transaction of its own, so that only the one that it
    /// is about is kept waiting.
    pub(super) async fn append(&self, shard: &mut Shard) -> Result<Option<Appended>, SequencerError> {
        let now = Instant::now();
        shard.try_again(now);
        let batch = self.batch.load(Ordering::Relaxed);
        match self.append_batch(shard, Choice::Everybody).await {
            Ok(appended) => {
                let larger = batch.saturating_mul(2).min(self.config.batch_max());
                self.batch.store(larger, Ordering::Relaxed);
                Ok(appended)
            }
            Err(SequencerError::Db(error @ DbError::Timeout(_))) => {
                self.batch.store((batch / 2).max(1), Ordering::Relaxed);
                Err(error.into())
            }
            Err(error) if error.is_unavailable() => Err(error),
            Err(error) => {
                tracing::warn!(
                    error = %error_chain(&error),
                    "a round of the sequencer failed, each tenant is tried by itself"
                );
                self.append_one_by_one(shard).await
            }
        }
    }

    async fn append_one_by_one(&self, shard: &mut Shard) -> Result<Option<Appended>, SequencerError> {
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        let tenants = self.tenants_waiting(&mut tx, shard, UNSIGNED_MAX).await?;
        tx.rollback().await?;
        let mut all = Appended {
            more: true,
            ..Appended::default()
        };
        for tenant in tenants {
            match self.append_batch(shard, Choice::Only(tenant)).await {
                Ok(None) => return Ok(None),
                Ok(Some(one)) => {
                    all.sequenced += one.sequenced;
                    all.rejected += one.rejected;
                }
                Err(error) if error.is_unavailable() => return Err(error),
                Err(error) => {
                    tracing::error!(
                        tenant.id = %tenant, error = %error_chain(&error),
                        "the events of tenant {tenant} cannot be sequenced, it is tried again in a minute"
                    );
                    shard.forget(tenant);
                    shard.aside.insert(tenant, Instant::now() + ASIDE);
                }
            }
        }
        Ok(Some(all))
    }

    pub(super) async fn append_batch(
        &self,
        shard: &mut Shard,
        choice: Choice,
    ) -> Result<Option<Appended>, SequencerError> {
        let batch_max = self.batch.load(Ordering::Relaxed);
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        let waiting = match choice {
            Choice::Everybody => {
                let limit = TENANTS_MAX.min(batch_max);
                self.tenants_waiting(&mut tx, shard, limit).await?
            }
            Choice::Only(tenant) => vec![tenant],
        };
        let tenants = with_unsigned(shard, &waiting);
        if tenants.is_empty() {
            tx.rollback().await?;
            return Ok(Some(Appended::default()));
        }
        if !shard.lease.fence(&mut tx).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        self.observer.at(RoundStep::Fenced);
        let mut rows = lock_trees(&mut tx, &tenants).await?;
        self.meet(&mut tx, shard, &tenants, &rows).await?;
        let known = |tenant: &TenantId| shard.trees.peek(*tenant).is_some();
        let known: Vec<TenantId> = waiting.into_iter().filter(known).collect();
        let older = waiting::with_older(&mut tx, &known).await?;
        self.hold_back(shard, &older).await?;
        let known = known.into_iter();
        let ready: Vec<TenantId> = known
            .filter(|tenant| shard.trees.peek(*tenant).is_some())
            .collect();
        let limit = shard.adopting.map_or(batch_max, |told| told.left.min(batch_max));
        let events = waiting::take(&mut tx, &ready, &older, limit).await?;
        let others_came = shard.adopting.is_some_and(|told| !told.covers(&events));
        if events.is_empty() || others_came {
            // The lease may have been renewed.
            tx.commit().await?;
            return Ok(Some(Appended::default()));
        }
        let trees: HashMap<_, _> = ready
            .iter()
            .filter_map(|tenant| Some((*tenant, shard.trees.peek(*tenant)?.clone())))
            .collect();
        rows.retain(|tenant, _| trees.contains_key(tenant));
        let mut batch = Batch::new(trees, rows, self.config.unsealed, shard.adopts());
        batch.place(&mut tx, &events, &self.seals).await?;
        let Some(placed) = batch.finish(&mut tx).await? else {
            // Somebody appends to the same trees: their processes divide the tenants differently.
            ready.iter().for_each(|tenant| shard.forget(*tenant));
            return Err(DbError::Retry(sqlx::Error::RowNotFound).into());
        };
        self.observer.at(RoundStep::Appended);
        tx.commit().await?;
        self.observer.at(RoundStep::Committed);
        for (tenant, tree) in placed.grown {
            shard.trees.insert(tenant, tree);
            shard.unsigned.insert(tenant);
        }
        shard.trees.shrink();
        self.tell_rejected(&placed.rejected);
        Ok(Some(Appended {
            sequenced: placed.sequenced,
            rejected: placed.rejected.len(),
            more: placed.done == batch_max || placed.done < events.len(),
        }))
    }

    /// Refuses the tenants whose events from before there were seals nobody has adopted.
    async fn hold_back(&self, shard: &mut Shard, older: &HashSet<TenantId>) -> Result<(), SequencerError> {
        if self.config.unsealed != Unsealed::Adopted {
            return Ok(());
        }
        let holds_none = |tenant: &&TenantId| {
            let tree = shard.trees.peek(**tenant);
            shard.adopts() != Some(**tenant) && tree.is_some_and(|tree| !tree.is_sealed)
        };
        let refused: Vec<_> = older
            .iter()
            .filter(holds_none)
            .map(|tenant| (*tenant, Refusal::UnsealedWaiting))
            .collect();
        self.refuse(shard, &refused).await
    }

    /// The next tenants in turn.
    async fn tenants_waiting(
        &self,
        tx: &mut RoleTx,
        shard: &mut Shard,
        limit: usize,
    ) -> Result<Vec<TenantId>, SequencerError> {
        let without = shard.left_alone();
        let scope = Scope {
            shard: shard.number,
            shards: self.config.shards.get(),
            without: &without,
            limit,
        };
        let mut tenants = scope.tenants(tx, shard.cursor).await?;
        if tenants.is_empty() && shard.cursor.is_some() {
            tenants = scope.tenants(tx, None).await?;
        }
        shard.cursor = match tenants.last() {
            Some(last) if tenants.len() == limit => Some(*last),
            _ => None,
        };
        Ok(tenants)
    }

    /// Sees to it that the trees of these tenants are known, of those that may be gone on with.
    async fn meet(
        &self,
        tx: &mut RoleTx,
        shard: &mut Shard,
        tenants: &[TenantId],
        rows: &HashMap<TenantId, TreeHead>,
    ) -> Result<(), SequencerError> {
        let mut strangers = Vec::new();
        for tenant in tenants {
            let head = rows.get(tenant).copied().unwrap_or_else(TreeHead::empty);
            if shard.trees.standing_at(*tenant, &head).is_none() {
                strangers.push((*tenant, head));
            }
        }
        let mut refused = Vec::new();
        for (tenant, loaded) in self.load(tx, shard, &strangers).await? {
            match loaded {
                Ok(tree) => shard.trees.insert(tenant, tree),
                Err(refusal) => refused.push((tenant, refusal)),
            }
        }
        self.refuse(shard, &refused).await
    }
}

/// The heads of these trees, which nobody else changes before the transaction has ended. A tree that is not there yet is made: a tenant
/// without a row could be judged by two processes at a time, when their numbers of shares differ.
async fn lock_trees(
    tx: &mut RoleTx,
    tenants: &[TenantId],
) -> Result<HashMap<TenantId, TreeHead>, SequencerError> {
    let mut rows = stored::lock_heads(tx, tenants).await?;
    let new: Vec<TenantId> = tenants
        .iter()
        .filter(|tenant| !rows.contains_key(tenant))
        .copied()
        .collect();
    if !new.is_empty() {
        stored::plant(tx, &new).await?;
        rows.extend(stored::lock_heads(tx, &new).await?);
    }
    Ok(rows)
}

/// The tenants, and with them some whose trees are to be signed and are not known.
fn with_unsigned(shard: &Shard, waiting: &[TenantId]) -> Vec<TenantId> {
    let mut tenants = waiting.to_vec();
    let unknown = shard
        .unsigned
        .iter()
        .filter(|tenant| shard.trees.peek(**tenant).is_none() && !shard.is_left_alone(**tenant));
    tenants.extend(unknown.take(UNSIGNED_MAX));
    tenants.sort_unstable();
    tenants.dedup();
    tenants
}
