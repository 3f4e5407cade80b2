//! Whether a tree may be gone on with: what is stored, against everything that is known of it.

use platform_core::TenantId;

use super::config::Unsealed;
use super::marks::Mark;
use super::stored::{StoredCheckpoint, StoredLeaf};
use super::trees::Tree;
use crate::key::SealKey;
use crate::{
    Checkpoint, CheckpointInvalid, CompactRange, ConsistencyProof, Entry, InclusionProof, LeafHash, LogKey,
    NoteUnverified, ProofPlan, Refusal, SignedNote, TileId, Tiles, TreeGrowth, TreeHead, verify_consistency,
    verify_inclusion,
};

/// What is known of a tenant's tree, inside the database and outside.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) tenant: TenantId,
    /// The row of the table of trees.
    pub(super) head: TreeHead,
    pub(super) checkpoint: Option<StoredCheckpoint>,
    pub(super) mark: Mark,
    /// The newest head that stands where checkpoints are published.
    pub(super) published: Option<TreeHead>,
    /// The highest number that an event has.
    pub(super) last_number: Option<u64>,
    /// The last event that is covered by a signature, see [`base`](Self::base).
    pub(super) last_signed: Option<StoredLeaf>,
    /// The tiles of [`tiles_needed`](Self::tiles_needed); `None` when one of them is no tile.
    pub(super) tiles: Option<Tiles>,
}

/// Leaves that no signature covers yet. They are compared with their events, each with its seal.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    range: CompactRange,
    is_sealed: bool,
    head: TreeHead,
}

impl Known {
    /// The largest head that was ever signed or marked, as far as sizes tell.
    pub(super) fn base(&self) -> TreeHead {
        let signed = self.checkpoint.as_ref().map_or(TreeHead::empty(), |one| one.head);
        if signed.size > self.mark.head.size {
            signed
        } else {
            self.mark.head
        }
    }

    /// Whether the sizes alone tell that something is wrong, so that no tiles need be read.
    pub(super) fn judge_sizes(&self) -> Result<(), Refusal> {
        if let Some(refusal) = self.mark.refused {
            return Err(refusal);
        }
        let size = self.head.size;
        if self.base().size > size {
            return Err(Refusal::TreeShrunk);
        }
        let stored = self
            .checkpoint
            .as_ref()
            .map_or(0, |checkpoint| checkpoint.head.size);
        if stored < self.mark.stored {
            return Err(Refusal::CheckpointMissing);
        }
        if self.published.is_some_and(|published| published.size > size) {
            return Err(Refusal::PublishedForked);
        }
        let numbered = self.last_number.map_or(0, |last| last.saturating_add(1));
        if numbered > size {
            return Err(Refusal::LeafBeyondTree);
        }
        if numbered < size {
            return Err(Refusal::LeafMissing);
        }
        Ok(())
    }

    /// The tiles that [`judge`](Self::judge) looks at. [`judge_sizes`](Self::judge_sizes) comes first.
    pub(super) fn tiles_needed(&self) -> Vec<TileId> {
        let base = self.base().size;
        let mut tiles = TileId::right_edge(self.head.size);
        tiles.extend(TileId::right_edge(base));
        for older in self.older() {
            tiles.extend(plan(older.size, self.head.size).iter().flat_map(ProofPlan::tiles));
        }
        if let Some(last) = base.checked_sub(1) {
            let plan = ProofPlan::inclusion(last, base).ok();
            tiles.extend(plan.iter().flat_map(ProofPlan::tiles));
        }
        tiles.sort_unstable();
        tiles.dedup();
        tiles
    }

    /// The tree to go on with, and the tail that is still to be looked at before that.
    pub(super) fn judge(&self, key: &LogKey, unsealed: Unsealed) -> Result<(Tree, Option<Tail>), Refusal> {
        self.judge_sizes()?;
        let tiles = self.tiles.as_ref().ok_or(Refusal::TreeBroken)?;
        let growth = TreeGrowth::resume(self.head.size, tiles.clone()).map_err(|_| Refusal::TreeBroken)?;
        if growth.head() != self.head {
            return Err(Refusal::TreeBroken);
        }
        let signed = self.signed_head(key)?;
        self.begins_with(&self.mark.head, tiles, Refusal::TreeForked)?;
        self.begins_with(&signed, tiles, Refusal::TreeForked)?;
        if let Some(published) = &self.published {
            self.begins_with(published, tiles, Refusal::PublishedForked)?;
        }
        let base = self.base();
        let is_sealed = self.is_sealed_at(&base, tiles)?;
        let tail = if base.size == self.head.size {
            None
        } else {
            let range = CompactRange::from_source(base.size, tiles).map_err(|_| Refusal::TreeBroken)?;
            Some(Tail {
                range,
                // Those that were adopted are marked before anything else happens to their tree.
                is_sealed: is_sealed || unsealed != Unsealed::UntilSealed,
                head: self.head,
            })
        };
        let tree = Tree {
            growth,
            signed,
            marked: self.mark.head,
            is_sealed: is_sealed || unsealed == Unsealed::Never,
        };
        Ok((tree, tail))
    }

