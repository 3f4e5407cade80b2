//! The table `trading.adjustment`, and the ledger's rows for cash that comes in or goes out.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, Timestamp};

use super::AccountRow;
use crate::service::{AccountId, Adjustment, AdjustmentId, AdjustmentStatus};
use crate::{Cash, Transfer};

macro_rules! select_adjustments {
    ($rest:literal) => {
        concat!(
            "select id, account_id, amount_cents, reason, status, requested_by, requested_at, expires_at, decided_by,
                    decided_at, transfer_seq
             from trading.adjustment where tenant_id = $1 and ",
            $rest
        )
    };
}

/// An adjustment, unlocked.
pub(crate) async fn read_adjustment(
    read: &mut TenantRead,
    id: AdjustmentId,
) -> Result<Option<Adjustment>, DbError> {
    let row = sqlx::query_as(select_adjustments!("id = $2"))
        .bind(read.tenant())
        .bind(id)
        .fetch_optional(read)
        .await?;
    Ok(row)
}

/// An adjustment of an account. The caller holds the account's lock, under which alone adjustments change.
pub(crate) async fn load_adjustment(
    tx: &mut TenantTx,
    account: AccountId,
    id: AdjustmentId,
) -> Result<Option<Adjustment>, DbError> {
    let row = sqlx::query_as(select_adjustments!("account_id = $2 and id = $3"))
        .bind(tx.tenant())
        .bind(account)
        .bind(id)
        .fetch_optional(tx)
        .await?;
    Ok(row)
}

/// The adjustment that an administrator gave this key. The caller holds the account's lock.
pub(crate) async fn adjustment_by_key(
    tx: &mut TenantTx,
    account: AccountId,
    (requested_by, key): (PrincipalId, &str),
) -> Result<Option<Adjustment>, DbError> {
    let row = sqlx::query_as(select_adjustments!(
        "account_id = $2 and requested_by = $3 and idempotency_key = $4"
    ))
    .bind(tx.tenant())
    .bind(account)
    .bind(requested_by)
    .bind(key)
    .fetch_optional(tx)
    .await?;
    Ok(row)
}

/// Adjustments of the tenant, the newest first, at most `limit` before `before`; of the pending ones, those that can still be approved.
pub(crate) async fn adjustments_page(
    read: &mut TenantRead,
    pending_at: Option<Timestamp>,
    (before, limit): (Option<AdjustmentId>, u32),
) -> Result<Vec<Adjustment>, DbError> {
    let rows = sqlx::query_as(select_adjustments!(
        "($2::timestamptz is null or status = 'pending' and expires_at > $2) and ($3::uuid is null or id < $3)
         order by id desc limit $4"
    ))
    .bind(read.tenant())
    .bind(pending_at)
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    Ok(rows)
}

/// Has an administrator's adjustments follow one another until the transaction ends, whichever accounts they are of. To be taken after the
/// account's lock, and before anything else is.
pub(crate) async fn lock_adjuster(tx: &mut TenantTx, administrator: PrincipalId) -> Result<(), DbError> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('trading.adjuster ' || $1::text || ' ' || $2::text, 0))")
        .bind(tx.tenant())
        .bind(administrator)
        .execute(tx)
        .await?;
    Ok(())
}

/// What was moved since an instant without anybody's approval, in and out added up: in the account, or by the administrator, whichever is
/// more. The caller holds the account's lock and [`lock_adjuster`]'s.
pub(crate) async fn moved_alone(
    tx: &mut TenantTx,
    (account, administrator): (AccountId, PrincipalId),
    since: Option<Timestamp>,
) -> Result<i64, DbError> {
    let moved = sqlx::query_scalar(
        "select least(greatest(
             (select coalesce(sum(abs(amount_cents)), 0) from trading.adjustment
              where tenant_id = $1 and account_id = $2 and expires_at is null and requested_at >= $4),
             (select coalesce(sum(abs(amount_cents)), 0) from trading.adjustment
              where tenant_id = $1 and requested_by = $3 and expires_at is null and requested_at >= $4)
         ), 999999999999999)::bigint",
    )
    .bind(tx.tenant())
    .bind(account)
    .bind(administrator)
    .bind(since.unwrap_or(Timestamp::UNIX_EPOCH))
    .fetch_one(tx)
    .await?;
    Ok(moved)
}

/// Adds an adjustment under its key.
pub(crate) async fn insert_adjustment(
    tx: &mut TenantTx,
    adjustment: &Adjustment,
    key: &str,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into trading.adjustment
             (tenant_id, id, account_id, amount_cents, reason, status, idempotency_key, requested_by, requested_at,
              expires_at, decided_by, decided_at, transfer_seq)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(tx.tenant())
    .bind(adjustment.id)
    .bind(adjustment.account_id)
    .bind(adjustment.amount)
    .bind(&adjustment.reason)
    .bind(adjustment.status)
    .bind(key)
    .bind(adjustment.requested_by)
    .bind(adjustment.requested_at)
    .bind(adjustment.expires_at)
    .bind(adjustment.decided_by)
    .bind(adjustment.decided_at)
    .bind(adjustment.transfer_seq)
    .execute(tx)
    .await?;
    Ok(())
}

/// Decides a pending adjustment. The caller holds the account's lock.
pub(crate) async fn decide_adjustment(tx: &mut TenantTx, adjustment: &Adjustment) -> Result<(), DbError> {
    let decided = sqlx::query(
        "update trading.adjustment set status = $3, decided_by = $4, decided_at = $5, transfer_seq = $6
         where tenant_id = $1 and id = $2 and status = $7",
    )
    .bind(tx.tenant())
    .bind(adjustment.id)
    .bind(adjustment.status)
    .bind(adjustment.decided_by)
    .bind(adjustment.decided_at)
    .bind(adjustment.transfer_seq)
    .bind(AdjustmentStatus::Pending)
    .execute(tx)
    .await?;
    match decided.rows_affected() {
        1 => Ok(()),
        _ => Err(DbError::from(sqlx::Error::RowNotFound)),
    }
}

/// Moves cash into an account or out of it. Tells the number of the ledger's row. The caller holds the account's lock.
pub(crate) async fn move_cash(
    tx: &mut TenantTx,
    account: &AccountRow,
    (cash, transfer): (Cash, Transfer),
    now: Timestamp,
) -> Result<i64, DbError> {
    let seq = account.last_seq + 1;
    let moved = sqlx::query(
        "with t as (
             insert into trading.transfer (tenant_id, account_id, seq, asset, debit, credit, amount, code, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         )
         update trading.account set available_cents = $10, held_cents = $11, last_seq = $3
         where tenant_id = $1 and id = $2",
    )
    .bind(tx.tenant())
    .bind(account.id)
    .bind(seq)
    .bind(transfer.asset().to_string())
    .bind(transfer.debit())
    .bind(transfer.credit())
    .bind(transfer.amount().units())
    .bind(transfer.code())
    .bind(now)
    .bind(cash.available)
    .bind(cash.held)
    .execute(tx)
    .await?;
    match moved.rows_affected() {
        1 => Ok(seq),
        _ => Err(DbError::from(sqlx::Error::RowNotFound)),
    }
}
