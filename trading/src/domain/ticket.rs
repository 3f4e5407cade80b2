//! An order as a client writes it, and everything that can be wrong with one.

use super::terms::{OrderTerms, OrderType, Pricing, Side, TimeInForce};
use super::{
    ClientOrderId, DecimalError, DecimalText, ParseSymbolError, Price, Quantity, Symbol, UnknownWord,
};
use serde::Deserialize;
use std::str::FromStr;

/// The fields of an order before anything is checked.
///
/// Every field is optional and every value is text here, so that [`Ticket::validate`] can name all problems at once. A field
/// with another name is refused when the ticket is read: a mistyped `limit_price` must not make a market order.
///
/// ```
/// use trading::Ticket;
///
/// let ticket: Ticket = serde_json::from_str(
///     r#"{ "symbol": "AAPL", "side": "buy", "order_type": "limit", "quantity": 0.0000001 }"#,
/// )?;
/// let problems = ticket.validate().unwrap_err();
/// let codes: Vec<_> = problems.iter().map(|problem| (problem.field, problem.problem.code())).collect();
/// assert_eq!(codes, [("quantity", "too_many_decimals"), ("limit_price", "missing_field")]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(
    feature = "http",
    derive(utoipa::ToSchema),
    schema(description = "An order to place.")
)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// The instrument.
    #[cfg_attr(feature = "http", schema(value_type = Symbol, required = true))]
    pub symbol: Option<String>,
    /// `buy` or `sell`.
    #[cfg_attr(feature = "http", schema(value_type = Side, required = true))]
    pub side: Option<String>,
    /// `market`, `limit`, `stop` or `stop_limit`.
    #[cfg_attr(feature = "http", schema(value_type = OrderType, required = true))]
    pub order_type: Option<String>,
    /// How many shares, at most six decimals.
    #[cfg_attr(feature = "http", schema(value_type = DecimalText, required = true))]
    pub quantity: Option<DecimalText>,
    /// The limit, for `limit` and `stop_limit`; at most four decimals.
    pub limit_price: Option<DecimalText>,
    /// The stop, for `stop` and `stop_limit`; at most four decimals.
    pub stop_price: Option<DecimalText>,
    /// `day` (the default), `gtc`, `ioc` or `fok`.
    #[cfg_attr(feature = "http", schema(value_type = Option<TimeInForce>))]
    pub time_in_force: Option<String>,
    /// A name the client gives the order, unique within its account for ever.
    pub client_order_id: Option<ClientOrderId>,
}

/// One thing that is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// The field.
    pub field: &'static str,
    /// What is wrong.
    pub problem: FieldProblem,
}

/// What can be wrong with a field of an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldProblem {
    /// The order needs the field.
    #[error("the order needs this field")]
    Missing,
    /// The type of order has no such field.
    #[error("a {order_type} order has no such field")]
    Unexpected {
        /// The type of order.
        order_type: OrderType,
    },
    /// Not an amount of the right kind.
    #[error(transparent)]
    Number(#[from] DecimalError),
    /// An order for nothing.
    #[error("an order is for more than nothing")]
    ZeroQuantity,
    /// Not one of the words the field knows.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// Not a symbol.
    #[error(transparent)]
    Symbol(#[from] ParseSymbolError),
    /// The type of order does not work with the time in force.
    #[error("a {order_type} order cannot be {time_in_force}")]
    TimeInForceUnsupported {
        /// The type of order.
        order_type: OrderType,
        /// The time in force.
        time_in_force: TimeInForce,
    },
    /// An order that rests cannot become one that does not.
    #[error("an open order cannot become {time_in_force}")]
    TimeInForceFixed {
        /// The time in force.
        time_in_force: TimeInForce,
    },
}

impl FieldProblem {
    /// The stable code of the problem, for clients.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing_field",
            Self::Unexpected { .. } => "unexpected_field",
            Self::Number(error) => error.code(),
            Self::ZeroQuantity => "out_of_range",
            Self::Word(_) => "unknown_value",
            Self::Symbol(_) => "malformed_symbol",
            Self::TimeInForceUnsupported { .. } | Self::TimeInForceFixed { .. } => {
                "unsupported_time_in_force"
            }
        }
    }
}

impl Ticket {
    /// The terms that the ticket asks for.
    ///
    /// # Errors
    /// Every problem of every field, in the order of the fields.
    pub fn validate(&self) -> Result<OrderTerms, Vec<FieldError>> {
        let mut problems = Vec::new();
        let symbol = required::<Symbol>("symbol", self.symbol.as_deref(), &mut problems);
        let side = required::<Side>("side", self.side.as_deref(), &mut problems);
        let order_type = required::<OrderType>("order_type", self.order_type.as_deref(), &mut problems);
        let quantity = required::<Quantity>("quantity", text(self.quantity.as_ref()), &mut problems);
        let pricing = self.pricing(order_type, &mut problems);
        let time_in_force = optional("time_in_force", self.time_in_force.as_deref(), &mut problems);

        let market = keep(
            symbol
                .zip(side)
                .zip(quantity)
                .map(|((symbol, side), quantity)| OrderTerms::market(symbol, side, quantity)),
            &mut problems,
        );
        let terms = keep(
            market
                .zip(pricing)
                .map(|(market, pricing)| market.with(pricing, time_in_force.unwrap_or(TimeInForce::Day))),
            &mut problems,
        );
        match terms {
            Some(terms) if problems.is_empty() => Ok(terms),
            _ => Err(problems),
        }
    }

    fn pricing(&self, order_type: Option<OrderType>, problems: &mut Vec<FieldError>) -> Option<Pricing> {
        let before = problems.len();
        let limit_price = optional::<Price>("limit_price", text(self.limit_price.as_ref()), problems);
        let stop_price = optional::<Price>("stop_price", text(self.stop_price.as_ref()), problems);
        // A price that could not be read is present all the same; calling it missing too would mislead.
        if problems.len() > before {
            return None;
        }
        keep(
            order_type.map(|order_type| Pricing::from_parts(order_type, limit_price, stop_price)),
            problems,
        )
    }
}

pub(super) fn text(number: Option<&DecimalText>) -> Option<&str> {
    number.map(DecimalText::as_str)
}

fn required<T>(field: &'static str, text: Option<&str>, problems: &mut Vec<FieldError>) -> Option<T>
where
    T: FromStr<Err: Into<FieldProblem>>,
{
    if text.is_none() {
        problems.push(FieldError {
            field,
            problem: FieldProblem::Missing,
        });
    }
    optional(field, text, problems)
}

pub(super) fn optional<T>(
    field: &'static str,
    text: Option<&str>,
    problems: &mut Vec<FieldError>,
) -> Option<T>
where
    T: FromStr<Err: Into<FieldProblem>>,
{
    let parsed = text?.parse::<T>().map_err(|error| FieldError {
        field,
        problem: error.into(),
    });
    keep(Some(parsed), problems)
}

fn keep<T>(result: Option<Result<T, FieldError>>, problems: &mut Vec<FieldError>) -> Option<T> {
    match result? {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}
