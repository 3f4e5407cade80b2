//! Taking windows into a verifier.

use std::iter::Peekable;
use std::sync::Arc;
use std::vec;

use platform_core::uuid::Uuid;

use super::window::{Checkpoint, Leaf, Window};
use crate::verify::{Feed, TileHash};
use crate::{Finding, HeadRefused, LeafHash, Position, ResumePoint, TreeHead, Trust, Verifier};

/// A verification under way.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) verifier: Verifier,
    trust: Arc<Trust>,
    /// The heads from outside that were not given yet, smallest first.
    witnessed: Peekable<vec::IntoIter<TreeHead>>,
    /// The first position whose tile was not looked at as a whole.
    odd_tiles_from: u64,
    /// The largest head behind all positions so far.
    ahead: Option<TreeHead>,
    /// The smallest id among the events of the positions.
    pub(super) smallest_id: Option<Uuid>,
    /// Behind the last position that has a leaf and a hash in a tile.
    pub(super) grown_to: u64,
}

impl Pass {
    pub(super) fn new(trust: &Trust, since: Option<ResumePoint>) -> Self {
        let verifier = since.map_or_else(Verifier::new, Verifier::resume);
        let witnessed = trust.witnessed_within(verifier.next_seq(), u64::MAX);
        Self {
            verifier: verifier.every_copy().with_tile_hashes(),
            trust: Arc::new(trust.clone()),
            witnessed: witnessed.into_iter().peekable(),
            odd_tiles_from: 0,
            ahead: None,
            smallest_id: None,
            grown_to: 0,
        }
    }

    /// Compares a window with what is signed, and gives the hashes that tiles above level 0 must have.
    pub(super) fn take(&mut self, window: &Window) -> Result<Vec<TileHash>, HeadRefused> {
        // A tile may lie in several windows.
        let from = self.odd_tiles_from;
        for (first, last) in window.odd_tiles.iter().filter(|(first, _)| *first >= from) {
            self.odd_tiles_from = first.saturating_add(1);
            self.found(Finding::TilesAltered {
                level: 0,
                first: *first,
                last: *last,
            });
        }
        let mut heads = Feed::new(self.heads(window));
        let mut leaves = window.leaves.iter().peekable();
        let mut tiles = window.tiles.iter().peekable();
        loop {
            let seq = match (leaves.peek(), tiles.peek()) {
                (Some(leaf), Some((seq, _))) => leaf.seq.min(**seq),
                (Some(leaf), None) => leaf.seq,
                (None, Some((seq, _))) => **seq,
                (None, None) => break,
            };
            let tile = tiles.next_if(|(at, _)| **at == seq).map(|(_, hash)| *hash);
            let mut rows: Vec<_> = std::iter::from_fn(|| leaves.next_if(|leaf| leaf.seq == seq)).collect();
            if rows.is_empty() && window.tree_size.is_some_and(|size| size <= seq) {
                self.found(Finding::TilesAltered {
                    level: 0,
                    first: seq,
                    last: seq,
                });
                continue;
            }
            // Of several the one that the tile knows; the others are too many.
            rows.sort_by_key(|leaf| Some(leaf.hash) != tile);
            self.position(window, &mut heads, seq, tile, rows.first().copied())?;
            for more in rows.iter().skip(1) {
                self.position(window, &mut heads, seq, tile, Some(more))?;
            }
        }
        self.ahead = heads.rest(&mut self.verifier)?;
        Ok(self.verifier.take_tile_hashes())
    }

    fn position(
        &mut self,
        window: &Window,
        heads: &mut Feed<std::vec::IntoIter<TreeHead>>,
        seq: u64,
        tile: Option<LeafHash>,
        leaf: Option<&Leaf>,
    ) -> Result<(), HeadRefused> {
        let event = leaf.map(|leaf| window.events.get(leaf.id)).unwrap_or_default();
        let position = Position {
            tile,
            leaf: leaf.map(|leaf| leaf.hash),
            entry: event.entry,
            row: event.row.as_ref(),
            unreadable: event.unreadable,
            ..Position::new(seq)
        };
        if event.is_repeated {
            self.found(Finding::Inserted { seq });
        }
        if let Some(leaf) = leaf {
            if tile.is_some() {
                self.grown_to = seq.saturating_add(1);
            }
            self.smallest_id = Some(self.smallest_id.map_or(leaf.id, |id| id.min(leaf.id)));
        }
        heads.position(&mut self.verifier, &position)
    }

    /// The heads of the window, stored ones and those from outside, smallest first.
    fn heads(&mut self, window: &Window) -> Vec<TreeHead> {
        let mut heads: Vec<TreeHead> = self.ahead.take().into_iter().collect();
        while let Some(head) = self.witnessed.next_if(|head| head.size <= window.end) {
            heads.push(head);
        }
        let mut last = None;
        for checkpoint in &window.checkpoints {
            let size = checkpoint.size;
            if last.replace(size) == Some(size) {
                self.found(Finding::CheckpointRepeated { size });
            }
            heads.extend(self.open_or_report(checkpoint));
        }
        heads.sort_by_key(|head| head.size);
        heads
    }

    fn open_or_report(&mut self, checkpoint: &Checkpoint) -> Option<TreeHead> {
        let size = checkpoint.size;
        let opened = self
            .trust
            .open(&checkpoint.note)
            .ok()
            .map(|opened| *opened.head());
        let head = opened.filter(|head| head.size == size && head.root.as_bytes()[..] == checkpoint.root);
        if head.is_none() {
            self.found(Finding::CheckpointForged { size });
        }
        head
    }

    /// Takes checkpoints of sizes for which no positions were found, of which the largest says most.
    pub(super) fn take_bare(&mut self, checkpoints: &[Checkpoint]) {
        for checkpoint in checkpoints {
            let ahead = self.open_or_report(checkpoint);
            self.ahead = ahead.or(self.ahead);
        }
    }

    /// Ends the positions.
    pub(super) fn end(&mut self) -> Result<(), HeadRefused> {
        let rest = Window {
            start: self.verifier.next_seq(),
            end: u64::MAX,
            ..Window::default()
        };
        self.take(&rest)?;
        self.ahead.take().map_or(Ok(()), |head| self.verifier.head(head))
    }

    fn found(&mut self, finding: Finding) {
        self.verifier.found(finding);
    }
}
