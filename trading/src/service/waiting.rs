//! Orders that wait: the market elects their stop, or opens for them.

use super::fill::{lock, system, tried};
use super::place::view;
use super::{Trading, TradingError, Tried, trail};
use crate::matching::OpenOrder;
use crate::store::OrderRow;
use crate::{Command, PublishedQuote, Reject};
use platform_audit::Event as AuditEvent;

use super::trail::Done;

impl Trading {
    /// Elects the stop of a waiting order, when the quote does. It meets the quote in its turn among the orders that work.
    ///
    /// The rows decide, not the matcher's memory: an entry that is stale or doubled does nothing.
    pub(crate) async fn elect(
        &self,
        open: &OpenOrder,
        quote: &PublishedQuote,
    ) -> Result<Tried, TradingError> {
        let elect = Command::Elect { quote: view(quote) };
        let opened = |row: &OrderRow| row.opens_at.is_none_or(|opens| opens <= quote.at);
        self.advance(open, (&elect, opened), ("elect stops", trail::triggered))
            .await
    }

    /// Lets an order work whose session has begun, or refuses it when its symbol is no longer traded.
    pub(crate) async fn activate(&self, open: &OpenOrder) -> Result<Tried, TradingError> {
        let now = self.now();
        let is_open = |row: &OrderRow| row.opens_at.is_none_or(|opens| opens <= now);
        let command = match self.inner.board.instrument(open.symbol) {
            Some(_) => Command::Activate,
            None => Command::Reject {
                reject: Reject::SymbolNotTraded,
            },
        };
        self.advance(open, (&command, is_open), ("open the market", trail::activated))
            .await
    }

    async fn advance(
        &self,
        open: &OpenOrder,
        (command, due): (&Command, impl Fn(&OrderRow) -> bool),
        (reason, audited): (&'static str, fn(&Done<'_>) -> AuditEvent),
    ) -> Result<Tried, TradingError> {
        let ctx = system(open.tenant, reason, self);
        let mut tx = self.inner.db.begin(&ctx).await?;
        let Some(locked) = lock(&mut tx, open).await? else {
            return Ok(Tried::Done);
        };
        let decided = match due(&locked.row) {
            true => self.decide(&locked, command)?,
            false => None,
        };
        let Some((after, events)) = decided else {
            // Another process was first. What is known here is corrected once, and not tried again for the same reason.
            if OpenOrder::of(open.tenant, &locked.row) != *open {
                self.inner.open_orders.track(open.tenant, &locked.row);
            }
            return Ok(tried(&locked.row));
        };
        let row = self
            .write(&mut tx, &ctx, &locked, (&after, &events), audited)
            .await?;
        tx.commit().await?;
        self.inner.open_orders.track(open.tenant, &row);
        Ok(tried(&row))
    }
}
