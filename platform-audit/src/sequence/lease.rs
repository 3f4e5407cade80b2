//! Who may sequence a share of the tenants.

use std::time::Duration;

use platform_core::pg::{Db, DbError, RoleTx};
use platform_core::uuid::Uuid;

use crate::SEQUENCER;

/// The right to sequence a share of the tenants, until somebody else has it: every transaction proves that it is still held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    shard: u8,
    epoch: i64,
    holder: Uuid,
    lasts: Duration,
}

/// Who wants a lease, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) shard: u8,
    pub(super) holder: Uuid,
    pub(super) lasts: Duration,
}

impl Lease {
    /// The shares whose lease looks free, without locking anything.
    pub(super) async fn free(db: &Db, shards: u8, holder: Uuid) -> Result<Vec<u8>, DbError> {
        let mut tx = db.begin_as(&SEQUENCER).await?;
        let held: Vec<i16> = sqlx::query_scalar(
            "select shard from platform_audit.lease where until > clock_timestamp() and holder <> $1",
        )
        .bind(holder)
        .fetch_all(&mut tx)
        .await?;
        tx.rollback().await?;
        Ok((0..shards)
            .filter(|shard| !held.contains(&i16::from(*shard)))
            .collect())
    }

    /// Takes the lease if it is free: never given, run out by the database's clock, or held by the same holder. Waits for nobody.
    pub(super) async fn take(db: &Db, claim: Claim) -> Result<Option<Self>, DbError> {
        let mut tx = db.begin_as(&SEQUENCER).await?;
        let made: Option<i64> = sqlx::query_scalar(
            "insert into platform_audit.lease (shard, epoch, holder, until)
             values ($1, 0, $2, clock_timestamp() + $3 * interval '1 millisecond')
             on conflict (shard) do nothing
             returning epoch",
        )
        .bind(i16::from(claim.shard))
        .bind(claim.holder)
        .bind(millis(claim.lasts))
        .fetch_optional(&mut tx)
        .await?;
        let epoch = match made {
            Some(epoch) => Some(epoch),
            // The epoch of a holder of the same name is an old one too: what that one was at is over.
            None => {
                sqlx::query_scalar(
                    "with free as (
                       select shard from platform_audit.lease
                       where shard = $1 and (until <= clock_timestamp() or holder = $2)
                       for update skip locked
                     )
                     update platform_audit.lease l
                     set epoch = l.epoch + 1, holder = $2, until = clock_timestamp() + $3 * interval '1 millisecond'
                     from free
                     where l.shard = free.shard
                     returning l.epoch",
                )
                .bind(i16::from(claim.shard))
                .bind(claim.holder)
                .bind(millis(claim.lasts))
                .fetch_optional(&mut tx)
                .await?
            }
        };
        tx.commit().await?;
        Ok(epoch.map(|epoch| Self {
            shard: claim.shard,
            epoch,
            holder: claim.holder,
            lasts: claim.lasts,
        }))
    }

    /// Whether it is still held; if so, nobody else gets it before the transaction has ended, and it is renewed when half of its
    /// time is over.
    ///
    /// A lease that has run out and that nobody has taken is still held: the epoch decides, not the clock.
    pub(super) async fn fence(&self, tx: &mut RoleTx) -> Result<bool, DbError> {
        let due: Option<bool> = sqlx::query_scalar(
            "select until < clock_timestamp() + $4 * interval '1 millisecond'
             from platform_audit.lease
             where shard = $1 and holder = $2 and epoch = $3
             for update",
        )
        .bind(i16::from(self.shard))
        .bind(self.holder)
        .bind(self.epoch)
        .bind(millis(self.lasts / 2))
        .fetch_optional(&mut *tx)
        .await?;
        if due == Some(true) {
            self.set_end(tx, self.lasts).await?;
        }
        Ok(due.is_some())
    }

    /// Lets the next one have it at once.
    pub(super) async fn give_back(&self, db: &Db) -> Result<(), DbError> {
        let mut tx = db.begin_as(&SEQUENCER).await?;
        self.set_end(&mut tx, Duration::ZERO).await?;
        tx.commit().await
    }

    /// Holds it on while there is nothing to do.
    pub(super) async fn renew(&self, db: &Db) -> Result<bool, DbError> {
        let mut tx = db.begin_as(&SEQUENCER).await?;
        let held = self.fence(&mut tx).await?;
        tx.commit().await?;
        Ok(held)
    }

    async fn set_end(&self, tx: &mut RoleTx, from_now: Duration) -> Result<(), DbError> {
        sqlx::query(
            "update platform_audit.lease set until = clock_timestamp() + $4 * interval '1 millisecond'
             where shard = $1 and holder = $2 and epoch = $3",
        )
        .bind(i16::from(self.shard))
        .bind(self.holder)
        .bind(self.epoch)
        .bind(millis(from_now))
        .execute(&mut *tx)
        .await?;
        Ok(())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
