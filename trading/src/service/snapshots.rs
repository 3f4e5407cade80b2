//! What every account had and was worth when a session closed.

use std::collections::HashMap;

use platform_audit::{Action, Activity, Event as AuditEvent, Outcome};
use platform_core::{RequestContext, TenantId, Timestamp};
use serde_json::json;
use time::Duration;
use time::format_description::well_known::Rfc3339;

use super::{AccountId, Trading, TradingError};
use crate::domain::pnl;
use crate::store::{self, ClosedAccount, Valued};
use crate::{Calendar, Invalid, Price, Symbol};

/// Tenants that are looked at in one page.
const TENANTS_PAGE: u32 = 100;

/// Accounts that are closed in one transaction.
const ACCOUNTS_PAGE: u32 = 200;

/// How far back a session may have closed: the longest a market pauses, and more.
const PAUSE_DAYS_MAX: i64 = 31;

const CLOSED: Action = Action::new("session.close");

/// The last price of a symbol before a session closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct ClosingPrice {
    pub(crate) symbol: Symbol,
    #[sqlx(rename = "price_e4")]
    pub(crate) price: Price,
    pub(crate) quote_seq: i64,
}

/// When the last session before `now` closed; `None` when that is longer ago than a month.
pub(crate) fn last_close(calendar: Calendar, now: Timestamp) -> Option<Timestamp> {
    let mut close = (1..=PAUSE_DAYS_MAX)
        .map(|days| calendar.session_from(now - Duration::days(days)).close)
        .find(|close| *close <= now)?;
    loop {
        let next = calendar.session_from(close).close;
        if next > now || next <= close {
            return Some(close);
        }
        close = next;
    }
}

impl Trading {
    /// Keeps, for every tenant, what each account had when a session closed and what that was worth at `prices`. An account that is kept
    /// already stays as it is, and of several instances the first one decides about the prices. Tells how many accounts are new.
    ///
    /// What an account had is worked out from its ledger, so that orders that were filled or have expired since change nothing.
    pub(crate) async fn close_session(
        &self,
        close: Timestamp,
        prices: &[ClosingPrice],
    ) -> Result<u64, TradingError> {
        let mut closed = 0;
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = self.inner.tenants.list(after, TENANTS_PAGE).await?;
            let Some(last) = tenants.last() else {
                return Ok(closed);
            };
            after = Some(last.id);
            for tenant in &tenants {
                match self.close_session_of(tenant.id, close, prices).await {
                    Ok(count) => closed += count,
                    Err(error) if error.is_unavailable() => return Err(error),
                    // The others are not to go without because one tenant's rows are damaged.
                    Err(error) => tracing::error!(
                        tenant.id = %tenant.id, error = platform_core::error_chain(&error), "a session could not be closed"
                    ),
                }
            }
        }
    }

    /// The same for one tenant.
    pub(crate) async fn close_session_of(
        &self,
        tenant: TenantId,
        close: Timestamp,
        prices: &[ClosingPrice],
    ) -> Result<u64, TradingError> {
        let ctx = RequestContext::system(tenant, "close a session", self.sources());
        let mut closed = 0;
        let mut after: Option<AccountId> = None;
        loop {
            let mut tx = self.inner.db.begin(&ctx).await?;
            let accounts = store::lock_unclosed(&mut tx, close, (after, ACCOUNTS_PAGE)).await?;
            let Some(last) = accounts.last() else {
                return Ok(closed);
            };
            after = Some(last.id);
            let prices = store::keep_closing_prices(&mut tx, close, prices).await?;
            let prices: HashMap<Symbol, Price> = prices.iter().map(|one| (one.symbol, one.price)).collect();
            let accounts = store::at_close(&mut tx, close, &accounts).await?;
            let valued: Result<Vec<_>, _> = accounts
                .into_iter()
                .map(|account| value(account, &prices))
                .collect();
            let valued = valued.map_err(TradingError::Inconsistent)?;
            let kept = store::keep_closings(&mut tx, close, &valued).await?;
            self.inner.audit.record(&mut tx, &ctx, told(close, kept)).await?;
            tx.commit().await?;
            closed += kept;
        }
    }
}

fn value(account: ClosedAccount, prices: &HashMap<Symbol, Price>) -> Result<Valued, Invalid> {
    let priced = |position: &crate::Position| (*position, prices.get(&position.symbol).copied());
    let equity = pnl::equity(account.cash, account.positions.iter().map(priced))?;
    let worths = account.positions.iter().map(|position| {
        let (position, price) = priced(position);
        Ok((price, pnl::worth(&position, price)?))
    });
    let worths = worths.collect::<Result<_, Invalid>>()?;
    Ok(Valued {
        account,
        equity,
        worths,
    })
}

fn told(close: Timestamp, accounts: u64) -> AuditEvent {
    AuditEvent::new(CLOSED, Outcome::Success)
        .activity(Activity::Create)
        .detail(json!({ "session_close": close.format(&Rfc3339).unwrap_or_default(), "accounts": accounts }))
}
