//! Which key the values are moved to, and from which.

use std::collections::HashSet;

use platform_core::RequestContext;

use crate::keyring::{KeyError, KeyInfo, Keyring};
use crate::{KeyId, KeyState, Keys, Purpose};

/// The tenant's data keys, by what re-sealing does about them.
pub(super) struct Plan {
    pub(super) keys: Keys,
    /// The version that seals now.
    pub(super) to_version: u32,
    /// Older versions that still open.
    pub(super) stale: HashSet<KeyId>,
    /// The version that seals now and those that come after it.
    pub(super) fresh: HashSet<KeyId>,
    pub(super) destroyed: HashSet<KeyId>,
}

impl Plan {
    pub(super) async fn make(keyring: &Keyring, ctx: &RequestContext) -> Result<Self, KeyError> {
        // The first key of a tenant is made here.
        let mut keys = keyring.keys(ctx).await?;
        let data: Vec<KeyInfo> = keyring
            .list(ctx)
            .await?
            .into_iter()
            .filter(|key| key.purpose == Purpose::Data)
            .collect();
        if keys.sealing_id() != active(&data).map(|key| key.id) {
            keyring.invalidate(ctx.tenant()).await;
            keys = keyring.keys(ctx).await?;
        }
        let sealing = data.iter().find(|key| Some(key.id) == keys.sealing_id());
        let to_version = sealing.map(|key| key.version).ok_or(KeyError::Corrupt)?;
        let ids = |wanted: &dyn Fn(&KeyInfo) -> bool| {
            data.iter().filter(|key| wanted(key)).map(|key| key.id).collect()
        };
        let is_destroyed = |key: &KeyInfo| key.state == KeyState::Destroyed;
        Ok(Self {
            to_version,
            stale: ids(&|key| key.version < to_version && !is_destroyed(key)),
            fresh: ids(&|key| key.version >= to_version && !is_destroyed(key)),
            destroyed: ids(&is_destroyed),
            keys,
        })
    }
}

fn active(data: &[KeyInfo]) -> Option<&KeyInfo> {
    data.iter().find(|key| key.state == KeyState::Active)
}
