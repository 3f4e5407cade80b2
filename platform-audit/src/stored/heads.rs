//! Checkpoints at the edges of a stored trail.

use std::collections::HashSet;
use std::time::Duration;

use platform_core::pg::{DbError, TenantRead};

use super::window::{Checkpoint, signed};
use crate::{Finding, NodeHash, TreeHead, Trust, Verifier};

/// How many checkpoints are read at a time.
const PAGE: i64 = 200;

/// What is stored as the size and root of a tree, and how large it and its checkpoints are.
#[derive(Debug, Default)]
pub(super) struct Begin {
    /// The stored head, if there is exactly one.
    pub(super) head: Option<TreeHead>,
    /// The size of the largest checkpoint, whatever it is worth.
    pub(super) signed: u64,
}

impl Begin {
    pub(super) async fn read(read: &mut TenantRead) -> Result<Self, DbError> {
        let trees: Vec<(i64, Vec<u8>)> =
            sqlx::query_as("select coalesce(size, -1), coalesce(substring(root from 1 for 33), '') from platform_audit.tree where tenant_id = $1 limit 2")
                .bind(read.tenant())
                .fetch_all(&mut *read)
                .await?;
        let newest: Option<i64> =
            sqlx::query_scalar("select max(size) from platform_audit.checkpoint where tenant_id = $1")
                .bind(read.tenant())
                .fetch_one(&mut *read)
                .await?;
        let head = match &trees[..] {
            [(size, root)] => u64::try_from(*size).ok().map(|size| TreeHead {
                size,
                root: NodeHash::from_slice(root).unwrap_or_else(|_| NodeHash::empty()),
            }),
            _ => None,
        };
        Ok(Self {
            head,
            signed: newest.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        })
    }
}

/// A page of the checkpoints behind a size and up to another, smallest first.
pub(super) async fn behind(
    read: &mut TenantRead,
    size: u64,
    to: u64,
) -> Result<(Vec<Checkpoint>, bool), DbError> {
    let rows: Vec<(i64, Vec<u8>, String)> = sqlx::query_as(
        "select size, coalesce(substring(root from 1 for 33), ''), coalesce(left(note, 65536), '') from platform_audit.checkpoint
         where tenant_id = $1 and size > $2 and size <= $3 order by size limit $4",
    )
    .bind(read.tenant())
    .bind(signed(size))
    .bind(signed(to))
    .bind(PAGE)
    .fetch_all(&mut *read)
    .await?;
    let is_full = i64::try_from(rows.len()) == Ok(PAGE);
    let checkpoints = rows.into_iter().map(|(size, root, note)| Checkpoint {
        size: u64::try_from(size).unwrap_or(0),
        root,
        note,
    });
    Ok((checkpoints.collect(), is_full))
}

/// Finds the checkpoints that are known from outside and not stored any more.
pub(super) async fn missing(
    read: &mut TenantRead,
    trust: &Trust,
    verifier: &mut Verifier,
) -> Result<(), DbError> {
    let mut sizes: Vec<u64> = trust
        .witnessed_within(1, verifier.next_seq())
        .iter()
        .map(|head| head.size)
        .collect();
    sizes.dedup();
    for sizes in sizes.chunks(1_000) {
        let bound: Vec<i64> = sizes.iter().map(|size| signed(*size)).collect();
        let rows: Vec<i64> = sqlx::query_scalar(
            "select distinct size from platform_audit.checkpoint where tenant_id = $1 and size = any($2)",
        )
        .bind(read.tenant())
        .bind(&bound)
        .fetch_all(&mut *read)
        .await?;
        let stored: HashSet<i64> = rows.into_iter().collect();
        for size in sizes.iter().filter(|size| !stored.contains(&signed(**size))) {
            verifier.found(Finding::CheckpointMissing { size: *size });
        }
    }
    Ok(())
}

/// Finds positions that no signed head covers although they have been in the tree for longer than `within`: the sequencer signs what it
/// sequences in the same round, so that whatever had signed them was taken away, or nothing signs this trail any more.
///
/// When a position was sequenced nobody has signed. Whoever deletes checkpoints can set these times too, but has to do so again
/// before every verification that comes later.
pub(super) async fn unsigned(
    read: &mut TenantRead,
    trust: &Trust,
    within: Duration,
    verifier: &mut Verifier,
) -> Result<(), DbError> {
    let covered = verifier.signed_size();
    let Some(last) = verifier.next_seq().checked_sub(1).filter(|last| *last >= covered) else {
        return Ok(());
    };
    let overdue: Option<bool> = sqlx::query_scalar(
        "select sequenced_at between clock_timestamp() - $3 * interval '1 microsecond' and clock_timestamp() + interval '1 minute'
           is not true
         from platform_audit.leaf where tenant_id = $1 and seq >= $2 order by seq limit 1",
    )
    .bind(read.tenant())
    .bind(signed(covered))
    .bind(i64::try_from(within.as_micros()).unwrap_or(i64::MAX))
    .fetch_optional(&mut *read)
    .await?;
    // Without a leaf it is found that the leaf is gone.
    if overdue == Some(true) && !is_signed_since(read, trust, covered).await? {
        verifier.found(Finding::Unsigned { first: covered, last });
    }
    Ok(())
}

/// Whether a larger head was signed than the verification has seen.
async fn is_signed_since(read: &mut TenantRead, trust: &Trust, size: u64) -> Result<bool, DbError> {
    let note: Option<Option<String>> = sqlx::query_scalar(
        "select left(note, 65536) from platform_audit.checkpoint
         where tenant_id = $1 and size > $2 order by size desc limit 1",
    )
    .bind(read.tenant())
    .bind(signed(size))
    .fetch_optional(&mut *read)
    .await?;
    let opened = note.flatten().and_then(|note| trust.open(&note).ok());
    Ok(opened.is_some_and(|opened| opened.head().size > size))
}
