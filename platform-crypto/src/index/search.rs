//! Tagging rows and finding them.

use platform_core::RequestContext;
use platform_core::pg::{TenantRead, TenantTx};

use super::rows::{self, Found, Tags};
use super::{BlindIndex, NotIndexable, Tagged};
use crate::keyring::{Inner, TenantKeys};
use crate::{KeyError, Keyring, Purpose, RowId, SubjectId, SubjectState, subject};

/// How often somebody else may tag the same row in between.
const TRIES: u32 = 8;

/// A transaction to read in: either kind, borrowed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reading<'a> {
    /// One that writes too.
    Tx(&'a mut TenantTx),
    /// One that only reads.
    Read(&'a mut TenantRead),
}

/// Why a row was not tagged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// Another row has the value, in an index in which it stands once. The transaction goes on as if nothing had been tried, but for
    /// the row's own old tags, which are deleted: roll it back, or tag the row with another value.
    #[error("another row has the value already")]
    Taken,
    /// The value has no form under its normaliser. Nothing was changed.
    #[error(transparent)]
    NotIndexable(#[from] NotIndexable),
    /// The keys or the database failed, or the data subject is erased. Roll the transaction back.
    #[error("the row could not be tagged")]
    Keys(#[from] KeyError),
}

impl Keyring {
    /// Makes a row findable by its value, in place of any value it was tagged with before, in the transaction that stores the sealed
    /// value. Tagging a row again with the same value changes nothing but what is missing.
    ///
    /// The row gets a tag for every version of the tenant's index key, so that it is found and stays unique while the key is rotated.
    ///
    /// # Errors
    /// [`TagError`].
    pub async fn tag(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        index: &BlindIndex,
        tagged: &Tagged<'_>,
    ) -> Result<(), TagError> {
        Box::pin(self.inner.tag(tx, ctx, index, tagged)).await
    }

    /// The rows with a value, by their tags: of a [unique](BlindIndex::unique) index at most one, of a sampled one the candidates,
    /// which have to be opened and compared. A value that cannot be indexed is nowhere.
    ///
    /// Takes `&mut TenantTx` or `&mut TenantRead` and uses that connection alone.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn find(
        &self,
        reading: impl Into<Reading<'_>>,
        ctx: &RequestContext,
        index: &BlindIndex,
        value: &str,
    ) -> Result<Vec<RowId>, KeyError> {
        Box::pin(self.inner.find(reading.into(), ctx, index, value)).await
    }

    /// Makes a row impossible to find by this index: its value was deleted or became null.
    ///
    /// # Errors
    /// [`KeyError::Db`] when the database fails.
    pub async fn untag(
        &self,
        tx: &mut TenantTx,
        index: &BlindIndex,
        row: impl Into<RowId>,
    ) -> Result<(), KeyError> {
        rows::delete_of_row(tx, index, row.into()).await
    }

    /// Up to `limit` rows that have no tag yet under the newest version of the tenant's index key, after a rotation.
    ///
    /// Open the value of each and [`tag`](Self::tag) the row with it again, until there are none; then the older version can be
    /// [destroyed](Keyring::destroy). A row whose value is gone is [untagged](Self::untag). Rows that were never tagged are not known
    /// here.
    ///
    /// # Errors
    /// [`KeyError::Db`] when the database fails.
    pub async fn rows_to_retag(
        &self,
        reading: impl Into<Reading<'_>>,
        index: &BlindIndex,
        limit: u32,
    ) -> Result<Vec<RowId>, KeyError> {
        let behind = match reading.into() {
            Reading::Tx(tx) => {
                let tenant = tx.tenant();
                rows::behind(tx, tenant, index, (None, limit)).await
            }
            Reading::Read(read) => {
                let tenant = read.tenant();
                rows::behind(read, tenant, index, (None, limit)).await
            }
        };
        Ok(behind?.into_iter().map(|(row, _)| row).collect())
    }
}

/// Refuses a subject that was erased, and keeps anybody from erasing it until the transaction ends.
async fn share_live(tx: &mut TenantTx, subject: SubjectId) -> Result<(), KeyError> {
    let state = subject::share_state(tx, subject).await?;
    match state.is_some_and(|state| state != SubjectState::Live) {
        true => Err(KeyError::SubjectErased(subject)),
        false => Ok(()),
    }
}

/// The subject that a row's tags are of, which nobody erases until the transaction ends.
async fn share_subject_of(
    tx: &mut TenantTx,
    index: &BlindIndex,
    row: RowId,
) -> Result<Option<SubjectId>, KeyError> {
    let mut known = rows::subject_of(tx, index, row).await?;
    while let Some(subject) = known {
        share_live(tx, subject).await?;
        // Somebody may have tagged the row while this waited.
        let now = rows::subject_of(tx, index, row).await?;
        if now == known {
            break;
        }
        known = now;
    }
    Ok(known)
}

impl Inner {
    async fn tag(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        index: &BlindIndex,
        tagged: &Tagged<'_>,
    ) -> Result<(), TagError> {
        index.normalize(tagged.value)?;
        let row = tagged.row;
        let subject = match tagged.subject {
            Some(subject) => {
                share_live(tx, subject).await?;
                Some(subject)
            }
            None => share_subject_of(tx, index, row).await?,
        };
        let tags = self.live_tags(tx, ctx, index, tagged.value).await?;
        for _ in 0..TRIES {
            rows::delete_others(tx, index, row, &tags).await?;
            rows::insert(tx, index, (row, subject), &tags).await?;
            if rows::count_of_row(tx, index, row, &tags).await? == tags.versions.len() {
                return Ok(());
            }
            // Somebody has tagged the same row with another value in between: what comes last stands.
            if !rows::has_others(tx, index, row, &tags).await? {
                break;
            }
        }
        rows::delete_of_row(tx, index, row).await?;
        Err(TagError::Taken)
    }

    /// A tag under every version of the index key that is not destroyed; until the transaction ends none of them is.
    async fn live_tags(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        index: &BlindIndex,
        value: &str,
    ) -> Result<Tags, TagError> {
        let mut keys = self.tenant_keys_in(tx, ctx, Purpose::Index).await?;
        let live = rows::live_keys(tx).await?;
        if live.iter().any(|(_, id)| keys.find(*id).is_none()) {
            // Published by another process a moment ago.
            self.invalidate(ctx.tenant()).await;
            keys = self.tenant_keys_in(tx, ctx, Purpose::Index).await?;
        }
        let mut tags = Tags::default();
        for (version, id) in live {
            let key = keys.find(id).ok_or(KeyError::Corrupt)?;
            tags.push(version, &index.tag(key.key.data_key(), value)?);
        }
        Ok(tags)
    }

    async fn find(
        &self,
        mut reading: Reading<'_>,
        ctx: &RequestContext,
        index: &BlindIndex,
        value: &str,
    ) -> Result<Vec<RowId>, KeyError> {
        if index.normalize(value).is_err() {
            return Ok(Vec::new());
        }
        let keys = self.keys_on(&mut reading, ctx).await?;
        let found = reading.find(index, &keys, value).await?;
        if !found.unknown_key {
            return Ok(found.rows);
        }
        // Published by another process a moment ago, and the one we know may be destroyed already.
        self.invalidate(ctx.tenant()).await;
        let keys = self.keys_on(&mut reading, ctx).await?;
        Ok(reading.find(index, &keys, value).await?.rows)
    }

    async fn keys_on(
        &self,
        reading: &mut Reading<'_>,
        ctx: &RequestContext,
    ) -> Result<std::sync::Arc<TenantKeys>, KeyError> {
        match reading {
            Reading::Tx(tx) => self.tenant_keys_in(tx, ctx, Purpose::Index).await,
            Reading::Read(read) => self.tenant_keys_read_in(read, ctx).await,
        }
    }
}

impl Reading<'_> {
    async fn find(&mut self, index: &BlindIndex, keys: &TenantKeys, value: &str) -> Result<Found, KeyError> {
        let mut tags = Tags::default();
        for loaded in keys.index() {
            // It could be normalised a moment ago.
            let tag = index
                .tag(loaded.key.data_key(), value)
                .map_err(|_| KeyError::Corrupt)?;
            tags.push(loaded.info.version, &tag);
        }
        let known = (tags.versions.as_slice(), &tags);
        match self {
            Self::Tx(tx) => {
                let tenant = tx.tenant();
                rows::find(&mut **tx, tenant, index, known).await
            }
            Self::Read(read) => {
                let tenant = read.tenant();
                rows::find(&mut **read, tenant, index, known).await
            }
        }
    }
}

impl<'a> From<&'a mut TenantTx> for Reading<'a> {
    fn from(tx: &'a mut TenantTx) -> Self {
        Self::Tx(tx)
    }
}

impl<'a> From<&'a mut TenantRead> for Reading<'a> {
    fn from(read: &'a mut TenantRead) -> Self {
        Self::Read(read)
    }
}
