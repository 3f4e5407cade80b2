//! Hashes that several proofs share.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::{HashSource, NodeAt, NodeHash, Tiles};

/// Tiles that make each hash once, however many proofs need it: those of neighbouring leaves have most of them in common.
pub(super) struct Known<'a> {
    tiles: &'a Tiles,
    made: RefCell<BTreeMap<NodeAt, NodeHash>>,
}

impl<'a> Known<'a> {
    pub(super) const fn new(tiles: &'a Tiles) -> Self {
        Self {
            tiles,
            made: RefCell::new(BTreeMap::new()),
        }
    }
}

impl HashSource for Known<'_> {
    fn node(&self, at: NodeAt) -> Option<NodeHash> {
        if let Some(hash) = self.made.borrow().get(&at) {
            return Some(*hash);
        }
        let hash = self.tiles.node(at)?;
        self.made.borrow_mut().insert(at, hash);
        Some(hash)
    }
}
