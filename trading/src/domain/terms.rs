//! What an order asks for.

use super::ticket::{FieldError, FieldProblem};
use super::words::word_enum;
use super::{Price, Quantity, Symbol};
use serde::{Deserialize, Serialize};

word_enum! {
    /// Whether an order buys or sells.
    Side ("side") {
        /// Cash for shares.
        Buy = "buy",
        /// Shares for cash. Only shares that are owned can be sold.
        Sell = "sell",
    }

    /// How an order is priced.
    OrderType ("order_type") {
        /// At the price of the market; a buy at most the collar above the offer it met.
        Market = "market",
        /// At a limit or better.
        Limit = "limit",
        /// A market order once the last price touches the stop.
        Stop = "stop",
        /// A limit order once the last price touches the stop.
        StopLimit = "stop_limit",
    }

    /// How long an order works.
    TimeInForce ("time_in_force") {
        /// To the end of the session.
        Day = "day",
        /// Until it is cancelled.
        Gtc = "gtc",
        /// Against the quote it meets; the remainder is cancelled.
        Ioc = "ioc",
        /// Completely against the quote it meets, or not at all.
        Fok = "fok",
    }
}

impl TimeInForce {
    /// Whether the order is done, one way or the other, when it has been placed.
    pub const fn is_immediate(self) -> bool {
        matches!(self, Self::Ioc | Self::Fok)
    }
}

/// The type of an order with the prices that the type needs, and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pricing {
    /// A market order.
    Market,
    /// A limit order.
    Limit {
        /// The worst price it accepts.
        limit: Price,
    },
    /// A stop order.
    Stop {
        /// The price of the last trade that elects it.
        stop: Price,
    },
    /// A stop order that becomes a limit order.
    StopLimit {
        /// The price of the last trade that elects it.
        stop: Price,
        /// The worst price it accepts from then on.
        limit: Price,
    },
}

impl Pricing {
    /// The pricing of a type with the prices beside it, as a form or a row has them.
    ///
    /// # Errors
    /// [`FieldError`] for the first price that is missing or does not belong to the type.
    pub fn from_parts(
        order_type: OrderType,
        limit_price: Option<Price>,
        stop_price: Option<Price>,
    ) -> Result<Self, FieldError> {
        let wanted = |field: &'static str, price: Option<Price>| {
            price.ok_or(FieldError {
                field,
                problem: FieldProblem::Missing,
            })
        };
        let unwanted = |field: &'static str, price: Option<Price>| match price {
            Some(_) => Err(FieldError {
                field,
                problem: FieldProblem::Unexpected { order_type },
            }),
            None => Ok(()),
        };
        match order_type {
            OrderType::Market => {
                unwanted("limit_price", limit_price)?;
                unwanted("stop_price", stop_price)?;
                Ok(Self::Market)
            }
            OrderType::Limit => {
                unwanted("stop_price", stop_price)?;
                Ok(Self::Limit {
                    limit: wanted("limit_price", limit_price)?,
                })
            }
            OrderType::Stop => {
                unwanted("limit_price", limit_price)?;
                Ok(Self::Stop {
                    stop: wanted("stop_price", stop_price)?,
                })
            }
            OrderType::StopLimit => Ok(Self::StopLimit {
                limit: wanted("limit_price", limit_price)?,
                stop: wanted("stop_price", stop_price)?,
            }),
        }
    }

    /// The type.
    pub const fn order_type(self) -> OrderType {
        match self {
            Self::Market => OrderType::Market,
            Self::Limit { .. } => OrderType::Limit,
            Self::Stop { .. } => OrderType::Stop,
            Self::StopLimit { .. } => OrderType::StopLimit,
        }
    }

    /// The limit, for the types that have one.
    pub const fn limit_price(self) -> Option<Price> {
        match self {
            Self::Limit { limit } | Self::StopLimit { limit, .. } => Some(limit),
            Self::Market | Self::Stop { .. } => None,
        }
    }

    /// The stop, for the types that have one.
    pub const fn stop_price(self) -> Option<Price> {
        match self {
            Self::Stop { stop } | Self::StopLimit { stop, .. } => Some(stop),
            Self::Market | Self::Limit { .. } => None,
        }
    }
}

/// What a valid order asks for: a quantity above zero and a type, prices and time in force that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "FlatTerms", try_from = "FlatTerms")]
pub struct OrderTerms {
    symbol: Symbol,
    side: Side,
    quantity: Quantity,
    pricing: Pricing,
    time_in_force: TimeInForce,
}

impl OrderTerms {
    /// The terms of a market order for the day; [`OrderTerms::with`] changes the pricing and the time in force.
    ///
    /// # Errors
    /// [`FieldProblem::Number`] for a quantity of zero.
    pub fn market(symbol: Symbol, side: Side, quantity: Quantity) -> Result<Self, FieldError> {
        if quantity.is_zero() {
            return Err(FieldError {
                field: "quantity",
                problem: FieldProblem::ZeroQuantity,
            });
        }
        Ok(Self {
            symbol,
            side,
            quantity,
            pricing: Pricing::Market,
            time_in_force: TimeInForce::Day,
        })
    }

    /// The same with another pricing and time in force.
    ///
    /// # Errors
    /// [`FieldProblem::TimeInForceUnsupported`] for a stop that should execute at once.
    pub fn with(self, pricing: Pricing, time_in_force: TimeInForce) -> Result<Self, FieldError> {
        if pricing.stop_price().is_some() && time_in_force.is_immediate() {
            let problem = FieldProblem::TimeInForceUnsupported {
                order_type: pricing.order_type(),
                time_in_force,
            };
            return Err(FieldError {
                field: "time_in_force",
                problem,
            });
        }
        Ok(Self {
            pricing,
            time_in_force,
            ..self
        })
    }

    /// The instrument.
    pub const fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// Buy or sell.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// How many shares, more than zero.
    pub const fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// The type with its prices.
    pub const fn pricing(&self) -> Pricing {
        self.pricing
    }

    /// How long the order works.
    pub const fn time_in_force(&self) -> TimeInForce {
        self.time_in_force
    }

    /// The same for another quantity, which the caller has found to be more than zero.
    pub(super) const fn for_quantity(self, quantity: Quantity) -> Self {
        Self { quantity, ..self }
    }
}

/// The terms with one field for each column, as they are written out.
#[derive(Serialize, Deserialize)]
struct FlatTerms {
    symbol: Symbol,
    side: Side,
    order_type: OrderType,
    quantity: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_price: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<Price>,
    time_in_force: TimeInForce,
}

impl From<OrderTerms> for FlatTerms {
    fn from(terms: OrderTerms) -> Self {
        Self {
            symbol: terms.symbol,
            side: terms.side,
            order_type: terms.pricing.order_type(),
            quantity: terms.quantity,
            limit_price: terms.pricing.limit_price(),
            stop_price: terms.pricing.stop_price(),
            time_in_force: terms.time_in_force,
        }
    }
}

impl TryFrom<FlatTerms> for OrderTerms {
    type Error = FieldError;

    fn try_from(flat: FlatTerms) -> Result<Self, FieldError> {
        let pricing = Pricing::from_parts(flat.order_type, flat.limit_price, flat.stop_price)?;
        Self::market(flat.symbol, flat.side, flat.quantity)?.with(pricing, flat.time_in_force)
    }
}
