//! From hashes that differ to what has happened.

use std::collections::{HashMap, HashSet};

use super::finding::{Finding, Findings};
use super::position::Hashed;
use crate::LeafHash;

/// A position where a copy differs, together with what should be there.
#[derive(Debug)]
pub(super) struct Unsettled {
    pub(super) position: Hashed,
    /// What was signed; `None` when nothing says that anything was.
    pub(super) truth: Option<LeafHash>,
}

/// Says of each position what happened, from the positions at hand: an event that is found at the place of another has moved.
pub(super) fn settle(unsettled: Vec<Unsettled>, findings: &mut Findings) {
    let displaced = |item: &&Unsettled| item.position.found() != item.truth;
    let belongs: HashMap<LeafHash, u64> = unsettled
        .iter()
        .filter(displaced)
        .filter_map(|item| Some((item.truth?, item.position.seq)))
        .collect();
    let found: HashSet<LeafHash> = unsettled
        .iter()
        .filter(displaced)
        .filter_map(|item| item.position.found())
        .collect();
    let mut gone = Vec::new();
    for Unsettled { position, truth } in unsettled {
        let seq = position.seq;
        let is_elsewhere = truth.is_none_or(|truth| found.contains(&truth));
        let belongs_at = position.found().and_then(|hash| belongs.get(&hash).copied());
        if position.is_missing() {
            if !is_elsewhere {
                gone.push(seq);
            }
            continue;
        }
        match belongs_at.filter(|_| position.found() != truth) {
            Some(belongs_at) => {
                findings.push(Finding::Reordered {
                    first: seq,
                    last: seq,
                    belongs_at,
                });
                if !is_elsewhere {
                    gone.push(seq);
                }
            }
            None => match truth {
                Some(truth) if position.found() == Some(truth) || !is_elsewhere => {
                    let columns = position.columns_unlike(truth);
                    findings.push(Finding::Altered { seq, columns });
                }
                _ => findings.push(Finding::Inserted { seq }),
            },
        }
    }
    for seq in gone {
        findings.push(Finding::Missing {
            first: seq,
            last: seq,
        });
    }
}
