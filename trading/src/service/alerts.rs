//! Prices at which the owner of an account wants to be told, once.

use platform_audit::{Action, Activity, AuditError, Event as AuditEvent, Outcome, Retention};
use platform_core::pg::{DbError, TxEnd};
use platform_core::{Forbidden, PrincipalId, RequestContext, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::broadcast;

use super::accounts::owner;
use super::alert_index::Crossing;
use super::error::through_trading;
use super::{AccountId, Trading, TradingError};
use crate::domain::word_enum;
use crate::store;
use crate::{Price, Symbol};

platform_core::id_type! {
    /// Names an alert.
    pub struct AlertId;
}

/// The most alerts of an account that have not fired.
pub const ALERTS_MAX: i64 = 100;

/// How many fired alerts wait for whoever hears of them before the oldest are left out.
pub const FIRED_ALERTS_WAITING_MAX: usize = 1_024;

const CREATE: Action = Action::new("alert.create");
const DELETE: Action = Action::new("alert.delete");
const FIRE: Action = Action::new("alert.fire");

word_enum! {
    /// On which side of its price an alert fires.
    AlertDirection ("direction") {
        /// When the last price is at the alert's or above.
        Above = "above",
        /// When the last price is at the alert's or below.
        Below = "below",
    }

    /// Which alerts a list shows.
    AlertFilter ("status") {
        /// All of them.
        All = "all",
        /// Those that have not fired.
        Active = "active",
        /// Those that have.
        Fired = "fired",
    }
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    #[serde(skip)]
    pub(crate) account_id: AccountId,
    /// Whose price.
    pub symbol: Symbol,
    /// On which side of the price it fires.
    pub direction: AlertDirection,
    /// The price.
    #[sqlx(rename = "price_e4")]
    pub price: Price,
    #[serde(skip)]
    pub(crate) created_quote_seq: i64,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When it fired; null until it has.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "http", schema(value_type = Option<String>, format = DateTime))]
    pub fired_at: Option<Timestamp>,
    /// The last price then.
    #[sqlx(rename = "fired_price_e4")]
    pub fired_price: Option<Price>,
}

/// An alert that was fired, with whose it is.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct FiredRow {
    #[sqlx(flatten)]
    pub(crate) alert: Alert,
    pub(crate) owner_id: PrincipalId,
}

/// An alert to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAlert {
    /// Whose price.
    pub symbol: Symbol,
    /// On which side of the price it fires.
    pub direction: AlertDirection,
    /// The price.
    pub price: Price,
}

/// An alert that this process has just fired, for whoever tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredAlert {
    /// Whose tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub owner: PrincipalId,
    /// The alert.
    pub alert: Alert,
}

/// Why an alert was not made or deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlertError {
    /// The account has no such alert.
    #[error("there is no such alert")]
    NotFound,
    /// Nothing with this symbol is traded here.
    #[error("nothing with the symbol {0} is traded here")]
    UnknownSymbol(Symbol),
    /// [`ALERTS_MAX`] alerts of the account have not fired.
    #[error("an account has at most {ALERTS_MAX} alerts that have not fired")]
    TooMany,
    /// Anything that is not about this alert.
    #[error(transparent)]
    Trading(#[from] TradingError),
}

through_trading! {
    AlertError: DbError, AuditError, Forbidden;
}

impl Trading {
    /// Makes an alert for the caller's account. The next quote at its price or beyond fires it, also one that had been there before.
    ///
    /// # Errors
    /// [`AlertError::UnknownSymbol`], [`AlertError::TooMany`].
    pub async fn create_alert(&self, ctx: &RequestContext, new: NewAlert) -> Result<Alert, AlertError> {
        let owner = owner(ctx)?;
        if self.inner.board.instrument(new.symbol).is_none() {
            return Err(AlertError::UnknownSymbol(new.symbol));
        }
        let mut tx = self.inner.db.begin(ctx).await?;
        let account = self.lock_or_open(&mut tx, ctx, owner).await?;
        if store::count_active_alerts(&mut tx, account.id).await? >= ALERTS_MAX {
            return Err(AlertError::TooMany);
        }
        let current = self.inner.board.latest(new.symbol);
        let alert = Alert {
            id: AlertId::generate(self.sources()),
            account_id: account.id,
            symbol: new.symbol,
            direction: new.direction,
            price: new.price,
            created_quote_seq: current.map_or(0, |quote| i64::try_from(quote.seq).unwrap_or(i64::MAX)),
            created_at: self.now(),
            fired_at: None,
            fired_price: None,
        };
        store::insert_alert(&mut tx, &alert).await?;
        let event = event(CREATE, Activity::Create, (account.id, alert.id))
            .detail(json!({ "symbol": alert.symbol, "direction": alert.direction, "price": alert.price }));
        self.inner.audit.record(&mut tx, ctx, event).await?;
        let (index, tenant, tracked) = (self.inner.alerts.clone(), ctx.tenant(), alert.clone());
        // Whatever becomes of the caller, and only once the row can be seen: a worker that met it earlier would find none and forget it.
        tx.on_end(move |end| {
            if end != TxEnd::RolledBack {
                index.track(tenant, &tracked);
            }
        });
        tx.commit().await?;
        Ok(alert)
    }

