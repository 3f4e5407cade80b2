//! New versions: published first, used later.

use platform_core::pg::TenantTx;
use platform_core::{RequestContext, TenantId, Timestamp};

use super::change::{self, Change};
use super::handle::{Inner, Keyring};
use super::make::{MadeKey, Place, key_event};
use super::{KeyError, KeyEvent, KeyEventKind, KeyInfo, store};
use crate::{KeyState, Purpose};

/// How many versions of one key a tenant may have that are not destroyed, unless they were made by themselves: every process that
/// serves the tenant unwraps them all.
const VERSIONS_MAX: usize = 64;

/// When a new version is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Once every process has had the time to learn of it.
    Published,
    /// At once.
    Now,
}

impl Keyring {
    /// Publishes a new version of the tenant's key for a purpose. It seals from [`KeyInfo::activates_at`] on, one time-to-live from
    /// now, when every process has it; until then the version in use goes on. Reads are never interrupted, and what older versions
    /// have sealed stays readable: it is sealed anew by a re-seal job.
    ///
    /// Every call makes a version, and every process loads all that are not destroyed: with 64 of them another one is refused, and the
    /// refusal recorded. A tenant that had no key gets its first, active at once.
    ///
    /// # Errors
    /// [`KeyError::TooManyVersions`], or another [`KeyError`]; the key was not rotated.
    pub async fn rotate(&self, ctx: &RequestContext, purpose: Purpose) -> Result<KeyInfo, KeyError> {
        let rotated = self.inner.rotate(ctx, purpose, When::Published, None).await?;
        rotated.ok_or(KeyError::Corrupt)
    }

    /// Makes a new version that seals at once, for an emergency: nothing more shall be sealed under the present one.
    ///
    /// Processes that have not heard of it yet cannot open what it seals until they do: [`Keyring::keys_for`] asks the database when
    /// it meets an unknown key, [`Keyring::keys`] after the message or the time-to-live.
    ///
    /// # Errors
    /// As of [`Keyring::rotate`].
    pub async fn rotate_now(&self, ctx: &RequestContext, purpose: Purpose) -> Result<KeyInfo, KeyError> {
        let rotated = self.inner.rotate(ctx, purpose, When::Now, None).await?;
        rotated.ok_or(KeyError::Corrupt)
    }

    /// Marks the published versions that are due as active and the ones before them as retired; how many became active.
    ///
    /// Processes seal under a version from its time on whether or not this has been called; it only brings the table up to date.
    ///
    /// # Errors
    /// [`KeyError::Db`] when the database fails, [`KeyError::Log`] when the change could not be recorded.
    pub async fn promote(&self, ctx: &RequestContext) -> Result<usize, KeyError> {
        self.inner.promote_due(ctx.tenant()).await
    }
}

impl Inner {
    /// Rotates unless there is a newer version than this one already.
    pub(super) async fn rotate_version(
        &self,
        ctx: &RequestContext,
        purpose: Purpose,
        version: u32,
    ) -> Result<Option<KeyInfo>, KeyError> {
        self.rotate(ctx, purpose, When::Published, Some(version)).await
    }

    async fn rotate(
        &self,
        ctx: &RequestContext,
        purpose: Purpose,
        when: When,
        only: Option<u32>,
    ) -> Result<Option<KeyInfo>, KeyError> {
        let made = self.make(ctx.tenant(), purpose).await?;
        let mut tx = self.db.begin(ctx).await?;
        let mut newest = store::lock(&mut tx, purpose).await?;
        let mut first = None;
        if newest == 0 {
            let now = self.sources.now();
            match self.insert_first(&mut tx, ctx, &made).await? {
                true => first = Some(place(1, now, now)),
                // Somebody else has made it in the meantime, and now it is there to be locked.
                false => newest = store::lock(&mut tx, purpose).await?,
            }
        }
        let place = match first {
            Some(first) => first,
            None if only.is_some_and(|only| only != newest) => {
                tx.rollback().await?;
                return Ok(None);
            }
            None => {
                if only.is_none()
                    && let Some((kept, event)) = self.refuse_another(&mut tx, ctx, purpose).await?
                {
                    tx.rollback().await?;
                    self.record_alone(ctx, &event).await?;
                    return Err(kept);
                }
                self.publish(&mut tx, ctx, &made, newest, when).await?
            }
        };
        tx.commit().await?;
        self.invalidate(ctx.tenant()).await;
        Ok(Some(info(made, &place)))
    }

