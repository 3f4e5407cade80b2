//! What an account has earned since the last session closed, and what it was worth as the sessions before closed.

use std::collections::BTreeMap;

use platform_core::pg::{DbError, TenantRead};
use platform_core::{RequestContext, Timestamp};
use serde::{Deserialize, Serialize};
use time::Duration;

use super::accounts::owner;
use super::{Trading, TradingError};
use crate::domain::pnl::{AccountDay, SymbolDay};
use crate::domain::word_enum;
use crate::store::{self, AccountRow, Closing, ClosingPosition, Flow};
use crate::{Cents, DecimalError, Invalid, Notional, Rounding, Symbol};

word_enum! {
    /// How far back a history goes.
    HistoryPeriod ("period") {
        /// Seven days.
        Week = "1w",
        /// 31 days.
        Month = "1m",
        /// 92 days.
        Quarter = "3m",
        /// 366 days.
        Year = "1y",
        /// To the first close.
        All = "all",
    }
}

impl HistoryPeriod {
    fn since(self, now: Timestamp) -> Option<Timestamp> {
        let days = match self {
            Self::Week => 7,
            Self::Month => 31,
            Self::Quarter => 92,
            Self::Year => 366,
            Self::All => return None,
        };
        now.checked_sub(Duration::days(days))
    }
}

/// What an account has earned since the last session closed, at the prices of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct DayResult {
    /// When the session before closed; null where none has since the account was opened.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "http", schema(value_type = Option<String>, format = DateTime))]
    pub since: Option<Timestamp>,
    /// The change of the equity, less what was paid in. The results of the symbols, less fees, add up to it exactly; each is rounded
    /// half-even to cents for display.
    pub pnl: Cents,
    /// What was paid in since, less what was paid out.
    pub net_deposits: Cents,
    /// What was paid for trading since.
    pub fees: Cents,
    /// The symbols that were owned then, are owned now or were traded since, in their order.
    pub symbols: Vec<SymbolResult>,
}

/// What a symbol has earned since the last session closed, before fees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct SymbolResult {
    /// The symbol.
    pub symbol: Symbol,
    /// The change of the value, less what was bought and with what was sold.
    pub pnl: Cents,
    /// Cash paid for shares since.
    pub bought: Cents,
    /// Cash brought in by shares since.
    pub sold: Cents,
}

/// What an account was worth when a session closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ClosingView {
    /// When the session closed.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub session_close: Timestamp,
    /// Cash and shares together, at the last prices before the close.
    pub equity: Cents,
    /// The cash in it.
    pub cash: Cents,
    /// What was paid in since the account was opened, less what was paid out.
    pub net_deposits: Cents,
    /// What was paid for trading since the account was opened.
    pub fees: Cents,
    /// What was earned since the session before closed, or since the account was opened.
    pub day_pnl: Cents,
}

/// Where a day began, and what has moved since.
pub(super) struct Day {
    opening: Option<(Closing, Vec<ClosingPosition>)>,
    flow: Flow,
}

impl Day {
    /// Everything that was paid in and out since the account was opened.
    pub(super) fn net_deposits(&self) -> Result<Cents, DecimalError> {
        let before = self
            .opening
            .as_ref()
            .map_or(Cents::ZERO, |(closing, _)| closing.net_deposits);
        Cents::from_units(i128::from(before.cents()) + i128::from(self.flow.net_deposits.cents()))
    }

    /// Everything that was paid for trading since the account was opened.
    pub(super) fn fees(&self) -> Result<Cents, DecimalError> {
        let before = self
            .opening
            .as_ref()
            .map_or(Cents::ZERO, |(closing, _)| closing.fees);
        Cents::from_units(i128::from(before.cents()) + i128::from(self.flow.fees.cents()))
    }

    /// The result, when the account is worth this now, and its symbols that.
    pub(super) fn result(
        &self,
        equity: Notional,
        worths: &[(Symbol, Notional)],
    ) -> Result<DayResult, DecimalError> {
        let (then, since) = match &self.opening {
            Some((closing, _)) => (closing.equity, Some(closing.session_close)),
            None => (Notional::ZERO, None),
        };
        let account = AccountDay {
            then,
            now: equity,
            net_deposits: self.flow.net_deposits,
        };
        let symbols = self.symbols(worths).into_iter().map(|(symbol, day)| {
            Ok(SymbolResult {
                symbol,
                pnl: day.pnl().to_cents(Rounding::HalfEven)?,
                bought: day.bought,
                sold: day.sold,
            })
        });
        Ok(DayResult {
            since,
            pnl: account.pnl().to_cents(Rounding::HalfEven)?,
            net_deposits: self.flow.net_deposits,
            fees: self.flow.fees,
            symbols: symbols.collect::<Result<_, DecimalError>>()?,
        })
    }

