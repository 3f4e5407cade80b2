//! Seeing the accounts of others.

use platform_core::{Authorized, Needs, PrincipalId, RequestContext, Resource, Timestamp};
use serde::{Deserialize, Serialize};

use super::history::day;
use super::{ACCOUNT, AccountId, AccountStatus, Portfolio, Trading, TradingError, VIEW};
use crate::store;

/// The most accounts that one page holds, and one more to see whether another follows.
const ACCOUNTS_MAX: u32 = 201;

/// An account in a list: whose it is, and nothing of what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ListedAccount {
    /// Its id.
    pub id: AccountId,
    /// Whose it is.
    pub owner_id: PrincipalId,
    /// Whether it may be used.
    pub status: AccountStatus,
    /// When it was opened.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub opened_at: Timestamp,
}

impl Trading {
    /// An account of the tenant with its positions, for whoever holds [`VIEW`] on it or in the whole tenant; `None` for everybody else,
    /// and when there is no such account.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn portfolio_of(
        &self,
        ctx: &RequestContext,
        account: AccountId,
    ) -> Result<Option<Portfolio>, TradingError> {
        let needs = Needs {
            to_see: VIEW,
            to_act: VIEW,
        };
        let resource = Resource::of(ACCOUNT, account);
        match ctx.authorize_visible(needs, &resource, account, self.now()) {
            Ok(account) => self.look_into(ctx, account).await,
            Err(_) => Ok(None),
        }
    }

    /// The accounts of the tenant in the order in which they were opened, at most 201 after `after`.
    ///
    /// # Errors
    /// [`TradingError::Forbidden`] without [`VIEW`] in the whole tenant.
    pub async fn accounts(
        &self,
        ctx: &RequestContext,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<ListedAccount>, TradingError> {
        ctx.require(VIEW)?;
        let mut read = self.inner.db.read(ctx).await?;
        let accounts = store::accounts_page(&mut read, after, limit.min(ACCOUNTS_MAX)).await?;
        read.finish().await?;
        Ok(accounts)
    }

    async fn look_into(
        &self,
        ctx: &RequestContext,
        account: Authorized<AccountId>,
    ) -> Result<Option<Portfolio>, TradingError> {
        let mut read = self.inner.db.read(ctx).await?;
        let Some((row, positions)) = store::holdings_in(&mut read, *account).await? else {
            return Ok(None);
        };
        let day = day(&mut read, &row, self.now()).await?;
        read.finish().await?;
        let portfolio = self.value((&row, &day), &positions);
        portfolio
            .map(Some)
            .map_err(|error| TradingError::Inconsistent(error.into()))
    }
}
