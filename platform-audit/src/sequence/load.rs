//! Meeting a tree for the first time, or again.

use std::collections::HashMap;

use platform_core::pg::RoleTx;
use platform_core::{TenantId, error_chain};

use super::error::SequencerError;
use super::marks::Mark;
use super::outlet::Outlet;
use super::resume::{Known, Tail};
use super::sequencer::{Sequencer, off_thread};
use super::shard::Shard;
use super::stored;
use super::trees::Tree;
use crate::{Refusal, TreeHead};

/// How many unsigned leaves a round looks at, of all trees together.
const TAIL_MAX: usize = 20_000;

/// How many at a time.
pub(super) const TAIL_PAGE: usize = 1_000;

/// What trees are compared with, besides themselves.
#[derive(Debug, Clone, Default)]
pub(super) struct Against {
    pub(super) marks: HashMap<TenantId, Mark>,
    pub(super) published: bool,
}

/// What looking at a tree has come to, unless it is not finished.
pub(super) type Loaded = (TenantId, Result<Tree, Refusal>);

impl Sequencer {
    /// Looks at trees that this process does not know, and tells which of them may be gone on with. A tree with very many unsigned
    /// leaves is looked at in several rounds.
    pub(super) async fn load(
        &self,
        tx: &mut RoleTx,
        shard: &mut Shard,
        heads: &[(TenantId, TreeHead)],
    ) -> Result<Vec<Loaded>, SequencerError> {
        if heads.is_empty() {
            return Ok(Vec::new());
        }
        let tenants = heads.iter().map(|(tenant, _)| *tenant).collect();
        let Some(marks) = self.newest_marks(tenants).await? else {
            // Without the marks nobody can tell whether a tree is what it was.
            return Ok(Vec::new());
        };
        let against = Against {
            marks,
            published: true,
        };
        let known = self.gather(tx, heads, &against).await?;
        let (key, unsealed) = (self.key.clone(), self.config.unsealed);
        let judged = off_thread(move || {
            known
                .iter()
                .map(|known| (known.tenant, known.judge(&key, unsealed)))
                .collect::<Vec<_>>()
        })
        .await?;
        let mut loaded = Vec::with_capacity(judged.len());
        let mut leaves_left = TAIL_MAX;
        for (tenant, judged) in judged {
            let (mut tree, tail) = match judged {
                Ok(judged) => judged,
                Err(refusal) => {
                    loaded.push((tenant, Err(refusal)));
                    continue;
                }
            };
            let finished = match tail {
                None => Some(Ok(tree.is_sealed)),
                Some(tail) => self.judge_tail(tx, shard, tenant, tail, &mut leaves_left).await?,
            };
            match finished {
                None => {}
                Some(Ok(is_sealed)) => {
                    tree.is_sealed |= is_sealed;
                    loaded.push((tenant, Ok(tree)));
                }
                Some(Err(refusal)) => loaded.push((tenant, Err(refusal))),
            }
        }
        Ok(loaded)
    }

    /// Goes on with the unsigned leaves of a tree, as far as this round may.
    async fn judge_tail(
        &self,
        tx: &mut RoleTx,
        shard: &mut Shard,
        tenant: TenantId,
        tail: Tail,
        leaves_left: &mut usize,
    ) -> Result<Option<Result<bool, Refusal>>, SequencerError> {
        let mut tail = match shard.tails.remove(&tenant) {
            Some(begun) if begun.continues(&tail) => begun,
            _ => tail,
        };
        loop {
            if let Some(finished) = tail.finish() {
                return Ok(Some(finished));
            }
            if *leaves_left == 0 {
                shard.tails.insert(tenant, tail);
                shard.left_off = true;
                return Ok(None);
            }
            let limit = TAIL_PAGE.min(*leaves_left);
            *leaves_left -= limit;
            let (judged, next) = self.judge_page(tx, tenant, tail, limit).await?;
            if let Err(refusal) = judged {
                return Ok(Some(Err(refusal)));
            }
            tail = next;
        }
    }

    /// Looks at the leaves of a tail that come next.
    pub(super) async fn judge_page(
        &self,
        tx: &mut RoleTx,
        tenant: TenantId,
        mut tail: Tail,
        limit: usize,
    ) -> Result<(Result<(), Refusal>, Tail), SequencerError> {
        let leaves = stored::leaves_from(tx, tenant, tail.next(), limit).await?;
        let seals = self.seals.clone();
        let judged = off_thread(move || {
            let judged = tail.judge(tenant, &leaves, &seals);
            (judged, tail)
        });
        Ok(judged.await?)
    }

    /// Collects what is known of trees, with a fixed number of queries.
    pub(super) async fn gather(
        &self,
        tx: &mut RoleTx,
        heads: &[(TenantId, TreeHead)],
        against: &Against,
    ) -> Result<Vec<Known>, SequencerError> {
        let tenants: Vec<TenantId> = heads.iter().map(|(tenant, _)| *tenant).collect();
        let mut checkpoints = stored::newest_checkpoints(tx, &tenants).await?;
        let numbers = stored::last_numbers(tx, &tenants).await?;
        let published = match against.published {
            true => self.published(&tenants).await?,
            false => vec![None; tenants.len()],
        };
        let mut known: Vec<Known> = heads
            .iter()
            .zip(published)
            .map(|((tenant, head), published)| Known {
                tenant: *tenant,
                head: *head,
                checkpoint: checkpoints.remove(tenant),
                mark: against.marks.get(tenant).copied().unwrap_or_default(),
                published,
                last_number: numbers.get(tenant).copied(),
                last_signed: None,
                tiles: Some(crate::Tiles::new()),
            })
            .collect();
        let sound = || known.iter().filter(|one| one.judge_sizes().is_ok());
        let places: Vec<_> = sound()
            .filter_map(|one| Some((one.tenant, one.base().size.checked_sub(1)?)))
            .collect();
        let wanted: Vec<_> = sound()
            .flat_map(|one| one.tiles_needed().into_iter().map(|tile| (one.tenant, tile)))
            .collect();
        let mut last_signed = stored::leaves_at(tx, &places).await?;
        let mut tiles = stored::tiles(tx, &wanted).await?;
        for one in &mut known {
            one.last_signed = last_signed.remove(&one.tenant);
            if let Some(tiles) = tiles.remove(&one.tenant) {
                one.tiles = tiles;
            }
        }
        Ok(known)
    }

    /// What is published of these tenants. Where that cannot be read, nothing: the marks are what counts.
    async fn published(&self, tenants: &[TenantId]) -> Result<Vec<Option<TreeHead>>, SequencerError> {
        let (wanted, key) = (tenants.to_vec(), self.key.clone());
        let read = move |outlet: &Outlet| {
            if let Err(error) = outlet.recover(&key) {
                tracing::warn!(error = %error_chain(&error), "the journal of published checkpoints cannot be worked off");
            }
            wanted
                .iter()
                .map(|tenant| outlet.newest(*tenant, &key).unwrap_or_default())
                .collect()
        };
        let found = self.read_outlet(read).await?;
        Ok(found.unwrap_or_else(|| vec![None; tenants.len()]))
    }
}
