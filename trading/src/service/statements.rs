//! The statement of a day: what an account had when it began and when it ended, and everything between.

use platform_core::{RequestContext, Timestamp};
use serde::Serialize;
use time::{Date, Duration};

use super::accounts::owner;
use super::activities::views;
use super::{ActivityView, OrderView, Trading, TradingError};
use crate::store::{self, ActivityPage, Closing, ClosingPosition};
use crate::{Cents, DecimalError, Invalid, Notional, Price, Quantity, Rounding, Symbol};

/// The most activities, and the most orders, that a statement lists.
pub const STATEMENT_ROWS_MAX: u32 = 1_000;

/// What an account had at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct StatementBalance {
    /// The number of the last row of the ledger before it.
    pub last_seq: i64,
    /// What could be spent.
    pub available: Cents,
    /// What was held for open orders.
    pub held: Cents,
    /// Cash and shares together.
    pub equity: Cents,
    /// What was paid in since the account was opened, less what was paid out.
    pub net_deposits: Cents,
    /// What was paid for trading since the account was opened.
    pub fees: Cents,
}

/// What an account owned of a symbol when the day ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct StatementPosition {
    /// The symbol.
    pub symbol: Symbol,
    /// How many shares.
    pub quantity: Quantity,
    /// The last price; null where there was none, so that the shares count at their cost.
    pub price: Option<Price>,
    /// What they were worth.
    pub value: Cents,
}

/// The statement of a day.
///
/// The opening balance and the activities give the closing balance; each is the one that was kept when a session closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Statement {
    /// When the day's session closed.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub session_close: Timestamp,
    /// When the session before closed; null for an account's first day.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "http", schema(value_type = Option<String>, format = DateTime))]
    pub since: Option<Timestamp>,
    /// What there was then: nothing before the first day.
    pub opening: StatementBalance,
    /// What there was at the close.
    pub closing: StatementBalance,
    /// What was owned at the close, in the order of the symbols.
    pub positions: Vec<StatementPosition>,
    /// Every movement between the two, the first one first.
    pub activities: Vec<ActivityView>,
    /// The orders that the activities are about, the oldest first, as they stand now.
    pub orders: Vec<OrderView>,
    /// Whether these are all. Otherwise there are more than 1,000 activities or orders; the lists of them have the rest.
    pub is_complete: bool,
}

impl Trading {
    /// The statement of the caller's account for the session that closed on a day of UTC, midnight at its end included; `None` where none
    /// did, or none has been kept of the account.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn statement(
        &self,
        ctx: &RequestContext,
        date: Date,
    ) -> Result<Option<Statement>, TradingError> {
        let owner = owner(ctx)?;
        let Some((after, until)) = bounds(date) else {
            return Ok(None);
        };
        let mut read = self.inner.db.read(ctx).await?;
        let Some(account) = store::read_account_of(&mut read, owner).await? else {
            return Ok(None);
        };
        let mut day = store::closings_page(&mut read, account.id, Some(after), (Some(until), 1)).await?;
        let Some(closing) = day.pop() else {
            return Ok(None);
        };
        let earlier = (Some(closing.session_close), 1);
        let opening = store::closings_page(&mut read, account.id, None, earlier)
            .await?
            .pop();
        let begins = opening.as_ref().map_or(0, |opening| opening.last_seq);
        let page = ActivityPage {
            newest_first: false,
            code: None,
            from: None,
            until: None,
            after: Some(begins),
            last: Some(closing.last_seq),
            limit: STATEMENT_ROWS_MAX + 1,
        };
        let mut activities = store::activities_page(&mut read, account.id, &page).await?;
        let range = (begins, closing.last_seq);
        let mut orders = store::orders_moved(&mut read, account.id, range, STATEMENT_ROWS_MAX + 1).await?;
        let positions = store::positions_at(&mut read, account.id, closing.session_close).await?;
        read.finish().await?;
        let most = usize::try_from(STATEMENT_ROWS_MAX).unwrap_or(usize::MAX);
        let is_complete = activities.len() <= most && orders.len() <= most;
        activities.truncate(most);
        orders.truncate(most);
        let inconsistent = |error: DecimalError| TradingError::Inconsistent(Invalid::from(error));
        Ok(Some(Statement {
            session_close: closing.session_close,
            since: opening.as_ref().map(|opening| opening.session_close),
            opening: balance(opening.as_ref()).map_err(inconsistent)?,
            closing: balance(Some(&closing)).map_err(inconsistent)?,
            positions: positions
                .iter()
                .map(position)
                .collect::<Result<_, _>>()
                .map_err(inconsistent)?,
            activities: views(activities)?,
            orders: orders.iter().map(OrderView::from).collect(),
            is_complete,
        }))
    }
}

/// The first instant after midnight, and the first one after the midnight that ends the day: a session may close at midnight.
fn bounds(date: Date) -> Option<(Timestamp, Timestamp)> {
    let instant = Duration::microseconds(1);
    let begin = date.midnight().assume_utc();
    let end = date.next_day()?.midnight().assume_utc();
    Some((begin.checked_add(instant)?, end.checked_add(instant)?))
}

fn balance(closing: Option<&Closing>) -> Result<StatementBalance, DecimalError> {
    let equity = closing.map_or(Notional::ZERO, |closing| closing.equity);
    let cash = closing.map(|closing| closing.cash).unwrap_or_default();
    Ok(StatementBalance {
        last_seq: closing.map_or(0, |closing| closing.last_seq),
        available: cash.available,
        held: cash.held,
        equity: equity.to_cents(Rounding::HalfEven)?,
        net_deposits: closing.map_or(Cents::ZERO, |closing| closing.net_deposits),
        fees: closing.map_or(Cents::ZERO, |closing| closing.fees),
    })
}

fn position(position: &ClosingPosition) -> Result<StatementPosition, DecimalError> {
    Ok(StatementPosition {
        symbol: position.symbol,
        quantity: position.quantity,
        price: position.price,
        value: position.worth.to_cents(Rounding::HalfEven)?,
    })
}
