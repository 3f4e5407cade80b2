//! Claiming keys and storing answers.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{Claim, ClaimError, Claimed, CompleteError, Fingerprint, IdempotencyConfig};
use super::{InvalidIdempotencyConfig, KeyScope, StoredResponse};
use crate::pg::{Db, DbError, TenantTx};
use crate::{IdempotencyKey, Sources};

/// Between two looks at a key that is being worked on: doubles from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LAST_WAIT: Duration = Duration::from_millis(100);

/// What a client is told to wait whose operation is under way.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The idempotency keys of a service, cheap to clone.
#[derive(Debug, Clone)]
pub struct IdempotencyKeys {
    pub(super) db: Db,
    pub(super) config: IdempotencyConfig,
}

/// A row that another transaction has committed.
type Known = (Vec<u8>, Option<i16>, Option<String>, Option<Vec<u8>>);

/// What a look at a key finds.
enum Look {
    Claimed,
    Known(Known),
    /// Another transaction has claimed it and has not ended.
    Busy,
}

impl IdempotencyKeys {
    /// Keys in this database.
    ///
    /// # Errors
    /// [`InvalidIdempotencyConfig`] names a limit that cannot be.
    pub fn new(db: &Db, config: IdempotencyConfig) -> Result<Self, InvalidIdempotencyConfig> {
        config.check()?;
        Ok(Self {
            db: db.clone(),
            config,
        })
    }

    /// Claims a key in the transaction that does what was asked, or finds its answer. Call it first: what is changed before is changed by
    /// whoever is second, too.
    ///
    /// Of several transactions with one key the first has it and the others wait until it has ended, for a bounded time. When it was
    /// rolled back the next one has the key.
    ///
    /// # Errors
    /// [`ClaimError`], by what the client is told. Do nothing without the claim.
    pub async fn claim_in(
        &self,
        tx: &mut TenantTx,
        scope: &KeyScope,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
    ) -> Result<Claim, ClaimError> {
        let patience = Instant::now() + self.patience(scope);
        let mut wait = FIRST_WAIT;
        loop {
            match look(tx, scope, key, (fingerprint, self.db.sources())).await? {
                Look::Claimed => {
                    return Ok(Claim::New(Claimed {
                        tenant: tx.tenant(),
                        scope: scope.clone(),
                        key: key.clone(),
                    }));
                }
                Look::Known(known) => return judge(known, fingerprint),
                Look::Busy if Instant::now() + wait > patience => {
                    return Err(ClaimError::InFlight {
                        retry_after: RETRY_AFTER,
                    });
                }
                Look::Busy => sleep(wait).await,
            }
            wait = (wait * 2).min(LAST_WAIT);
        }
    }

    /// Stores the answer to a claimed key, in the transaction that claimed it.
    ///
    /// # Errors
    /// [`CompleteError`]: roll `tx` back. It cannot be committed without the answer.
    pub async fn complete_in(
        &self,
        tx: &mut TenantTx,
        claimed: Claimed,
        answer: &StoredResponse,
    ) -> Result<(), CompleteError> {
        let (bytes, bytes_max) = (answer.body().len(), self.config.body_bytes_max);
        if bytes > bytes_max {
            tx.refuse_commit();
            return Err(CompleteError::TooLarge { bytes, bytes_max });
        }
        let stored = sqlx::query(
            "update platform_core.idempotency_key
             set status = $5, content_type = $6, body = $7
             where tenant_id = $1 and principal = $2 and route = $3 and key = $4 and status is null",
        )
        .bind(Uuid::from(claimed.tenant))
        .bind(&claimed.scope.principal)
        .bind(claimed.scope.route)
        .bind(claimed.key.as_str())
        // It is from 100 to 599.
        .bind(i16::try_from(answer.status()).unwrap_or(i16::MAX))
        .bind(answer.content_type())
        .bind(answer.body())
        .execute(&mut *tx)
        .await
        .map_err(DbError::from)?;
        match stored.rows_affected() {
            1 => Ok(()),
            _ => {
                tx.refuse_commit();
                Err(CompleteError::NotClaimed)
            }
        }
    }

    /// How long a claim waits.
    fn patience(&self, scope: &KeyScope) -> Duration {
        let limit = self.config.wait_max;
        let Some(deadline) = scope.deadline else {
            return limit;
        };
        let left = deadline - self.db.sources().now();
        Duration::try_from(left).unwrap_or(Duration::ZERO).min(limit)
    }
}

/// One look. Whoever has the lock of a key decides alone; it is the transaction's and ends with it, behind a pooler too. Without it the
/// insert would wait for the other transaction for as long as that takes.
async fn look(
    tx: &mut TenantTx,
    scope: &KeyScope,
    key: &IdempotencyKey,
    (fingerprint, sources): (&Fingerprint, &Sources),
) -> Result<Look, DbError> {
    let (has_lock, claimed): (bool, bool) = sqlx::query_as(
        "with lock as materialized (
           select pg_catalog.pg_try_advisory_xact_lock(
             pg_catalog.hashtextextended(pg_catalog.concat_ws(pg_catalog.chr(31), 'idempotency', $1, $2, $3, $4), 0)
           ) as taken
         ), made as (
           insert into platform_core.idempotency_key (tenant_id, principal, route, key, fingerprint, created_at)
           select $1, $2, $3, $4, $5, $6 from lock where taken
           on conflict do nothing
           returning true
         )
         select (select taken from lock), exists (select from made)",
    )
    .bind(Uuid::from(tx.tenant()))
    .bind(&scope.principal)
    .bind(scope.route)
    .bind(key.as_str())
    .bind(fingerprint.0.as_slice())
    .bind(sources.now())
    .fetch_one(&mut *tx)
    .await?;
    if claimed {
        return Ok(Look::Claimed);
    }
    if !has_lock {
        return Ok(Look::Busy);
    }
    // A statement of its own: it sees what was committed before the lock was free.
    let known = sqlx::query_as(
        "select fingerprint, status, content_type, body from platform_core.idempotency_key
         where tenant_id = $1 and principal = $2 and route = $3 and key = $4",
    )
    .bind(Uuid::from(tx.tenant()))
    .bind(&scope.principal)
    .bind(scope.route)
    .bind(key.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    // It may have been forgotten in this moment.
    Ok(known.map_or(Look::Busy, Look::Known))
}

fn judge(known: Known, asked: &Fingerprint) -> Result<Claim, ClaimError> {
    let (fingerprint, status, content_type, body) = known;
    if fingerprint != asked.0 {
        return Err(ClaimError::KeyReused);
    }
    let (Some(status), Some(body)) = (status, body) else {
        // Only a transaction that has claimed the key itself sees it without an answer.
        return Err(ClaimError::InFlight {
            retry_after: RETRY_AFTER,
        });
    };
    let status = u16::try_from(status).unwrap_or(u16::MAX);
    match StoredResponse::new(status, content_type.as_deref(), body) {
        Ok(answer) => Ok(Claim::Replay(answer)),
        Err(invalid) => Err(ClaimError::Db(DbError::Query(sqlx::Error::Decode(
            invalid.into(),
        )))),
    }
}
