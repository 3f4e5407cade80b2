//! A key that can forget parts of itself.

use std::fmt::{self, Debug};

use hmac::digest::FixedOutput;
use hmac::{Hmac, KeyInit, Mac};
use platform_core::Sources;
use sha2::Sha256;
use zeroize::Zeroizing;

const CHILD: &[u8] = b"platform-crypto/v1/erasure-child";
const LEAF: &[u8] = b"platform-crypto/v1/erasure-leaf";

/// A seed on the heap, so that it stays in one place while the list of nodes grows.
type Seed = Box<Zeroizing<[u8; 32]>>;

/// A key with [`SLOTS`](Self::SLOTS) slots, each of which has a key of its own, any of which can be destroyed for ever.
///
/// The construction is the tree of Goldreich, Goldwasser and Micali (1986), punctured as Boneh and Waters (2013) do: a seed stands
/// for the root of a binary tree, HMAC-SHA256 of a node's seed gives the seeds of its two children, and a slot is a leaf. To
/// puncture a slot is to replace the node above it by the siblings along the way down: they give every other slot as before, and
/// nothing that is left gives this one. The key starts as one node; `n` punctured slots leave at most `n · log2(SLOTS / n)` nodes,
/// so that it never takes more than about 290 kB, and takes none any more once every slot is punctured.
///
/// ```
/// use platform_core::Sources;
/// use platform_crypto::{PuncturableKey, Slot};
///
/// let (one, other) = (Slot::new(7).unwrap(), Slot::new(8).unwrap());
/// let mut key = PuncturableKey::generate(&Sources::system());
/// let before = *key.slot_key(other).unwrap().expose_bytes();
/// key.puncture(one);
/// assert!(key.slot_key(one).is_none());
/// assert_eq!(key.slot_key(other).unwrap().expose_bytes(), &before);
/// ```
pub struct PuncturableKey {
    /// In the order of their slots; what none of them covers is punctured.
    nodes: Vec<Node>,
}

/// One of the slots of a [`PuncturableKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

/// The key of one slot, overwritten on drop.
pub struct SlotKey(Seed);

/// A subtree: the slots `first .. first + 2^level`.
pub(super) struct Node {
    pub(super) first: u16,
    pub(super) level: u8,
    pub(super) seed: Seed,
}

impl PuncturableKey {
    /// How many levels the tree has below its root.
    pub(super) const LEVELS: u8 = 14;

    /// How many slots a key has.
    pub const SLOTS: u16 = 1 << Self::LEVELS;

    /// Draws a new key of which nothing is punctured.
    pub fn generate(sources: &Sources) -> Self {
        let mut seed: Seed = Box::default();
        *seed = Zeroizing::new(sources.bytes());
        Self::from_nodes(vec![Node {
            first: 0,
            level: Self::LEVELS,
            seed,
        }])
    }

    /// The key of a slot, or nothing when the slot is punctured.
    pub fn slot_key(&self, slot: Slot) -> Option<SlotKey> {
        let node = self.nodes.get(self.position(slot)?)?;
        let mut seed = node.seed.clone();
        for level in (0..node.level).rev() {
            seed = child(&seed, slot.right_at(level));
        }
        Some(SlotKey(derive(&seed, LEAF, &[])))
    }

    /// Destroys the key of a slot; says whether there was one.
    ///
    /// Only in this value: what was [written down](Self::encode) before still has it, so that has to be destroyed too.
    pub fn puncture(&mut self, slot: Slot) -> bool {
        let Some(position) = self.position(slot) else {
            return false;
        };
        let Node { first, level, seed } = self.nodes.remove(position);
        let (mut first, mut seed) = (first, seed);
        let mut siblings = Vec::with_capacity(level.into());
        for level in (0..level).rev() {
            let right = slot.right_at(level);
            let half = 1 << level;
            siblings.push(Node {
                first: if right { first } else { first + half },
                level,
                seed: child(&seed, !right),
            });
            seed = child(&seed, right);
            first += if right { half } else { 0 };
        }
        siblings.sort_unstable_by_key(|node| node.first);
        self.nodes.splice(position..position, siblings);
        true
    }

    /// Whether the key of a slot is destroyed.
    pub fn is_punctured(&self, slot: Slot) -> bool {
        self.position(slot).is_none()
    }

    /// How many seeds the key consists of.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn from_nodes(nodes: Vec<Node>) -> Self {
        Self { nodes }
    }

    pub(super) fn as_nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Where the node is that covers a slot.
    fn position(&self, slot: Slot) -> Option<usize> {
        let after = self.nodes.partition_point(|node| node.first <= slot.0);
        let position = after.checked_sub(1)?;
        let node = self.nodes.get(position)?;
        (slot.0 - node.first < 1 << node.level).then_some(position)
    }
}

impl Slot {
    /// The slot with this number, below [`PuncturableKey::SLOTS`].
    pub const fn new(number: u16) -> Option<Self> {
        if number < PuncturableKey::SLOTS {
            return Some(Self(number));
        }
        None
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Draws a slot.
    #[cfg(feature = "pg")]
    pub(super) fn draw(sources: &Sources) -> Self {
        // The number of slots is a power of two, so that every slot is as likely.
        Self(u16::from_be_bytes(sources.bytes()) % PuncturableKey::SLOTS)
    }

    /// Whether the way from the root turns right below a node of `level + 1`.
    fn right_at(self, level: u8) -> bool {
        self.0 >> level & 1 == 1
    }
}

impl SlotKey {
    /// The bytes, for deriving a key that wraps.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Debug for PuncturableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PuncturableKey({} nodes)", self.nodes.len())
    }
}

impl Debug for SlotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlotKey(..)")
    }
}

fn child(seed: &Seed, right: bool) -> Seed {
    derive(seed, CHILD, &[u8::from(right)])
}

fn derive(seed: &Seed, label: &[u8], turn: &[u8]) -> Seed {
    let mut derived: Seed = Box::default();
    let mut mac = Hmac::<Sha256>::new_from_slice(seed.as_slice()).expect("HMAC takes keys of any length");
    mac.update(label);
    mac.update(turn);
    mac.finalize_into((&mut **derived).into());
    derived
}
