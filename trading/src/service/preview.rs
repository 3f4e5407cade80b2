//! What placing an order would come to.

use platform_core::{PrincipalId, RequestContext};
use serde::{Deserialize, Serialize};

use super::accounts::owner;
use super::draft::settle;
use super::meeting::Wanted;
use super::{AccountStatus, PlaceError, Trading, TradingError};
use crate::store::{self, AccountRow};
use crate::{
    AccountState, Cash, Cents, Command, Event, OrderId, OrderStatus, OrderTerms, Position, Price, Quantity,
    Reason, Ticket, decide,
};

/// What placing an order would come to at this moment. Nothing is set aside: the market may move, and others may trade first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct OrderPreview {
    /// Where the order would stand.
    pub status: OrderStatus,
    /// Why it would be rejected or cancelled.
    pub reason: Option<Reason>,
    /// Why it would be rejected, in words.
    pub detail: Option<String>,
    /// The price that no fill may be worse than: the limit, or the collar of a buy without one.
    pub worst_price: Option<Price>,
    /// How many shares would trade at once.
    pub filled_quantity: Quantity,
    /// At what price.
    pub average_price: Option<Price>,
    /// The cash that this would pay or bring in, before fees.
    pub cost: Cents,
    /// Fees of it.
    pub fees: Cents,
    /// Cash that would be held for the rest.
    pub hold: Cents,
    /// What the account may spend now.
    pub buying_power: Cents,
    /// What it could spend afterwards.
    pub buying_power_after: Cents,
}

impl Trading {
    /// Decides on an order as [`Trading::place`] would now, and writes nothing: no order, no event, not even the account of somebody
    /// who has none yet. Idempotency keys and the names of earlier orders do not matter.
    ///
    /// # Errors
    /// [`PlaceError`] as for placing; a rejection is no error.
    pub async fn preview(&self, ctx: &RequestContext, ticket: &Ticket) -> Result<OrderPreview, PlaceError> {
        let owner = owner(ctx)?;
        let terms = ticket.validate().map_err(PlaceError::Fields)?;
        if self.inner.board.instrument(terms.symbol()).is_none() {
            return Err(PlaceError::UnknownSymbol);
        }
        let (account, before) = self.state_before(ctx, owner, &terms).await?;
        let market = self
            .look(&Wanted::by_new(&terms), self.now())
            .ok_or(PlaceError::UnknownSymbol)?;
        let place = Command::Place {
            order_id: OrderId::generate(self.sources()),
            terms,
            market,
        };
        let events = decide(&self.inner.config.rules, &before, &place).map_err(PlaceError::Invalid)?;
        let after = settle(&before, &events).map_err(TradingError::Inconsistent)?;
        if let Some(account) = &account {
            self.room_in_account(account, &after)?;
        }
        preview(&before, &after, &events).ok_or_else(|| {
            TradingError::Inconsistent(crate::Invalid::State(crate::ApplyError::OtherRows)).into()
        })
    }

    /// What the account has, or what it would be opened with.
    async fn state_before(
        &self,
        ctx: &RequestContext,
        owner: PrincipalId,
        terms: &OrderTerms,
    ) -> Result<(Option<AccountRow>, AccountState), PlaceError> {
        let mut read = self.inner.db.read(ctx).await?;
        let holdings = store::holdings_of(&mut read, owner).await?;
        read.finish().await?;
        let flat = Position::flat(terms.symbol());
        let Some((account, positions)) = holdings else {
            let opening = Cash {
                available: self.inner.config.opening_deposit,
                ..Cash::default()
            };
            return Ok((None, AccountState::before_order(opening, flat)));
        };
        if account.status != AccountStatus::Active {
            return Err(PlaceError::AccountInactive);
        }
        let owned = positions
            .into_iter()
            .find(|position| position.symbol == terms.symbol());
        let state = AccountState::before_order(account.cash(), owned.unwrap_or(flat));
        Ok((Some(account), state))
    }
}

fn preview(before: &AccountState, after: &AccountState, events: &[Event]) -> Option<OrderPreview> {
    let order = after.order?;
    let executed = events.iter().find_map(Event::execution);
    Some(OrderPreview {
        status: order.status,
        reason: order.reason,
        detail: events.iter().find_map(Event::reject).map(ToString::to_string),
        worst_price: order.intake.worst_price,
        filled_quantity: order.filled,
        average_price: order.average_price(),
        cost: executed.map_or(Cents::ZERO, |execution| execution.cash),
        fees: order.fees,
        hold: order.hold,
        buying_power: before.cash.available,
        buying_power_after: after.cash.available,
    })
}
