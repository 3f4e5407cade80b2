//! Does the money add up?

use platform_core::RequestContext;
use sqlx::FromRow;

use super::{Trading, TradingError};

/// Two sums of one tenant that should be equal and are not.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Discrepancy {
    /// Which rule is broken.
    pub rule: String,
    /// The account, symbol or order it is broken for.
    pub subject: String,
    /// What the ledger or the fills say.
    pub expected: String,
    /// What the row says.
    pub found: String,
}

/// The outcome of a reconciliation of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Ledger rows that were added up.
    pub transfers: u64,
    /// What does not add up, at most 1,000.
    pub discrepancies: Vec<Discrepancy>,
}

impl Trading {
    /// Adds up the tenant's ledger and compares it with every balance, position and order.
    ///
    /// The rules: for every asset the customers' rows and the ledger of the house sum to zero; an account's balances are those of
    /// its ledger; so are the shares of a position, and both they and their cost are what the fills moved; what is held is the
    /// sum of what open orders hold, and they are counted in the row of their account; an order's fills are its executions; the ledger's numbers have no gap. Reads one snapshot.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn reconcile(&self, ctx: &RequestContext) -> Result<Reconciliation, TradingError> {
        let mut read = self.inner.db.read(ctx).await?;
        let transfers: i64 = sqlx::query_scalar("select count(*) from trading.transfer where tenant_id = $1")
            .bind(read.tenant())
            .fetch_one(&mut read)
            .await
            .map_err(platform_core::pg::DbError::from)?;
        // One statement, so that everything is compared in one snapshot.
        let discrepancies = sqlx::query_as(include_str!("reconcile.sql"))
            .bind(read.tenant())
            .fetch_all(&mut read)
            .await
            .map_err(platform_core::pg::DbError::from)?;
        Ok(Reconciliation {
            transfers: u64::try_from(transfers).unwrap_or(0),
            discrepancies,
        })
    }
}
