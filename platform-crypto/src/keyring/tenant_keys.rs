//! The keys of one tenant, unwrapped, as they were at one moment.

use std::fmt::{self, Debug};

use platform_core::{TenantId, Timestamp};

use super::KeyInfo;
use crate::{Budget, FieldKey, KeyId, KeyState, Keys, Purpose};

/// The keys of one tenant as they were loaded.
pub(crate) struct TenantKeys {
    loaded_at: Timestamp,
    fresh_until: Timestamp,
    generation: u64,
    /// Oldest first.
    data: Vec<LoadedKey>,
    /// Oldest first.
    index: Vec<LoadedKey>,
    lost: Lost,
    /// What to hand out, by the key that seals; the newest first.
    snapshots: Vec<Snapshot>,
}

/// A key that can be used.
pub(crate) struct LoadedKey {
    pub(crate) info: KeyInfo,
    pub(crate) key: FieldKey,
    /// What this process may still seal under it.
    pub(crate) budget: Budget,
    /// When the provider last gave it.
    pub(crate) unwrapped_at: Timestamp,
}

struct Snapshot {
    /// From when on; `None` when it already is in use.
    from: Option<Timestamp>,
    id: KeyId,
    budget: Budget,
    keys: Keys,
}

/// What seals now.
pub(crate) struct Sealing<'a> {
    pub(crate) id: KeyId,
    pub(crate) budget: &'a Budget,
    pub(crate) keys: &'a Keys,
}

/// Keys that are known of and cannot be used.
#[derive(Debug, Default)]
pub(super) struct Lost {
    pub(super) destroyed: Vec<KeyId>,
    /// The provider refuses them: they were damaged, exchanged or locked away.
    pub(super) refused: Vec<KeyId>,
}

/// When the keys were loaded and for how long they hold.
pub(super) struct Validity {
    pub(super) loaded_at: Timestamp,
    pub(super) fresh_until: Timestamp,
    pub(super) generation: u64,
}

impl TenantKeys {
    pub(super) fn new(tenant: TenantId, validity: Validity, loaded: Vec<LoadedKey>, lost: Lost) -> Self {
        let (data, index): (Vec<_>, Vec<_>) = loaded
            .into_iter()
            .partition(|key| key.info.purpose == Purpose::Data);
        let snapshots = snapshots(tenant, validity.loaded_at, &data, &lost);
        Self {
            loaded_at: validity.loaded_at,
            fresh_until: validity.fresh_until,
            generation: validity.generation,
            data,
            index,
            lost,
            snapshots,
        }
    }

    /// May they be used without asking the database? A clock that was set back makes them old, not young.
    pub(super) fn is_fresh(&self, now: Timestamp, generation: u64) -> bool {
        self.generation == generation && self.loaded_at <= now && now < self.fresh_until
    }

    pub(super) fn loaded_at(&self) -> Timestamp {
        self.loaded_at
    }

    /// What seals now: the newest version that is in use or due.
    pub(crate) fn sealing(&self, now: Timestamp) -> Option<Sealing<'_>> {
        let due = |snapshot: &&Snapshot| snapshot.from.is_none_or(|from| from <= now);
        let snapshot = self.snapshots.iter().find(due)?;
        Some(Sealing {
            id: snapshot.id,
            budget: &snapshot.budget,
            keys: &snapshot.keys,
        })
    }

    /// The keys for fields, oldest first, without those that were destroyed.
    pub(crate) fn data(&self) -> &[LoadedKey] {
        &self.data
    }

    /// The keys for blind indexes, oldest first, without those that were destroyed.
    pub(crate) fn index(&self) -> &[LoadedKey] {
        &self.index
    }

    /// The key with this id, whatever it is for.
    pub(crate) fn find(&self, id: KeyId) -> Option<&LoadedKey> {
        self.data.iter().chain(&self.index).find(|key| key.info.id == id)
    }

    /// Is there a key of this id that the provider refuses to unwrap? What is under it may be readable again one day.
    pub(crate) fn refused(&self, id: KeyId) -> bool {
        self.lost.refused.contains(&id)
    }

    /// How many keys it holds.
    pub(super) fn len(&self) -> usize {
        self.data.len() + self.index.len()
    }

    /// Keys that open everything and seal nothing.
    pub(super) fn opening_only(&self, tenant: TenantId) -> Keys {
        let opening = Keys::opening_only(tenant);
        let opening = self
            .data
            .iter()
            .fold(opening, |keys, key| keys.with_opening(key.key.clone()));
        self.lost.told(opening)
    }
}

impl Lost {
    fn told(&self, keys: Keys) -> Keys {
        let keys = self
            .destroyed
            .iter()
            .fold(keys, |keys, id| keys.with_destroyed(*id));
        self.refused
            .iter()
            .fold(keys, |keys, id| keys.with_unavailable(*id))
    }
}

impl Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |keys: &[LoadedKey]| keys.iter().map(|key| key.info.id).collect::<Vec<_>>();
        f.debug_struct("TenantKeys")
            .field("loaded_at", &self.loaded_at)
            .field("fresh_until", &self.fresh_until)
            .field("data", &ids(&self.data))
            .field("index", &ids(&self.index))
            .finish_non_exhaustive()
    }
}

/// One for the version in use and one for each that is published after it.
fn snapshots(tenant: TenantId, now: Timestamp, data: &[LoadedKey], lost: &Lost) -> Vec<Snapshot> {
    let mut snapshots = Vec::new();
    for key in data.iter().rev() {
        let from = match key.info.state {
            KeyState::Active => None,
            KeyState::PreActive if key.info.activates_at <= now => None,
            KeyState::PreActive => Some(key.info.activates_at),
            _ => continue,
        };
        let mut keys = Keys::new(tenant, key.key.clone(), key.budget.clone());
        for other in data.iter().filter(|other| other.info.id != key.info.id) {
            keys = keys.with_opening(other.key.clone());
        }
        let keys = lost.told(keys);
        snapshots.push(Snapshot {
            from,
            id: key.info.id,
            budget: key.budget.clone(),
            keys,
        });
        if from.is_none() {
            break;
        }
    }
    snapshots
}
