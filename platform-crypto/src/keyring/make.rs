//! Making a tenant's keys.

use platform_core::pg::TenantTx;
use platform_core::{RequestContext, TenantId, Timestamp};
use serde_json::json;

use super::change::{self, Change};
use super::handle::Inner;
use super::store::{self, NewKey};
use super::{KeyError, KeyEvent, KeyEventKind};
use crate::{DataKey, KeyId, KeyState, Purpose, WrapContext, WrappedKey};

/// A new key, wrapped and not yet stored.
pub(super) struct MadeKey {
    pub(super) purpose: Purpose,
    pub(super) id: KeyId,
    pub(super) wrapped: WrappedKey,
}

/// The version it gets, and from when on it is used.
pub(super) struct Place {
    pub(super) version: u32,
    pub(super) state: KeyState,
    pub(super) now: Timestamp,
    pub(super) activates_at: Timestamp,
}

impl Inner {
    /// Draws a key and has it wrapped. Talks to the provider, so that it is done outside every transaction of ours.
    pub(super) async fn make(&self, tenant: TenantId, purpose: Purpose) -> Result<MadeKey, KeyError> {
        let key = DataKey::generate(&self.sources);
        let id = key.id();
        let context = WrapContext {
            tenant,
            purpose,
            key: id,
        };
        let wrapped = self.provider.wrap(&context, &key).await?;
        Ok(MadeKey { purpose, id, wrapped })
    }

    /// Makes the tenant's first key for a purpose, active at once, unless somebody else has.
    pub(super) async fn make_first(&self, tenant: TenantId, purpose: Purpose) -> Result<(), KeyError> {
        let made = self.make(tenant, purpose).await?;
        let ctx = RequestContext::system(tenant, "make the first key of a tenant", &self.sources);
        let mut tx = self.db.begin(&ctx).await?;
        if self.insert_first(&mut tx, &ctx, &made).await? {
            tx.commit().await?;
        }
        Ok(())
    }

    pub(super) async fn insert_first(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        made: &MadeKey,
    ) -> Result<bool, KeyError> {
        let now = self.sources.now();
        let place = Place {
            version: 1,
            state: KeyState::Active,
            now,
            activates_at: now,
        };
        self.insert(tx, ctx, made, &place, KeyEventKind::KeyCreate).await
    }

    /// Stores a key, records it and tells the other processes; `false` when the version is taken.
    pub(super) async fn insert(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        made: &MadeKey,
        place: &Place,
        kind: KeyEventKind,
    ) -> Result<bool, KeyError> {
        let new = NewKey {
            purpose: made.purpose,
            version: place.version,
            id: made.id,
            wrapped: &made.wrapped,
            state: place.state,
            created_at: place.now,
            activates_at: place.activates_at,
        };
        if !store::insert(tx, &new).await? {
            return Ok(false);
        }
        let event = key_event(kind, made.id, made.purpose, place.version);
        self.log.record(tx, ctx, &event).await?;
        // Nobody has cached keys of a tenant that has none.
        if (kind, made.purpose) != (KeyEventKind::KeyCreate, Purpose::Data) {
            change::notify(tx, &Change::Keys(tx.tenant())).await?;
        }
        Ok(true)
    }
}

/// An event about a key.
pub(super) fn key_event(kind: KeyEventKind, id: KeyId, purpose: Purpose, version: u32) -> KeyEvent {
    KeyEvent::new(kind, "key", id.to_string())
        .detail(json!({ "purpose": purpose.as_str(), "version": version }))
}
