//! What an account owns and what it is worth.

use platform_core::RequestContext;
use serde::{Deserialize, Serialize};

use super::accounts::owner;
use super::history::{Day, day};
use super::{AccountView, DayResult, Trading, TradingError};
use crate::store::{self, AccountRow};
use crate::{Cents, DecimalError, Invalid, Notional, Position, Price, Quantity, Rounding, Symbol};

/// A position as its owner sees it. Values are exact inside and rounded half-even to cents for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct PositionView {
    /// What is owned.
    pub symbol: Symbol,
    /// How many shares, those held for open sells included.
    pub quantity: Quantity,
    /// How many of them may be sold.
    pub available: Quantity,
    /// What they have cost in all.
    pub cost: Cents,
    /// The mean cost of a share, rounded to four decimals for display.
    pub average_cost: Option<Price>,
    /// The price of the last trade, when the symbol is quoted.
    pub last_price: Option<Price>,
    /// What the shares are worth at that price.
    pub market_value: Option<Cents>,
    /// What selling them all at that price would earn.
    pub unrealized: Option<Cents>,
    /// What sales have earned so far.
    pub realized: Cents,
}

/// An account with its positions, at the prices of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Portfolio {
    /// The account's cash.
    pub account: AccountView,
    /// Its positions in the order of their symbols, flat ones left out.
    pub positions: Vec<PositionView>,
    /// Cash and shares together. A position without a quote counts at its cost.
    pub equity: Cents,
    /// What the shares have cost.
    pub cost: Cents,
    /// What sales have earned so far, flat positions included.
    pub realized: Cents,
    /// What selling everything would earn.
    pub unrealized: Cents,
    /// What was paid in since the account was opened, less what was paid out. Equity less this is what was realised and what is not
    /// yet, less fees, exactly.
    pub net_deposits: Cents,
    /// What was paid for trading since the account was opened.
    pub fees: Cents,
    /// What was earned since the last session closed.
    pub day: DayResult,
}

impl Trading {
    /// The caller's account with its positions at the current prices.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn portfolio(&self, ctx: &RequestContext) -> Result<Portfolio, TradingError> {
        let (account, positions) = self.holdings(ctx).await?;
        let mut read = self.inner.db.read(ctx).await?;
        let day = day(&mut read, &account, self.now()).await?;
        read.finish().await?;
        self.value((&account, &day), &positions)
            .map_err(|error| TradingError::Inconsistent(error.into()))
    }

    /// The caller's position in a symbol; `None` when it never had one.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn position(
        &self,
        ctx: &RequestContext,
        symbol: Symbol,
    ) -> Result<Option<PositionView>, TradingError> {
        let (_, positions) = self.holdings(ctx).await?;
        let position = positions.iter().find(|position| position.symbol == symbol);
        let valued = position.map(|position| self.value_one(position)).transpose();
        let valued = valued.map_err(|error| TradingError::Inconsistent(Invalid::from(error)))?;
        Ok(valued.map(|(view, _)| view))
    }

    /// The caller's account and positions at one moment. The first look opens the account.
    async fn holdings(&self, ctx: &RequestContext) -> Result<(AccountRow, Vec<Position>), TradingError> {
        let owner = owner(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let holdings = store::holdings_of(&mut read, owner).await?;
        drop(read);
        match holdings {
            Some(holdings) => Ok(holdings),
            None => Ok((self.account_row(ctx).await?, Vec::new())),
        }
    }

    pub(super) fn value(
        &self,
        (account, day): (&AccountRow, &Day),
        positions: &[Position],
    ) -> Result<Portfolio, DecimalError> {
        let account = AccountView::from(account);
        let (mut views, mut worths) = (Vec::new(), Vec::new());
        let (mut worth, mut gain) = (Notional::from(account.cash).e10(), 0_i128);
        let (mut cost, mut realized) = (0_i128, 0_i128);
        for position in positions {
            let (view, value) = self.value_one(position)?;
            worth += value.e10();
            worths.push((position.symbol, value));
            gain += value.e10() - Notional::from(position.cost).e10();
            cost += i128::from(position.cost.cents());
            realized += i128::from(position.realized.cents());
            if !view.quantity.is_zero() {
                views.push(view);
            }
        }
        let equity = Notional::from_e10(worth);
        Ok(Portfolio {
            account,
            positions: views,
            equity: equity.to_cents(Rounding::HalfEven)?,
            cost: Cents::from_units(cost)?,
            realized: Cents::from_units(realized)?,
            unrealized: Notional::from_e10(gain).to_cents(Rounding::HalfEven)?,
            net_deposits: day.net_deposits()?,
            fees: day.fees()?,
            day: day.result(equity, &worths)?,
        })
    }

    /// The position at its last price, and what it is worth exactly: its cost where there is no price.
    fn value_one(&self, position: &Position) -> Result<(PositionView, Notional), DecimalError> {
        let last_price = self.inner.board.latest(position.symbol).map(|quote| quote.last);
        let market_value = last_price.map(|last| position.market_value(last)).transpose()?;
        let unrealized = last_price.map(|last| position.unrealized(last)).transpose()?;
        let cents =
            |exact: Option<Notional>| exact.map(|exact| exact.to_cents(Rounding::HalfEven)).transpose();
        let view = PositionView {
            symbol: position.symbol,
            quantity: position.quantity()?,
            available: position.available,
            cost: position.cost,
            average_cost: position.average_cost(),
            last_price,
            market_value: cents(market_value)?,
            unrealized: cents(unrealized)?,
            realized: position.realized,
        };
        Ok((view, market_value.unwrap_or(Notional::from(position.cost))))
    }
}
