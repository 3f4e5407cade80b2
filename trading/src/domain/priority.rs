//! Which order comes first.

use platform_core::Timestamp;

use super::{OrderId, Price, Side};

/// The place of an order among those of its instrument and side; the smallest comes first.
///
/// The price decides, then who has been in the queue for longer: since the order was placed, or since a replacement that was more
/// than a decrease of the quantity.
///
/// ```
/// use platform_core::{Sources, Timestamp};
/// use trading::{OrderId, Priority, Side};
///
/// let (earlier, later) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(1));
/// let id = OrderId::generate(&Sources::system());
/// let dear = Priority::to_fill(Side::Buy, Some("10.01".parse()?), (later, id));
/// let cheap = Priority::to_fill(Side::Buy, Some("10.00".parse()?), (earlier, id));
/// assert!(dear < cheap);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority {
    /// In units of a price, turned around where a higher price comes first.
    rank: i64,
    queued_at: Timestamp,
    id: OrderId,
}

impl Priority {
    /// Among working orders: the buy that pays most and the sell that takes least, one without a limit before all others.
    pub const fn to_fill(
        side: Side,
        worst_price: Option<Price>,
        (queued_at, id): (Timestamp, OrderId),
    ) -> Self {
        let rank = match (side, worst_price) {
            (Side::Buy, Some(worst)) => -worst.e4(),
            (Side::Sell, Some(worst)) => worst.e4(),
            (_, None) => i64::MIN,
        };
        Self { rank, queued_at, id }
    }

    /// Among stops that wait: the one that the market reaches first, the lowest of the buys and the highest of the sells.
    pub const fn to_elect(side: Side, stop: Price, (queued_at, id): (Timestamp, OrderId)) -> Self {
        let rank = match side {
            Side::Buy => stop.e4(),
            Side::Sell => -stop.e4(),
        };
        Self { rank, queued_at, id }
    }

    /// The order.
    pub const fn id(&self) -> OrderId {
        self.id
    }

    /// Whether the price alone puts an order before this bound, or on it.
    pub(crate) const fn reaches(&self, bound: Rank) -> bool {
        self.rank <= bound.0
    }

    /// Without the queue.
    pub(crate) const fn rank(&self) -> Rank {
        Rank(self.rank)
    }
}

/// The price of a [`Priority`] without the queue: where a walk through orders in their priority ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(i64);

impl Rank {
    /// The last order that a quote could fill.
    pub(crate) const fn fillable(side: Side, bid: Price, ask: Price) -> Self {
        match side {
            Side::Buy => Self(-ask.e4()),
            Side::Sell => Self(bid.e4()),
        }
    }

    /// The last stop that a market at this price elects.
    pub(crate) const fn electable(side: Side, price: Price) -> Self {
        match side {
            Side::Buy => Self(price.e4()),
            Side::Sell => Self(-price.e4()),
        }
    }
}
