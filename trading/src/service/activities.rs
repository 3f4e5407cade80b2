//! The ledger of an account as its owner sees it: every movement once, with the balance after it.

use platform_core::{RequestContext, Timestamp};
use serde::{Serialize, Serializer};

use super::accounts::owner;
use super::{Trading, TradingError};
use crate::domain::word_enum;
use crate::store::{self, ActivityPage, ActivityRow};
use crate::{
    Cents, DecimalError, ExecutionId, Invalid, LedgerAccount, OrderId, Quantity, Symbol, TransferCode,
};

word_enum! {
    /// In which order activities are listed.
    ActivityOrder ("order") {
        /// The last one first.
        Newest = "newest",
        /// The first one first.
        Oldest = "oldest",
    }
}

/// Which activities are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityFilter {
    /// In which order.
    pub order: ActivityOrder,
    /// Of one kind only.
    pub kind: Option<TransferCode>,
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

impl Default for ActivityFilter {
    /// All of them, the newest first.
    fn default() -> Self {
        Self {
            order: ActivityOrder::Newest,
            kind: None,
            from: None,
            until: None,
        }
    }
}

/// An amount of cash or a number of shares, by what the asset is. In JSON a decimal string either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssetAmount {
    /// USD.
    Cash(Cents),
    /// Shares.
    Shares(Quantity),
}

impl std::fmt::Display for AssetAmount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cash(cents) => cents.fmt(f),
            Self::Shares(quantity) => quantity.fmt(f),
        }
    }
}

impl Serialize for AssetAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A movement of cash or shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ActivityView {
    /// Its number in the account's ledger, without gaps from 1.
    pub seq: i64,
    /// Why it moved.
    pub kind: TransferCode,
    /// `cash`, or the symbol of the shares.
    pub asset: String,
    /// The account that gave.
    pub debit: LedgerAccount,
    /// The account that received.
    pub credit: LedgerAccount,
    /// How much.
    #[cfg_attr(feature = "http", schema(value_type = String, format = "decimal", example = "10000.00"))]
    pub amount: AssetAmount,
    /// What of the asset could be used after it.
    #[cfg_attr(feature = "http", schema(value_type = String, format = "decimal", example = "10000.00"))]
    pub available: AssetAmount,
    /// What of the asset was held after it.
    #[cfg_attr(feature = "http", schema(value_type = String, format = "decimal", example = "0.00"))]
    pub held: AssetAmount,
    /// The order it happened for.
    pub order_id: Option<OrderId>,
    /// The fill it is part of.
    pub execution_id: Option<String>,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
}

impl Trading {
    /// The ledger of the caller's account, at most `limit` rows after the one numbered `after` in the order of the filter.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn activities(
        &self,
        ctx: &RequestContext,
        filter: &ActivityFilter,
        (after, limit): (Option<i64>, u32),
    ) -> Result<Vec<ActivityView>, TradingError> {
        let owner = owner(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let Some(account) = store::read_account_of(&mut read, owner).await? else {
            return Ok(Vec::new());
        };
        let page = ActivityPage {
            newest_first: filter.order == ActivityOrder::Newest,
            code: filter.kind,
            from: filter.from,
            until: filter.until,
            after,
            last: None,
            limit,
        };
        let rows = store::activities_page(&mut read, account.id, &page).await?;
        read.finish().await?;
        views(rows)
    }
}

pub(super) fn views(rows: Vec<ActivityRow>) -> Result<Vec<ActivityView>, TradingError> {
    let views: Result<_, Invalid> = rows.into_iter().map(|row| Ok(view(row)?)).collect();
    views.map_err(TradingError::Inconsistent)
}

fn view(row: ActivityRow) -> Result<ActivityView, DecimalError> {
    let amount = |units: i64| match row.asset.parse::<Symbol>() {
        Ok(_) => Quantity::from_e6(units).map(AssetAmount::Shares),
        // `cash` is in lower case, which no symbol is.
        Err(_) => Cents::from_cents(units).map(AssetAmount::Cash),
    };
    let quote_seq = row.quote_seq.and_then(|seq| u64::try_from(seq).ok());
    let execution = row
        .order_id
        .zip(quote_seq)
        .map(|(order_id, quote_seq)| ExecutionId { order_id, quote_seq });
    Ok(ActivityView {
        seq: row.seq,
        kind: row.code,
        debit: row.debit,
        credit: row.credit,
        amount: amount(row.amount)?,
        available: amount(row.available)?,
        held: amount(row.held)?,
        order_id: row.order_id,
        execution_id: execution.map(|id| id.to_string()),
        at: row.created_at,
        asset: row.asset,
    })
}