    /// The heads with which the tree has to begin.
    fn older(&self) -> impl Iterator<Item = TreeHead> {
        let signed = self.checkpoint.as_ref().map(|checkpoint| checkpoint.head);
        [Some(self.mark.head), signed, self.published]
            .into_iter()
            .flatten()
    }

    fn signed_head(&self, key: &LogKey) -> Result<TreeHead, Refusal> {
        let Some(StoredCheckpoint { head, note }) = &self.checkpoint else {
            return Ok(TreeHead::empty());
        };
        check_signed(key, self.tenant, head, note).map(|()| *head)
    }

    fn begins_with(&self, older: &TreeHead, tiles: &Tiles, refusal: Refusal) -> Result<(), Refusal> {
        let plan = plan(older.size, self.head.size).ok_or(refusal)?;
        let hashes = plan.hashes(tiles).map_err(|_| Refusal::TreeBroken)?;
        verify_consistency(older, &self.head, &ConsistencyProof { hashes }).map_err(|_| refusal)
    }

    /// Whether the last event below `base` carries a seal: once one does, every later one does. One whose bytes are gone is taken for
    /// one that did.
    fn is_sealed_at(&self, base: &TreeHead, tiles: &Tiles) -> Result<bool, Refusal> {
        let Some(last) = base.size.checked_sub(1) else {
            return Ok(false);
        };
        let leaf = self.last_signed.as_ref().ok_or(Refusal::LeafMissing)?;
        let plan = ProofPlan::inclusion(last, base.size).map_err(|_| Refusal::TreeBroken)?;
        let hashes = plan.hashes(tiles).map_err(|_| Refusal::TreeBroken)?;
        verify_inclusion(leaf.leaf, last, base, &InclusionProof { hashes })
            .map_err(|_| Refusal::LeafForeign)?;
        Ok(leaf.entry().is_none_or(|entry| entry.seal.is_some()))
    }
}

fn plan(older: u64, newer: u64) -> Option<ProofPlan> {
    ProofPlan::consistency(older, newer).ok()
}

/// Whether a stored checkpoint is one that the log has signed. One that a key has signed which is not known here is told apart, if it
/// says in the name of the log what is stored beside it.
pub(super) fn check_signed(
    key: &LogKey,
    tenant: TenantId,
    head: &TreeHead,
    note: &str,
) -> Result<(), Refusal> {
    let origin = key.origin(tenant);
    match Checkpoint::open(note, &origin, &key.verifiers(tenant)) {
        Ok(opened) if opened.head() == head => return Ok(()),
        Err(CheckpointInvalid::Unverified(NoteUnverified::NoTrustedSignature)) => {}
        _ => return Err(Refusal::CheckpointForged),
    }
    let is_ours = |note: &SignedNote| note.signatures().iter().any(|one| one.name() == &origin);
    let same = note.starts_with(&Checkpoint::new(origin.clone(), *head).to_text());
    match note.parse::<SignedNote>() {
        Ok(note) if same && is_ours(&note) => Err(Refusal::UnknownKey),
        _ => Err(Refusal::CheckpointForged),
    }
}

impl StoredLeaf {
    /// The event, if its bytes are there and are those of the leaf.
    fn entry(&self) -> Option<Entry> {
        let bytes = self.bytes.as_deref()?;
        if LeafHash::of(bytes) != self.leaf {
            return None;
        }
        Entry::from_bytes(bytes).ok()
    }
}

impl Tail {
    /// The number of the leaf that is looked at next.
    pub(super) const fn next(&self) -> u64 {
        self.range.size()
    }

    /// Whether it is further in the tail that `begun` is the beginning of. What was looked at need not be looked at again: leaves
    /// that were changed since then do not give the root in the end.
    pub(super) fn continues(&self, begun: &Self) -> bool {
        self.head == begun.head && self.range.size() >= begun.range.size()
    }

    /// Looks at the leaves that come next.
    pub(super) fn judge(
        &mut self,
        tenant: TenantId,
        leaves: &[StoredLeaf],
        seals: &SealKey,
    ) -> Result<(), Refusal> {
        if leaves.is_empty() {
            return Err(Refusal::LeafMissing);
        }
        for leaf in leaves {
            let entry = leaf.entry().ok_or(Refusal::LeafForeign)?;
            let is_sealed = entry.seal.is_some();
            let seal_fits = if is_sealed {
                seals.verifies(&entry)
            } else {
                !self.is_sealed
            };
            let place_fits = leaf.seq == self.range.size() && entry.tenant == tenant && entry.id == leaf.id;
            if !seal_fits || !place_fits {
                return Err(Refusal::LeafForeign);
            }
            self.is_sealed |= is_sealed;
            self.range.append(leaf.leaf).map_err(|_| Refusal::TreeBroken)?;
        }
        Ok(())
    }

    /// Whether every leaf was looked at, and if so, whether the tree holds an event that carries a seal.
    pub(super) fn finish(&self) -> Option<Result<bool, Refusal>> {
        if self.range.size() < self.head.size {
            return None;
        }
        let same = self.range.head() == self.head;
        Some(if same {
            Ok(self.is_sealed)
        } else {
            Err(Refusal::LeafForeign)
        })
    }
}
