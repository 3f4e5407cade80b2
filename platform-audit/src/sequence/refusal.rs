//! Why a tenant's tree is not signed.

use std::fmt::{self, Display};

macro_rules! refusals {
    ($($(#[$meta:meta])* $name:ident = $code:literal, $text:literal;)+) => {
        /// Why nothing is appended to a tenant's tree and nothing of it is signed, until an operator has looked.
        ///
        /// Each but [`UnknownKey`](Self::UnknownKey) means that the database is not what the sequencer left: it was put back to an earlier state, or somebody with rights on
        /// it has changed what no program changes. The other tenants go on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$meta])* $name,)+
            /// A newer release of the program has refused it, for a reason that this one does not know.
            Unknown,
        }

        impl Refusal {
            /// A short word that does not change, for metrics, files and documents.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                    Self::Unknown => "unknown",
                }
            }

            pub(crate) fn from_code(code: &str) -> Self {
                match code {
                    $($code => Self::$name,)+
                    _ => Self::Unknown,
                }
            }

            /// Whether it stands until an operator has looked, for every process.
            pub(crate) const fn is_lasting(self) -> bool {
                !matches!(self, Self::UnknownKey)
            }

            const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Unknown => "it was refused by a newer release",
                }
            }
        }
    };
}

refusals! {
    /// The tree is smaller than it was when it was signed: the database was put back to an earlier state.
    TreeShrunk = "tree_shrunk", "the tree is smaller than one that was signed";
    /// The tree does not begin with the one that was signed: its leaves or tiles were rewritten.
    TreeForked = "tree_forked", "the tree does not begin with one that was signed";
    /// The stored tiles do not give the stored root.
    TreeBroken = "tree_broken", "the tiles do not give the root of the tree";
    /// The newest stored checkpoint is not signed by this log, or its columns say something else than its text.
    CheckpointForged = "checkpoint_forged", "the newest checkpoint is not one that this log has signed";
    /// The newest stored checkpoint is signed in the name of this log, by a key that this process does not have: another process was
    /// given a new one before this one was. It is not noted in the marks, and looked at again every minute. Give every process the new
    /// key as a further line before any signs with it, see [`Sequencer`](crate::Sequencer).
    UnknownKey = "unknown_key", "the newest checkpoint is signed by a key that this process does not have";
    /// A checkpoint that was stored is not there any more.
    CheckpointMissing = "checkpoint_missing", "a checkpoint that was stored is gone";
    /// A leaf that no checkpoint covers yet was not written by a sequencer with this key.
    LeafForeign = "leaf_foreign", "a leaf was not written by the sequencer";
    /// The last numbered event of the tree is not there, or is not the one in the tree.
    LeafMissing = "leaf_missing", "the last leaf of the tree is missing";
    /// There are numbered events at or behind the end of the tree.
    LeafBeyondTree = "leaf_beyond_tree", "there are leaves behind the end of the tree";
    /// Events without a seal are first on the tenant's work list, and are said to be from before there were seals. After an upgrade from a
    /// release that did not seal, look how many there are and adopt them, once; at any other time somebody has written to the database.
    /// Adopting tells in the trail which they were.
    UnsealedWaiting = "unsealed_waiting", "events without a seal wait to be adopted";
    /// What was published is larger than the tree, or is not its beginning.
    PublishedForked = "published_forked", "the tree does not begin with the one that was published";
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