    fn symbols(&self, worths: &[(Symbol, Notional)]) -> BTreeMap<Symbol, SymbolDay> {
        let mut days: BTreeMap<Symbol, SymbolDay> = BTreeMap::new();
        for (symbol, now) in worths.iter().filter(|(_, now)| *now != Notional::ZERO) {
            days.entry(*symbol).or_insert(SymbolDay::NOTHING).now = *now;
        }
        for position in self.opening.iter().flat_map(|(_, positions)| positions) {
            days.entry(position.symbol).or_insert(SymbolDay::NOTHING).then = position.worth;
        }
        for (symbol, bought, sold) in &self.flow.traded {
            let day = days.entry(*symbol).or_insert(SymbolDay::NOTHING);
            (day.bought, day.sold) = (*bought, *sold);
        }
        days
    }
}

/// The day of an account whose balances were read before, of the same moment as these.
pub(super) async fn day(read: &mut TenantRead, account: &AccountRow, now: Timestamp) -> Result<Day, DbError> {
    let closing = store::closing_before(read, account.id, (now, account.last_seq)).await?;
    let after = closing.as_ref().map_or(0, |closing| closing.last_seq);
    let flow = store::flow(read, account.id, (after, account.last_seq)).await?;
    let opening = match closing {
        None => None,
        Some(closing) => {
            let positions = store::positions_at(read, account.id, closing.session_close).await?;
            Some((closing, positions))
        }
    };
    Ok(Day { opening, flow })
}

impl Trading {
    /// What the caller's account was worth as sessions closed, the newest first, at most `limit` before the close `before`. The first
    /// look opens the account.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn history(
        &self,
        ctx: &RequestContext,
        period: HistoryPeriod,
        (before, limit): (Option<Timestamp>, u32),
    ) -> Result<Vec<ClosingView>, TradingError> {
        let owner = owner(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let Some(account) = store::read_account_of(&mut read, owner).await? else {
            return Ok(Vec::new());
        };
        let since = period.since(self.now());
        // One more, to compare the last of them with.
        let page = (before, limit.saturating_add(1));
        let closings = store::closings_page(&mut read, account.id, since, page).await?;
        let is_all = closings.len() <= usize::try_from(limit).unwrap_or(usize::MAX);
        let oldest = closings.last().filter(|_| is_all);
        let earlier = match oldest {
            None => None,
            Some(oldest) => {
                let just_before = (Some(oldest.session_close), 1);
                store::closings_page(&mut read, account.id, None, just_before)
                    .await?
                    .pop()
            }
        };
        read.finish().await?;
        let views = views(&closings, earlier.as_ref(), limit);
        views.map_err(|error| TradingError::Inconsistent(Invalid::from(error)))
    }
}

/// Each closing with what the session has earned since the closing before, which is the next of the list, or `earlier`. The first closing
/// of an account began with nothing.
fn views(
    closings: &[Closing],
    earlier: Option<&Closing>,
    limit: u32,
) -> Result<Vec<ClosingView>, DecimalError> {
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let before = closings.iter().skip(1).map(Some).chain([earlier]);
    let paired = closings.iter().zip(before).take(shown);
    paired.map(|(closing, before)| view(closing, before)).collect()
}

fn view(closing: &Closing, before: Option<&Closing>) -> Result<ClosingView, DecimalError> {
    let (then, deposits) = match before {
        Some(before) => (before.equity, before.net_deposits),
        None => (Notional::ZERO, Cents::ZERO),
    };
    let day = AccountDay {
        then,
        now: closing.equity,
        net_deposits: Cents::from_units(
            i128::from(closing.net_deposits.cents()) - i128::from(deposits.cents()),
        )?,
    };
    Ok(ClosingView {
        session_close: closing.session_close,
        equity: closing.equity.to_cents(Rounding::HalfEven)?,
        cash: Cents::from_units(
            i128::from(closing.cash.available.cents()) + i128::from(closing.cash.held.cents()),
        )?,
        net_deposits: closing.net_deposits,
        fees: closing.fees,
        day_pnl: day.pnl().to_cents(Rounding::HalfEven)?,
    })
}
