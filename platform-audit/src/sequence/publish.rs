//! Putting checkpoints outside the database: the third transaction of a round.

use platform_core::TenantId;
use platform_core::pg::{DbError, RoleTx};

use super::error::SequencerError;
use super::outlet::Publication;
use super::resume::check_signed;
use super::sequencer::{Sequencer, off_thread};
use super::shard::Shard;
use super::step::RoundStep;
use super::stored::{self, StoredCheckpoint, signed};
use crate::{Refusal, SEQUENCER};

/// How many checkpoints one transaction publishes.
const CHECKPOINTS_MAX: usize = 512;

/// What came of publishing.
enum Attempt {
    /// So many are published.
    Published(usize),
    /// The files cannot be written.
    Unwritable,
    LeaseLost,
}

impl Sequencer {
    /// Publishes what was just signed, and then some of what was left over from before; `None` when the lease is lost.
    pub(super) async fn publish(
        &self,
        shard: &mut Shard,
        signed: &[Publication],
    ) -> Result<Option<usize>, SequencerError> {
        let mut published = 0;
        if self.outlet.is_none() {
            return Ok(Some(published));
        }
        for checkpoints in signed.chunks(CHECKPOINTS_MAX) {
            match self.publish_all(shard, checkpoints).await? {
                Attempt::Published(count) => published += count,
                Attempt::Unwritable => {
                    shard.unpublished = true;
                    return Ok(Some(published));
                }
                Attempt::LeaseLost => return Ok(None),
            }
        }
        if shard.unpublished {
            let found = self.unpublished(shard).await?;
            let last_page = found.len() < CHECKPOINTS_MAX;
            let sound = self.sound(shard, found).await?;
            match self.publish_all(shard, &sound).await? {
                Attempt::Published(count) => {
                    published += count;
                    // Those of tenants that are only left alone for a while are still to be published.
                    let later = shard.refused.values().any(|refusal| !refusal.is_lasting());
                    shard.unpublished = !last_page || later;
                }
                Attempt::Unwritable => {}
                Attempt::LeaseLost => return Ok(None),
            }
        }
        Ok(Some(published))
    }

    /// Writes the files, then notes it. A tenant of which another head of the same size is published is refused.
    async fn publish_all(
        &self,
        shard: &mut Shard,
        checkpoints: &[Publication],
    ) -> Result<Attempt, SequencerError> {
        if checkpoints.is_empty() {
            return Ok(Attempt::Published(0));
        }
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        if !shard.lease.fence(&mut tx).await? {
            tx.rollback().await?;
            return Ok(Attempt::LeaseLost);
        }
        let (files, key) = (checkpoints.to_vec(), self.key.clone());
        let written = self.with_outlet(move |outlet| outlet.publish(&files, &key));
        let Some(forked) = written.await? else {
            tx.rollback().await?;
            return Ok(Attempt::Unwritable);
        };
        self.observer.at(RoundStep::Published);
        let published: Vec<_> = checkpoints
            .iter()
            .filter(|one| !forked.contains(&one.tenant))
            .collect();
        note_published(&mut tx, &published).await?;
        tx.commit().await?;
        self.observer.at(RoundStep::Noted);
        let refused = forked.iter().map(|tenant| (*tenant, Refusal::PublishedForked));
        self.refuse(shard, &refused.collect::<Vec<_>>()).await?;
        Ok(Attempt::Published(published.len()))
    }

    /// Stored checkpoints of the share that are not published, the smaller ones of a tenant first.
    async fn unpublished(&self, shard: &Shard) -> Result<Vec<(TenantId, StoredCheckpoint)>, SequencerError> {
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        let rows: Vec<(TenantId, i64, Vec<u8>, String)> = sqlx::query_as(
            "select tenant_id, size, root, note
             from platform_audit.checkpoint
             where published_at is null
               and get_byte(uuid_send(tenant_id), 15) % $1 = $2
               and tenant_id <> all ($3)
             order by tenant_id, size
             limit $4",
        )
        .bind(i32::from(self.config.shards.get()))
        .bind(i32::from(shard.number))
        .bind(shard.refused.keys().copied().collect::<Vec<_>>())
        .bind(i64::try_from(CHECKPOINTS_MAX).unwrap_or(i64::MAX))
        .fetch_all(&mut tx)
        .await
        .map_err(DbError::from)?;
        tx.rollback().await?;
        rows.into_iter()
            .map(|(tenant, size, root, note)| {
                let head = stored::head(size, &root)?;
                Ok((tenant, StoredCheckpoint { head, note }))
            })
            .collect()
    }

    /// Stored checkpoints of a tenant that are not published, the smaller ones first.
    pub(super) async fn unpublished_of(&self, tenant: TenantId) -> Result<Vec<Publication>, SequencerError> {
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        let rows: Vec<(i64, Vec<u8>, String)> = sqlx::query_as(
            "select size, root, note from platform_audit.checkpoint
             where tenant_id = $1 and published_at is null
             order by size
             limit $2",
        )
        .bind(tenant)
        .bind(i64::try_from(CHECKPOINTS_MAX).unwrap_or(i64::MAX))
        .fetch_all(&mut tx)
        .await
        .map_err(DbError::from)?;
        tx.rollback().await?;
        rows.into_iter()
            .map(|(size, root, note)| {
                let head = stored::head(size, &root)?;
                Ok(Publication { tenant, head, note })
            })
            .collect()
    }

    /// Those that the log has signed. A tenant with another one is refused: somebody has written to the table.
    async fn sound(
        &self,
        shard: &mut Shard,
        found: Vec<(TenantId, StoredCheckpoint)>,
    ) -> Result<Vec<Publication>, SequencerError> {
        let key = self.key.clone();
        let (sound, refused) = off_thread(move || {
            let mut refused = Vec::new();
            let mut sound = found;
            sound.retain(|(tenant, StoredCheckpoint { head, note })| {
                let checked = check_signed(&key, *tenant, head, note);
                refused.extend(checked.err().map(|refusal| (*tenant, refusal)));
                checked.is_ok()
            });
            (sound, refused)
        })
        .await?;
        self.refuse(shard, &refused).await?;
        let sound = sound
            .into_iter()
            .filter(|(tenant, _)| !shard.refused.contains_key(tenant));
        Ok(sound.map(Publication::from).collect())
    }
}

async fn note_published(tx: &mut RoleTx, checkpoints: &[&Publication]) -> Result<(), DbError> {
    sqlx::query(
        "update platform_audit.checkpoint c set published_at = clock_timestamp()
         from unnest($1::uuid[], $2::bigint[]) as done (tenant_id, size)
         where c.tenant_id = done.tenant_id and c.size = done.size and c.published_at is null",
    )
    .bind(checkpoints.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(
        checkpoints
            .iter()
            .map(|one| signed(one.head.size))
            .collect::<Vec<_>>(),
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}
