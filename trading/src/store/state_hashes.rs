//! The table `trading.state_hash`.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead, TenantTx};
use sqlx::FromRow;
use sqlx::types::Json;

use crate::service::AccountId;
use crate::{AccountBooks, BooksState};

/// A hash over the books of an account after so many events.
#[derive(FromRow)]
pub(crate) struct StateHash {
    form: i16,
    hash: Vec<u8>,
}

impl StateHash {
    /// Whether it is this one. One of a form that this release does not make is not judged.
    pub(crate) fn is(&self, hash: &[u8; 32]) -> bool {
        self.form != AccountBooks::HASH_FORM || self.hash == hash
    }
}

/// The hash of an account after so many events.
pub(crate) async fn state_hash_at(
    read: &mut TenantRead,
    account: AccountId,
    seq: i64,
) -> Result<Option<StateHash>, DbError> {
    let hash = sqlx::query_as(
        "select form, hash from trading.state_hash where tenant_id = $1 and account_id = $2 and seq = $3",
    )
    .bind(read.tenant())
    .bind(account)
    .bind(seq)
    .fetch_optional(read)
    .await?;
    Ok(hash)
}

/// The number of the newest hash of an account; 0 for none.
pub(crate) async fn newest_state_hash(read: &mut TenantRead, account: AccountId) -> Result<i64, DbError> {
    let seq = sqlx::query_scalar(
        "select coalesce(max(seq), 0) from trading.state_hash where tenant_id = $1 and account_id = $2",
    )
    .bind(read.tenant())
    .bind(account)
    .fetch_one(read)
    .await?;
    Ok(seq)
}

/// The newest hash of an account with the books that it is of, where they are there in a form of this release.
pub(crate) async fn newest_state(
    read: &mut TenantRead,
    account: AccountId,
) -> Result<Option<(StateHash, BooksState)>, DbError> {
    #[derive(FromRow)]
    struct Row {
        #[sqlx(flatten)]
        hash: StateHash,
        state: Json<BooksState>,
    }
    let row: Option<Row> = sqlx::query_as(
        "select form, hash, state from trading.state_hash
         where tenant_id = $1 and account_id = $2 and form = $3 and state is not null order by seq desc limit 1",
    )
    .bind(read.tenant())
    .bind(account)
    .bind(AccountBooks::HASH_FORM)
    .fetch_optional(read)
    .await?;
    Ok(row.map(|row| (row.hash, row.state.0)))
}

/// Accounts with `step` events or more since their newest hash, by their ids, at most `limit` after the id `after`.
pub(crate) async fn accounts_to_hash(
    read: &mut TenantRead,
    (after, limit): (Option<AccountId>, u32),
    step: i64,
) -> Result<Vec<(AccountId, i64)>, DbError> {
    let accounts = sqlx::query_as(
        "select a.id, a.event_seq from trading.account a
         where a.tenant_id = $1 and ($2::uuid is null or a.id > $2) and a.event_seq >= $4
           and a.event_seq - coalesce((select max(h.seq) from trading.state_hash h
                                       where h.tenant_id = $1 and h.account_id = a.id), 0) >= $4
         order by a.id limit $3",
    )
    .bind(read.tenant())
    .bind(after)
    .bind(i64::from(limit))
    .bind(step)
    .fetch_all(read)
    .await?;
    Ok(accounts)
}

/// Keeps the hash of an account's books, and the books until the next hash. `false` when somebody else has.
pub(crate) async fn keep_state_hash(
    tx: &mut TenantTx,
    account: AccountId,
    books: &AccountBooks,
    now: Timestamp,
) -> Result<bool, DbError> {
    let kept = sqlx::query(
        "with older as (
             update trading.state_hash set state = null
             where tenant_id = $1 and account_id = $2 and seq < $3 and state is not null
         )
         insert into trading.state_hash (tenant_id, account_id, seq, form, hash, state, kept_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
    )
    .bind(tx.tenant())
    .bind(account)
    .bind(books.seq())
    .bind(AccountBooks::HASH_FORM)
    .bind(books.hash().to_vec())
    .bind(Json(books.state()))
    .bind(now)
    .execute(tx)
    .await?;
    Ok(kept.rows_affected() == 1)
}