    /// Deletes an alert of the caller's account, fired or not.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], also for another account's alert.
    pub async fn delete_alert(&self, ctx: &RequestContext, alert: AlertId) -> Result<(), AlertError> {
        let owner = owner(ctx)?;
        let mut tx = self.inner.db.begin(ctx).await?;
        let account = store::lock_account_of(&mut tx, owner).await?;
        let account = account.ok_or(AlertError::NotFound)?;
        if !store::delete_alert(&mut tx, account.id, alert).await? {
            return Err(AlertError::NotFound);
        }
        let event = event(DELETE, Activity::Delete, (account.id, alert));
        self.inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        self.inner.alerts.forget(alert);
        Ok(())
    }

    /// Alerts of the caller's account, the newest first, at most `limit` before `before`.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn alerts(
        &self,
        ctx: &RequestContext,
        filter: AlertFilter,
        (before, limit): (Option<AlertId>, u32),
    ) -> Result<Vec<Alert>, TradingError> {
        let owner = owner(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let Some(account) = store::read_account_of(&mut read, owner).await? else {
            return Ok(Vec::new());
        };
        let alerts = store::alerts_page(&mut read, account.id, filter, (before, limit)).await?;
        read.finish().await?;
        Ok(alerts)
    }

    /// The alerts that this process fires from now on. Of several processes the one that fired an alert tells of it; a receiver that is
    /// [`FIRED_ALERTS_WAITING_MAX`] behind misses some, which [`Trading::alerts`] has. The stream does not go by it: an alert is an event of
    /// its account, and told as those are.
    pub fn fired_alerts(&self) -> broadcast::Receiver<FiredAlert> {
        self.inner.fired_alerts.subscribe()
    }

    /// Fires alerts of one tenant that were crossed, each as the next event of its account. The rows decide: one that has fired elsewhere
    /// or is gone does nothing.
    pub(crate) async fn fire(
        &self,
        tenant: TenantId,
        crossings: &[(AlertId, Crossing)],
    ) -> Result<u64, TradingError> {
        let ctx = RequestContext::system(tenant, "fire alerts", self.sources());
        let mut tx = self.inner.db.begin(&ctx).await?;
        let accounts = store::lock_accounts_of_alerts(&mut tx, crossings).await?;
        let now = self.now();
        let fired = store::fire_alerts(&mut tx, &accounts, crossings, now).await?;
        let events = fired.iter().map(|row| {
            event(FIRE, Activity::Execute, (row.alert.account_id, row.alert.id))
                .detail(json!({ "symbol": row.alert.symbol, "price": row.alert.fired_price }))
        });
        self.inner
            .audit
            .record_all(&mut tx, &ctx, events.collect())
            .await?;
        store::log_fired_alerts(&mut tx, accounts, &fired, now).await?;
        tx.commit().await?;
        self.accounts_changed();
        let mut count = 0;
        for FiredRow { alert, owner_id } in fired {
            count += 1;
            // Nobody may be listening.
            let _ = self.inner.fired_alerts.send(FiredAlert {
                tenant,
                owner: owner_id,
                alert,
            });
        }
        Ok(count)
    }
}

fn event(action: Action, activity: Activity, (account, alert): (AccountId, AlertId)) -> AuditEvent {
    AuditEvent::new(action, Outcome::Success)
        .activity(activity)
        .retention(Retention::OPERATIONAL)
        .target("alert", alert.to_string())
        .target("account", account.to_string())
}