    /// Why there may be no other version, and what to record then. Needs the lock.
    async fn refuse_another(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        purpose: Purpose,
    ) -> Result<Option<(KeyError, KeyEvent)>, KeyError> {
        let rows = store::rows(tx, ctx.tenant()).await?;
        let kept = rows
            .iter()
            .map(|row| &row.info)
            .filter(|info| info.purpose == purpose && info.state != KeyState::Destroyed);
        let (count, Some(newest)) = (kept.clone().count(), kept.max_by_key(|info| info.version)) else {
            return Ok(None);
        };
        if count < VERSIONS_MAX {
            return Ok(None);
        }
        let event = key_event(KeyEventKind::KeyRotate, newest.id, purpose, newest.version);
        let refused = KeyError::TooManyVersions { purpose, count };
        Ok(Some((refused, event.denied("too_many_versions"))))
    }

    /// Stores the version after `newest`. Needs the lock.
    async fn publish(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        made: &MadeKey,
        newest: u32,
        when: When,
    ) -> Result<Place, KeyError> {
        let now = self.sources.now();
        let activates_at = match when {
            When::Published => now + self.config.ttl,
            When::Now => now,
        };
        let version = newest.checked_add(1).ok_or(KeyError::Corrupt)?;
        let mut place = place(version, now, activates_at);
        place.state = KeyState::PreActive;
        if !self
            .insert(tx, ctx, made, &place, KeyEventKind::KeyRotate)
            .await?
        {
            return Err(KeyError::Corrupt);
        }
        if when == When::Now {
            self.activate(tx, ctx, made.purpose).await?;
            place.state = KeyState::Active;
        }
        Ok(place)
    }

    /// Brings the stored states of the tenant's keys up to date.
    pub(super) async fn promote_due(&self, tenant: TenantId) -> Result<usize, KeyError> {
        let ctx = RequestContext::system(tenant, "activate published keys", &self.sources);
        let mut tx = self.db.begin(&ctx).await?;
        let mut activated = 0;
        for purpose in [Purpose::Data, Purpose::Index] {
            if store::lock(&mut tx, purpose).await? > 1 && self.activate(&mut tx, &ctx, purpose).await? {
                activated += 1;
            }
        }
        match activated {
            0 => tx.rollback().await?,
            _ => {
                change::notify(&mut tx, &Change::Keys(tenant)).await?;
                tx.commit().await?;
            }
        }
        Ok(activated)
    }

    async fn activate(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        purpose: Purpose,
    ) -> Result<bool, KeyError> {
        let Some((version, id)) = store::promote(tx, purpose, self.sources.now()).await? else {
            return Ok(false);
        };
        let event = key_event(KeyEventKind::KeyActivate, id, purpose, version);
        self.log.record(tx, ctx, &event).await?;
        Ok(true)
    }
}

fn place(version: u32, now: Timestamp, activates_at: Timestamp) -> Place {
    Place {
        version,
        state: KeyState::Active,
        now,
        activates_at,
    }
}

fn info(made: MadeKey, place: &Place) -> KeyInfo {
    KeyInfo {
        purpose: made.purpose,
        version: place.version,
        id: made.id,
        state: place.state,
        root: Some(made.wrapped.root),
        uses: 0,
        created_at: place.now,
        activates_at: place.activates_at,
        retired_at: None,
        destroyed_at: None,
    }
}
