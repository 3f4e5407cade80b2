//! What may be known of a key.

use platform_core::Timestamp;

use crate::{KeyId, KeyState, Purpose, RootKeyRef};

/// What may be known of one version of a tenant's key: everything but the key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// What it is for.
    pub purpose: Purpose,
    /// Its version, from 1.
    pub version: u32,
    /// Its id, as it stands in everything that was sealed under it.
    pub id: KeyId,
    /// Where it is in its life.
    pub state: KeyState,
    /// The root key that wraps it; `None` once it is destroyed.
    pub root: Option<RootKeyRef>,
    /// Seals that processes have reserved under it: never fewer than were made.
    pub uses: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it seals.
    pub activates_at: Timestamp,
    /// When a newer version took over.
    pub retired_at: Option<Timestamp>,
    /// When it was destroyed.
    pub destroyed_at: Option<Timestamp>,
}
