//! The trees that are held in memory.

use std::collections::HashMap;

use platform_core::TenantId;

use crate::{TreeGrowth, TreeHead};

/// A tenant's tree as it stands in the database, which was compared with everything that is known of it.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) growth: TreeGrowth,
    /// The newest checkpoint that is stored.
    pub(super) signed: TreeHead,
    /// The mark with which it was found to begin.
    pub(super) marked: TreeHead,
    /// Whether it holds an event that carries a seal.
    pub(super) is_sealed: bool,
}

/// The trees that were used last, up to a number of them.
#[derive(Debug)]
pub(super) struct Trees {
    trees: HashMap<TenantId, (Tree, u64)>,
    max: usize,
    /// Grows with every use.
    uses: u64,
}

impl Trees {
    pub(super) fn new(max: usize) -> Self {
        Self {
            trees: HashMap::new(),
            max,
            uses: 0,
        }
    }

    /// The tree of a tenant, if it still has this head in the database; otherwise it is forgotten.
    pub(super) fn standing_at(&mut self, tenant: TenantId, head: &TreeHead) -> Option<&Tree> {
        if self.peek(tenant).is_some_and(|tree| tree.growth.head() != *head) {
            self.trees.remove(&tenant);
        }
        self.uses += 1;
        let (tree, used) = self.trees.get_mut(&tenant)?;
        *used = self.uses;
        Some(tree)
    }

    pub(super) fn peek(&self, tenant: TenantId) -> Option<&Tree> {
        self.trees.get(&tenant).map(|(tree, _)| tree)
    }

    pub(super) fn peek_mut(&mut self, tenant: TenantId) -> Option<&mut Tree> {
        self.trees.get_mut(&tenant).map(|(tree, _)| tree)
    }

    pub(super) fn insert(&mut self, tenant: TenantId, tree: Tree) {
        self.uses += 1;
        self.trees.insert(tenant, (tree, self.uses));
    }

    pub(super) fn remove(&mut self, tenant: TenantId) {
        self.trees.remove(&tenant);
    }

    /// Forgets those that were used longest ago, as many as there are too many.
    pub(super) fn shrink(&mut self) {
        if self.trees.len() <= self.max {
            return;
        }
        let mut uses: Vec<u64> = self.trees.values().map(|(_, used)| *used).collect();
        let surplus = uses.len() - self.max;
        let (_, newest_to_go, _) = uses.select_nth_unstable(surplus - 1);
        let newest_to_go = *newest_to_go;
        self.trees.retain(|_, (_, used)| *used > newest_to_go);
    }
}
