//! Suspending, resuming and closing accounts of others.

use std::collections::BTreeSet;

use platform_audit::{Action, Activity, AuditError, Changes, Event as AuditEvent, Outcome, Severity};
use platform_core::pg::{DbError, TenantTx};
use platform_core::{Authorized, Denied, Forbidden, Needs, Permission, RequestContext, Resource};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cancel::changed;
use super::draft::settle;
use super::error::through_trading;
use super::trail::{self, Done};
use super::{ACCOUNT, AccountId, AccountStatus, AccountView, MANAGE, Trading, TradingError, VIEW};
use crate::store::{self, AccountRow, Change, OrderRow};
use crate::{AccountState, Command, Position, Symbol, decide};

/// Orders that are withdrawn in one transaction.
const CANCELLED_AT_ONCE: u32 = 500;

const SUSPEND: Action = Action::new("account.suspend");
const RESUME: Action = Action::new("account.resume");
const CLOSE: Action = Action::new("account.close");

/// Why an administrator does something, for whoever reads the trail: 1 to 200 characters, nothing personal.
///
/// ```
/// use trading::AdminReason;
///
/// let reason: AdminReason = "case 2026-118".parse()?;
/// assert_eq!(reason.as_str(), "case 2026-118");
/// assert!(" ".parse::<AdminReason>().is_err());
/// # Ok::<(), trading::InvalidAdminReason>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminReason(String);

/// A text is not an [`AdminReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reason has 1 to 200 characters, none of them a control character, and no space around it")]
pub struct InvalidAdminReason;

impl AdminReason {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for AdminReason {
    type Err = InvalidAdminReason;

    fn from_str(text: &str) -> Result<Self, InvalidAdminReason> {
        let chars = text.chars().count();
        let well_formed =
            (1..=200).contains(&chars) && text.trim() == text && !text.chars().any(char::is_control);
        match well_formed {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidAdminReason),
        }
    }
}

/// An account that was suspended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Suspended {
    /// How it stands.
    pub account: AccountView,
    /// How many open orders were withdrawn.
    pub cancelled_orders: u64,
}

/// Why an account of another was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountAdminError {
    /// There is no such account, or the caller may not know of it.
    #[error("there is no such account")]
    NotFound,
    /// The account is closed, which nothing undoes.
    #[error("the account is closed")]
    Closed,
    /// The account has shares, open orders or held cash, so that it cannot be closed.
    #[error("the account has shares, open orders or held cash")]
    NotFlat,
    /// Anything that is not about this account.
    #[error(transparent)]
    Trading(#[from] TradingError),
}

through_trading! {
    AccountAdminError: DbError, AuditError, Forbidden;
}

impl Trading {
    /// Lets an account place no orders any more. What is open goes on to be filled, and its owner can withdraw it.
    ///
    /// A placement that has the account's lock first is carried out; one that comes after is refused. A suspended account stays as it is.
    ///
    /// # Errors
    /// [`AccountAdminError::NotFound`], [`AccountAdminError::Closed`]; [`TradingError::Forbidden`] for whoever may see the account and
    /// does not hold [`MANAGE`] on it.
    pub async fn suspend_account(
        &self,
        ctx: &RequestContext,
        account: AccountId,
        reason: &AdminReason,
    ) -> Result<Suspended, AccountAdminError> {
        let (mut tx, before) = self.lock_managed(ctx, account).await?;
        let after = self
            .set_status(&mut tx, ctx, &before, &suspension(reason))
            .await?;
        tx.commit().await?;
        Ok(Suspended {
            account: AccountView::from(&after),
            cancelled_orders: 0,
        })
    }

    /// The same, and withdraws the account's open orders: up to 500 in the transaction that suspends it, what there is beyond in
    /// transactions of as many that follow.
    ///
    /// # Errors
    /// As [`suspend_account`](Self::suspend_account). Where the database fails between two transactions the account is suspended, and the
    /// same call withdraws the rest.
    pub async fn suspend_account_and_cancel(
        &self,
        ctx: &RequestContext,
        account: AccountId,
        reason: &AdminReason,
    ) -> Result<Suspended, AccountAdminError> {
        let mut cancelled_orders = 0;
        loop {
            let (mut tx, before) = self.lock_managed(ctx, account).await?;
            let mut after = self
                .set_status(&mut tx, ctx, &before, &suspension(reason))
                .await?;
            let cancelled = self.cancel_open_in(&mut tx, ctx, &mut after).await?;
            tx.commit().await?;
            for row in &cancelled {
                self.inner.open_orders.track(ctx.tenant(), row);
                self.inner.metrics.cancelled();
            }
            let count = u32::try_from(cancelled.len()).unwrap_or(u32::MAX);
            cancelled_orders += u64::from(count);
            if count < CANCELLED_AT_ONCE {
                return Ok(Suspended {
                    account: AccountView::from(&after),
                    cancelled_orders,
                });
            }
        }
    }

    /// Lets a suspended account place orders again. An active one stays as it is.
    ///
    /// # Errors
    /// As [`suspend_account`](Self::suspend_account).
    pub async fn resume_account(
        &self,
        ctx: &RequestContext,
        account: AccountId,
        reason: &AdminReason,
    ) -> Result<AccountView, AccountAdminError> {
        let (mut tx, before) = self.lock_managed(ctx, account).await?;
        let change = StatusChange {
            action: RESUME,
            to: AccountStatus::Active,
            reason,
        };
        let after = self.set_status(&mut tx, ctx, &before, &change).await?;
        tx.commit().await?;
        Ok(AccountView::from(&after))
    }

