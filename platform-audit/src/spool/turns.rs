//! Which files are tried first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::share::share_of;

/// In which order the files of a spool are tried: one tenant's next to the other's, of each the oldest first, and what was tried in vain
/// behind what was not, so that an event that the database never takes does not keep those behind it. Forgotten with the process.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<Tried>);

#[derive(Debug, Default)]
struct Tried {
    count: u64,
    /// When a file was last tried in vain, counted from 1. Holds no file that was gone when a round began.
    in_vain: HashMap<String, u64>,
}

impl Turns {
    /// A file was tried, and stays.
    pub(super) fn in_vain(&self, name: &str) {
        let mut tried = self.lock();
        tried.count += 1;
        let at = tried.count;
        tried.in_vain.insert(name.to_owned(), at);
    }

    /// The names of all files that are there, in the order in which they are tried.
    pub(super) fn order(&self, mut names: Vec<String>) -> Vec<String> {
        let mut tried = self.lock();
        names.sort_unstable();
        tried.in_vain.retain(|name, _| names.binary_search(name).is_ok());
        let mut of_share: HashMap<String, u64> = HashMap::new();
        let mut turns: Vec<_> = names
            .into_iter()
            .map(|name| {
                let in_vain = tried.in_vain.get(&name).copied().unwrap_or_default();
                // Those that were tried in vain take no turn from the others of their tenant.
                let turn = of_share.entry(share_of(&name).to_owned()).or_default();
                *turn += u64::from(in_vain == 0);
                (in_vain, *turn, name)
            })
            .collect();
        turns.sort_unstable();
        turns.into_iter().map(|(.., name)| name).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tried> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
