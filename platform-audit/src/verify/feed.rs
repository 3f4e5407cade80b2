//! Giving a verifier heads at the right time.

use std::iter::Peekable;

use super::head::HeadRefused;
use super::position::Position;
use super::verifier::Verifier;
use crate::TreeHead;

/// Heads in the order of their sizes, given to a verifier among the positions.
pub(crate) struct Feed<I: Iterator<Item = TreeHead>> {
    heads: Peekable<I>,
}

impl<I: Iterator<Item = TreeHead>> Feed<I> {
    pub(crate) fn new(heads: impl IntoIterator<IntoIter = I>) -> Self {
        Self {
            heads: heads.into_iter().peekable(),
        }
    }

    /// Gives the position, and the heads that belong before it.
    pub(crate) fn position(
        &mut self,
        verifier: &mut Verifier,
        position: &Position<'_>,
    ) -> Result<(), HeadRefused> {
        // Behind a gap the position goes first: it says that heads of the gap need not be waited for.
        let behind_gap = position.seq > verifier.next_seq();
        if behind_gap {
            verifier.position(position);
        }
        self.up_to(verifier, position.seq)?;
        if !behind_gap {
            verifier.position(position);
        }
        Ok(())
    }

    /// Gives the heads up to this size.
    pub(crate) fn up_to(&mut self, verifier: &mut Verifier, size: u64) -> Result<(), HeadRefused> {
        while let Some(head) = self.heads.next_if(|head| head.size <= size) {
            verifier.head(head)?;
        }
        Ok(())
    }

    /// Gives the rest after the last position, and gives back the largest of those that lie behind it: it says how much is missing.
    pub(crate) fn rest(self, verifier: &mut Verifier) -> Result<Option<TreeHead>, HeadRefused> {
        let mut last = None;
        for head in self.heads {
            if head.size <= verifier.next_seq() {
                verifier.head(head)?;
            } else {
                last = Some(head);
            }
        }
        Ok(last)
    }
}
