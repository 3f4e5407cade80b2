//! The positions of the events about a data subject.

use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;
use platform_crypto::SubjectId;

use super::about::events_about;
use crate::LeafHash;
use crate::export::Place;

/// The most events about one subject that are given out. Their positions are in memory meanwhile.
pub const SUBJECT_EVENTS_MAX: usize = 1_000_000;

const SEQS: &str = concat!(
    events_about!("and e.visibility = 'tenant'", ""),
    "select l.seq from about a
     join platform_audit.leaf l on l.tenant_id = $1 and l.id = a.id
     where l.seq < $3
     order by l.seq
     limit $4"
);

/// In order, one more than there may be when there are too many. What is hidden from the tenant is not among them.
pub(super) async fn seqs_about(
    read: &mut TenantRead,
    subject: SubjectId,
    size: u64,
) -> Result<Vec<i64>, DbError> {
    let limit = i64::try_from(SUBJECT_EVENTS_MAX)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let seqs = sqlx::query_scalar(SEQS)
        .bind(read.tenant())
        .bind(subject)
        .bind(i64::try_from(size).unwrap_or(i64::MAX))
        .bind(limit)
        .persistent(false)
        .fetch_all(&mut *read)
        .await?;
    Ok(seqs)
}

/// Which events have these positions.
pub(super) async fn places_of(read: &mut TenantRead, seqs: &[i64]) -> Result<Vec<Place>, DbError> {
    let rows: Vec<(i64, Uuid, Vec<u8>)> = sqlx::query_as(
        "select seq, id, leaf from platform_audit.leaf where tenant_id = $1 and seq = any($2) order by seq",
    )
    .bind(read.tenant())
    .bind(seqs)
    .fetch_all(&mut *read)
    .await?;
    let places = rows.into_iter().filter_map(|(seq, id, leaf)| {
        Some(Place {
            seq: seq.try_into().ok()?,
            id,
            leaf: LeafHash::from_slice(&leaf).ok()?,
        })
    });
    Ok(places.collect())
}