    /// Closes an account for good. What cash is left in it can be paid out by an adjustment.
    ///
    /// # Errors
    /// [`AccountAdminError::NotFlat`] when it has shares, open orders or held cash; otherwise as
    /// [`suspend_account`](Self::suspend_account). A closed account stays as it is.
    pub async fn close_account(
        &self,
        ctx: &RequestContext,
        account: AccountId,
        reason: &AdminReason,
    ) -> Result<AccountView, AccountAdminError> {
        let (mut tx, before) = self.lock_account_for(ctx, MANAGE, account).await?;
        if before.status == AccountStatus::Closed {
            return Ok(AccountView::from(&before));
        }
        if !before.held_cents.is_zero() || store::has_shares_or_orders(&mut tx, before.id).await? {
            return Err(AccountAdminError::NotFlat);
        }
        let change = StatusChange {
            action: CLOSE,
            to: AccountStatus::Closed,
            reason,
        };
        let after = self.set_status(&mut tx, ctx, &before, &change).await?;
        tx.commit().await?;
        Ok(AccountView::from(&after))
    }

    /// The account of another under its lock, for whoever holds the permission on it.
    pub(super) async fn lock_account_for(
        &self,
        ctx: &RequestContext,
        permission: Permission,
        account: AccountId,
    ) -> Result<(TenantTx, AccountRow), AccountAdminError> {
        let account = self.authorize_account(ctx, permission, account)?;
        let mut tx = self.inner.db.begin(ctx).await?;
        let row = store::lock_account_by_id(&mut tx, *account).await?;
        Ok((tx, row.ok_or(AccountAdminError::NotFound)?))
    }

    pub(super) fn authorize_account(
        &self,
        ctx: &RequestContext,
        permission: Permission,
        account: AccountId,
    ) -> Result<Authorized<AccountId>, AccountAdminError> {
        let needs = Needs {
            to_see: VIEW,
            to_act: permission,
        };
        let resource = Resource::of(ACCOUNT, account);
        ctx.authorize_visible(needs, &resource, account, self.now())
            .map_err(|denied| match denied {
                Denied::Forbidden(forbidden) => forbidden.into(),
                _ => AccountAdminError::NotFound,
            })
    }

    async fn lock_managed(
        &self,
        ctx: &RequestContext,
        account: AccountId,
    ) -> Result<(TenantTx, AccountRow), AccountAdminError> {
        let (tx, row) = self.lock_account_for(ctx, MANAGE, account).await?;
        match row.status {
            AccountStatus::Closed => Err(AccountAdminError::Closed),
            AccountStatus::Active | AccountStatus::Suspended => Ok((tx, row)),
        }
    }

    async fn set_status(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        before: &AccountRow,
        change: &StatusChange<'_>,
    ) -> Result<AccountRow, TradingError> {
        if before.status == change.to {
            return Ok(before.clone());
        }
        store::set_account_status(tx, before.id, change.to).await?;
        self.inner.audit.record(tx, ctx, change.event(before)).await?;
        Ok(AccountRow {
            status: change.to,
            ..before.clone()
        })
    }

    /// Withdraws the oldest open orders of an account whose lock is held, and leaves in `account` what the row says then.
    async fn cancel_open_in(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        account: &mut AccountRow,
    ) -> Result<Vec<OrderRow>, TradingError> {
        let rows = store::open_orders_of(tx, account.id, CANCELLED_AT_ONCE).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let symbols: BTreeSet<Symbol> = rows.iter().map(|row| row.order.terms().symbol()).collect();
        let wanted: Vec<_> = symbols.iter().map(|symbol| (account.id, *symbol)).collect();
        let mut positions = store::load_positions(tx, &wanted).await?;
        let now = self.now();
        let mut changes = store::Changes::at(now);
        let (mut cancelled, mut events) = (Vec::new(), Vec::new());
        for row in rows {
            let (order, symbol) = (row.order.intake.order_id, row.order.terms().symbol());
            // Each one begins with the balances that the one before has left.
            let position = positions
                .get(&(account.id, symbol))
                .copied()
                .unwrap_or(Position::flat(symbol));
            let before = AccountState::with_order(account.cash(), position, row.order);
            let decided = decide(&self.inner.config.rules, &before, &Command::Cancel);
            let decided = decided.map_err(TradingError::Inconsistent)?;
            let after = settle(&before, &decided).map_err(TradingError::Inconsistent)?;
            let row = changed(&row, &after, now);
            let row = row.ok_or(TradingError::Db(sqlx::Error::RowNotFound.into()))?;
            positions.insert((account.id, symbol), after.position);
            let change = Change {
                before: &before,
                after: &after,
                order: &row,
                events: &decided,
                key: None,
            };
            changes.add(account, change)?;
            events.push(trail::cancelled(&Done {
                order,
                account: account.id,
                before: &before,
                after: &after,
                events: &decided,
            }));
            cancelled.push(row);
        }
        self.inner.audit.record_all(tx, ctx, events).await?;
        changes.write(tx).await?;
        Ok(cancelled)
    }
}

/// An account's way to another status.
struct StatusChange<'a> {
    action: Action,
    to: AccountStatus,
    reason: &'a AdminReason,
}

fn suspension(reason: &AdminReason) -> StatusChange<'_> {
    StatusChange {
        action: SUSPEND,
        to: AccountStatus::Suspended,
        reason,
    }
}

impl StatusChange<'_> {
    fn event(&self, before: &AccountRow) -> AuditEvent {
        let changes = Changes::new().field("account.status", before.status.as_str(), self.to.as_str());
        AuditEvent::new(self.action, Outcome::Success)
            .activity(Activity::Update)
            .severity(Severity::Medium)
            .target("account", before.id.to_string())
            .changes(changes)
            .detail(json!({ "reason": self.reason.as_str() }))
    }
}
