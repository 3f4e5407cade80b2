//! One batch of events on its way into the trees.

use std::collections::{HashMap, HashSet};

use platform_core::TenantId;
use platform_core::pg::RoleTx;
use sqlx::postgres::PgRow;
use tokio::task::{JoinHandle, spawn_blocking};

use super::build::{self, Built, Leaf};
use super::config::Unsealed;
use super::error::SequencerError;
use super::rejection::Rejection;
use super::store::{self, Grown, Numbered};
use super::stored;
use super::trees::Tree;
use super::waiting::Waiting;
use crate::key::SealKey;
use crate::{EventId, TreeHead};

/// How many events are read, built and stored at a time.
const CHUNK: usize = 1_000;

/// A batch ends when the bytes of its entries are more than this, whatever is left of it.
const BYTES_MAX: usize = 64 << 20;

/// A batch that is being given its places, in one transaction.
pub(super) struct Batch {
    /// The trees as they will be.
    trees: HashMap<TenantId, Tree>,
    /// Their rows as they are.
    rows: HashMap<TenantId, TreeHead>,
    unsealed: Unsealed,
    /// The tenant whose events from before there were seals were adopted.
    adopting: Option<TenantId>,
    seen: HashSet<(TenantId, EventId)>,
    done: Vec<Waiting>,
    rejected: Vec<(TenantId, EventId, Rejection)>,
    sequenced: usize,
    bytes: usize,
}

/// What a batch has come to.
pub(super) struct Placed {
    /// The trees that have grown.
    pub(super) grown: Vec<(TenantId, Tree)>,
    pub(super) sequenced: usize,
    pub(super) rejected: Vec<(TenantId, EventId, Rejection)>,
    /// Events that were taken off the work list.
    pub(super) done: usize,
}

type Building = JoinHandle<HashMap<(TenantId, EventId), Built>>;

impl Batch {
    pub(super) fn new(
        trees: HashMap<TenantId, Tree>,
        rows: HashMap<TenantId, TreeHead>,
        unsealed: Unsealed,
        adopting: Option<TenantId>,
    ) -> Self {
        Self {
            trees,
            rows,
            unsealed,
            adopting,
            seen: HashSet::new(),
            done: Vec::new(),
            rejected: Vec::new(),
            sequenced: 0,
            bytes: 0,
        }
    }

    /// Takes the events in order, as many as the bound on bytes allows. While the rows of one chunk are on their way, the leaves of
    /// the chunk before it are made.
    pub(super) async fn place(
        &mut self,
        tx: &mut RoleTx,
        events: &[Waiting],
        seals: &SealKey,
    ) -> Result<(), SequencerError> {
        let mut before: Option<(&[Waiting], Building)> = None;
        for chunk in events.chunks(CHUNK) {
            let rows = build::fetch(tx, chunk).await?;
            let building = spawn_building(rows, seals.clone());
            if let Some((chunk, built)) = before.replace((chunk, building)) {
                self.place_chunk(tx, chunk, built.await?).await?;
            }
            if self.bytes > BYTES_MAX {
                break;
            }
        }
        if let Some((chunk, built)) = before {
            self.place_chunk(tx, chunk, built.await?).await?;
        }
        Ok(())
    }

    async fn place_chunk(
        &mut self,
        tx: &mut RoleTx,
        chunk: &[Waiting],
        mut built: HashMap<(TenantId, EventId), Built>,
    ) -> Result<(), SequencerError> {
        // Looked for, not run into: that would fail the batch of all tenants.
        let numbered_before = stored::numbered(tx, chunk).await?;
        let unread: Vec<_> = chunk
            .iter()
            .map(|event| (event.tenant, event.id))
            .filter(|key| !built.contains_key(key))
            .collect();
        let present: HashSet<_> = match unread.is_empty() {
            true => HashSet::new(),
            false => build::present(tx, &unread).await?.into_iter().collect(),
        };
        let mut numbered = Numbered::default();
        for event in chunk {
            let key = (event.tenant, event.id);
            let leaf = if !self.seen.insert(key) || numbered_before.contains(&key) {
                Err(Rejection::SequencedAlready)
            } else {
                built.remove(&key).unwrap_or(Err(match present.contains(&key) {
                    true => Rejection::NotAnEntry,
                    false => Rejection::EventMissing,
                }))
            };
            let leaf = leaf.and_then(|leaf| self.check_seal(event, leaf));
            match leaf {
                Ok(leaf) => self.append(event, leaf, &mut numbered)?,
                Err(reason) => self.rejected.push((event.tenant, event.id, reason)),
            }
        }
        self.done.extend_from_slice(chunk);
        Ok(numbered.store(tx).await?)
    }

    /// An event without a seal is not from a program that has the key, unless it is from before there were seals; and once a tree holds
    /// one with a seal, that time is over.
    fn check_seal(&self, event: &Waiting, leaf: Leaf) -> Built {
        let may_lack_it = match self.unsealed {
            Unsealed::Never => false,
            Unsealed::Adopted => event.before_seals && self.adopting == Some(event.tenant),
            Unsealed::UntilSealed => true,
        };
        let holds_none = self.trees.get(&event.tenant).is_some_and(|tree| !tree.is_sealed);
        if leaf.is_sealed || (may_lack_it && holds_none) {
            Ok(leaf)
        } else {
            Err(Rejection::SealMissing)
        }
    }

    fn append(&mut self, event: &Waiting, leaf: Leaf, numbered: &mut Numbered) -> Result<(), SequencerError> {
        let Some(tree) = self.trees.get_mut(&event.tenant) else {
            return Ok(());
        };
        let seq = tree.growth.range().size();
        tree.growth.append([leaf.hash])?;
        tree.is_sealed |= leaf.is_sealed;
        self.sequenced += 1;
        self.bytes += leaf.bytes.len();
        numbered.push(event, seq, leaf.hash, leaf.bytes);
        Ok(())
    }

    /// Stores the tiles and heads of the trees that have grown, and takes the events off the work list. `None` when a tree is not what
    /// it was: somebody else has appended to it.
    pub(super) async fn finish(self, tx: &mut RoleTx) -> Result<Option<Placed>, SequencerError> {
        let mut tiles = Vec::new();
        let mut heads = Vec::new();
        let mut grown = Vec::new();
        for (tenant, mut tree) in self.trees {
            let changed = tree.growth.take_changed();
            if changed.is_empty() {
                continue;
            }
            tiles.extend(changed.into_iter().map(|(id, tile)| (tenant, id, tile)));
            heads.push(Grown {
                tenant,
                before: self.rows.get(&tenant).copied().unwrap_or_else(TreeHead::empty),
                after: tree.growth.head(),
            });
            grown.push((tenant, tree));
        }
        if !heads.is_empty() {
            store::tiles(tx, &tiles).await?;
            if !store::heads(tx, &heads).await? {
                return Ok(None);
            }
        }
        store::reject(tx, &self.rejected).await?;
        store::take_off(tx, &self.done).await?;
        Ok(Some(Placed {
            grown,
            sequenced: self.sequenced,
            rejected: self.rejected,
            done: self.done.len(),
        }))
    }
}

fn spawn_building(rows: Vec<PgRow>, seals: SealKey) -> Building {
    spawn_blocking(move || build::build(&rows, &seals))
}
