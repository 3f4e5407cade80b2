//! The trees that the copies of a trail give.

use super::position::{COPIES, Hashed};
use crate::{CompactRange, LeafHash, TreeHead};

/// One tree while all copies agree, one for each copy after they have parted, none after a position that no copy has.
#[derive(Debug)]
pub(super) enum Ranges {
    Agreed(CompactRange),
    Parted(Box<[CompactRange; COPIES]>),
    Lost,
}

impl Ranges {
    pub(super) fn append(&mut self, position: &Hashed, agreed: Option<LeafHash>) {
        match (&mut *self, agreed) {
            (Self::Lost, _) => {}
            (Self::Agreed(range), Some(leaf)) => {
                if range.append(leaf).is_err() {
                    *self = Self::Lost;
                }
            }
            (Self::Agreed(range), None) => {
                *self = Self::Parted(Box::new([
                    range.clone(),
                    range.clone(),
                    range.clone(),
                    range.clone(),
                ]));
                self.append_to_each(position);
            }
            (Self::Parted(_), _) => self.append_to_each(position),
        }
    }

    fn append_to_each(&mut self, position: &Hashed) {
        let Self::Parted(ranges) = self else { return };
        let appended = ranges.iter_mut().enumerate().all(|(copy, range)| {
            position
                .copy_or_other(copy)
                .is_some_and(|leaf| range.append(leaf).is_ok())
        });
        if !appended {
            *self = Self::Lost;
        }
    }

    /// The copy whose tree has this head; with it every leaf of that copy is authentic, and the others go on from there.
    pub(super) fn proven_by(&mut self, head: &TreeHead) -> Option<usize> {
        let (copy, range) = match self {
            Self::Agreed(range) => return (range.head() == *head).then_some(0),
            Self::Parted(ranges) => {
                let proven = ranges.iter().position(|range| range.head() == *head)?;
                (proven, std::mem::take(&mut ranges[proven]))
            }
            Self::Lost => return None,
        };
        *self = Self::Agreed(range);
        Some(copy)
    }
}
