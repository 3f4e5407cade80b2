//! Values that cannot be opened, by the row they stand in.

use platform_core::pg::{TenantRead, TenantTx};
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Timestamp};

use super::job::Job;
use crate::keyring::{KeyError, Keyring};
use crate::{KeyId, OpenError, RowId};

/// So many values that could not be opened are named for each pass over a table; what is beyond is counted.
pub(super) const NAMED_MAX: u64 = 1000;

/// A sealed value that a re-seal job could not open.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResealFailure {
    /// The row it stands in.
    pub row: RowId,
    /// The column it stands in.
    pub column: String,
    /// Why it does not open.
    pub reason: FailureReason,
    /// The key its header names, if it has a header.
    pub key: Option<KeyId>,
}

/// Why a value cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureReason {
    /// It is cut off, or of a version or cipher suite that this release does not know.
    Unreadable,
    /// There is no key of that id.
    UnknownKey,
    /// Its key is there and cannot be unwrapped: it was damaged, or the provider of root keys refuses it.
    KeyUnavailable,
    /// Its key was destroyed before it was sealed anew.
    KeyDestroyed,
    /// It was altered, or belongs to another row, column, table or tenant.
    Tampered,
    /// It is about a subject that was erased, and was not sealed under the subject's key: it still opens, and has to go.
    SubjectErased,
}

impl FailureReason {
    const ALL: [Self; 6] = [
        Self::Unreadable,
        Self::UnknownKey,
        Self::KeyUnavailable,
        Self::KeyDestroyed,
        Self::Tampered,
        Self::SubjectErased,
    ];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnknownKey => "unknown_key",
            Self::KeyUnavailable => "key_unavailable",
            Self::KeyDestroyed => "key_destroyed",
            Self::Tampered => "tampered",
            Self::SubjectErased => "subject_erased",
        }
    }

    pub(super) fn of(error: &OpenError) -> Self {
        match error {
            OpenError::UnknownKey(_) => Self::UnknownKey,
            OpenError::KeyUnavailable => Self::KeyUnavailable,
            OpenError::KeyDestroyed(_) => Self::KeyDestroyed,
            OpenError::Tampered => Self::Tampered,
            _ => Self::Unreadable,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

impl Keyring {
    /// The values that the last pass over a table could not open, at most 1,000, in the order of their rows.
    ///
    /// # Errors
    /// [`KeyError::Db`] when the database fails.
    pub async fn reseal_failures(
        &self,
        ctx: &RequestContext,
        table: &str,
    ) -> Result<Vec<ResealFailure>, KeyError> {
        let mut read = self.inner.db.read(ctx).await?;
        let failures = list(&mut read, table).await?;
        read.finish().await?;
        Ok(failures)
    }
}

type Stored = (Uuid, String, String, Option<Vec<u8>>);

async fn list(read: &mut TenantRead, table: &str) -> Result<Vec<ResealFailure>, KeyError> {
    let stored: Vec<Stored> = sqlx::query_as(
        "select row_id, column_name, reason, key_id from platform_crypto.reseal_failure
         where tenant_id = $1 and table_name = $2 and to_version = (
             select max(to_version) from platform_crypto.reseal_job where tenant_id = $1 and table_name = $2)
         order by row_id, column_name limit 1000",
    )
    .bind(read.tenant())
    .bind(table)
    .fetch_all(read)
    .await?;
    stored.into_iter().map(failure).collect()
}

fn failure((row, column, reason, key): Stored) -> Result<ResealFailure, KeyError> {
    let key = key.map(|bytes| KeyId::try_from(bytes.as_slice()));
    Ok(ResealFailure {
        row: row.into(),
        column,
        reason: FailureReason::parse(&reason).ok_or(KeyError::Corrupt)?,
        key: key.transpose().map_err(|_| KeyError::Corrupt)?,
    })
}

/// Names values of a job that could not be opened, and tells the log.
pub(super) async fn record(
    tx: &mut TenantTx,
    job: &Job,
    failures: &[ResealFailure],
    now: Timestamp,
) -> Result<(), KeyError> {
    for failure in failures {
        tracing::warn!(
            tenant.id = %tx.tenant(),
            table = job.table,
            column = failure.column,
            row.id = %failure.row.as_uuid(),
            reason = failure.reason.as_str(),
            "a sealed value could not be sealed anew: {}",
            failure.reason.as_str(),
        );
    }
    let named = &failures[..failures.len().min(job.may_name())];
    if named.is_empty() {
        return Ok(());
    }
    let rows: Vec<Uuid> = named.iter().map(|one| one.row.as_uuid()).collect();
    let columns: Vec<&str> = named.iter().map(|one| one.column.as_str()).collect();
    let reasons: Vec<&str> = named.iter().map(|one| one.reason.as_str()).collect();
    let keys: Vec<Option<&[u8]>> = named
        .iter()
        .map(|one| one.key.as_ref().map(|key| key.as_bytes().as_slice()))
        .collect();
    sqlx::query(
        "insert into platform_crypto.reseal_failure
             (tenant_id, table_name, to_version, row_id, column_name, reason, key_id, found_at)
         select $1, $2, $3, one.row_id, one.column_name, one.reason, one.key_id, $8
         from unnest($4::uuid[], $5::text[], $6::text[], $7::bytea[]) as one (row_id, column_name, reason, key_id)
         on conflict do nothing",
    )
    .bind(tx.tenant())
    .bind(job.table)
    .bind(i64::from(job.to_version))
    .bind(rows)
    .bind(columns)
    .bind(reasons)
    .bind(keys)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets the values of the pass before.
pub(super) async fn forget(tx: &mut TenantTx, job: &Job) -> Result<(), KeyError> {
    sqlx::query(
        "delete from platform_crypto.reseal_failure where tenant_id = $1 and table_name = $2 and to_version = $3",
    )
    .bind(tx.tenant())
    .bind(job.table)
    .bind(i64::from(job.to_version))
    .execute(tx)
    .await?;
    Ok(())
}
