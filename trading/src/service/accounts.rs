//! Accounts: one for each principal, opened at its first use.

use platform_core::pg::TenantTx;
use platform_core::{PrincipalId, RequestContext, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AccountId, TRADE, Trading, TradingError, trail};
use crate::domain::word_enum;
use crate::store::{self, AccountRow};
use crate::{AccountEvent, Amount, Cash, Cents};

word_enum! {
    /// Whether an account may be used.
    AccountStatus ("account status") {
        /// In use.
        Active = "active",
        /// May cancel, may not place.
        Suspended = "suspended",
        /// Ended.
        Closed = "closed",
    }
}

/// An account as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct AccountView {
    /// Its id.
    pub id: AccountId,
    /// Whether it may be used.
    pub status: AccountStatus,
    /// What may be spent: all cash that is not held for open orders.
    pub buying_power: Cents,
    /// Cash held for open orders.
    pub held: Cents,
    /// All cash.
    pub cash: Cents,
    /// When it was opened.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub opened_at: Timestamp,
}

impl From<&AccountRow> for AccountView {
    fn from(row: &AccountRow) -> Self {
        Self {
            id: row.id,
            status: row.status,
            buying_power: row.available_cents,
            held: row.held_cents,
            cash: row
                .available_cents
                .checked_add(row.held_cents)
                .unwrap_or(row.available_cents),
            opened_at: row.opened_at,
        }
    }
}

/// The principal whose account is meant.
pub(super) fn owner(ctx: &RequestContext) -> Result<PrincipalId, TradingError> {
    ctx.require(TRADE)?;
    ctx.principal().id().ok_or(TradingError::NoPrincipal)
}

impl Trading {
    /// The caller's account, opened with its first deposit when this is its first use.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn account(&self, ctx: &RequestContext) -> Result<AccountView, TradingError> {
        Ok(AccountView::from(&self.account_row(ctx).await?))
    }

    pub(super) async fn account_row(&self, ctx: &RequestContext) -> Result<AccountRow, TradingError> {
        let owner = owner(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        if let Some(account) = store::read_account_of(&mut read, owner).await? {
            return Ok(account);
        }
        drop(read);
        let mut tx = self.inner.db.begin(ctx).await?;
        let account = self.lock_or_open(&mut tx, ctx, owner).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Locks the account of a principal; opens it first where there is none.
    pub(super) async fn lock_or_open(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        owner: PrincipalId,
    ) -> Result<AccountRow, TradingError> {
        if let Some(account) = store::lock_account_of(tx, owner).await? {
            return Ok(account);
        }
        self.open(tx, ctx, owner).await?;
        // Somebody else may have opened it in the meantime; then this waits for them and sees theirs.
        let account = store::lock_account_of(tx, owner).await?;
        account.ok_or(TradingError::Db(sqlx::Error::RowNotFound.into()))
    }

    async fn open(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        owner: PrincipalId,
    ) -> Result<(), TradingError> {
        let id = AccountId::generate(self.sources());
        let deposit = Amount::new(self.inner.config.opening_deposit.cents());
        let Some((cash, transfer)) = deposit.and_then(|amount| Cash::default().deposit(amount)) else {
            return Err(TradingError::Inconsistent(crate::Invalid::NotionalTooLarge));
        };
        let now = self.now();
        if store::open_account(tx, (id, owner), cash, now).await? {
            let event = trail::opened(id, owner, self.inner.config.opening_deposit);
            self.inner.audit.record(tx, ctx, event).await?;
            store::insert_deposit(tx, id, transfer, now).await?;
            store::append_events(tx, (id, 0), &[AccountEvent::Opened { transfer }], now).await?;
            self.first_watchlist(tx, id).await?;
        }
        Ok(())
    }
}
