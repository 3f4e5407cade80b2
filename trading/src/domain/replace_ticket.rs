//! A change to an order as a client writes it.

use serde::Deserialize;

use super::replacement::Replacement;
use super::ticket::{FieldError, FieldProblem, optional, text};
use super::{DecimalText, Quantity};

/// The fields of a change to an order before anything is checked. A field that is left out, or `null`, stays as it is.
///
/// A field with another name is refused when the ticket is read: side, symbol and type of an order do not change. Neither does its
/// `client_order_id`: the name would be free again, and a first request that is sent once more would place a second order.
///
/// ```
/// use trading::ReplaceTicket;
///
/// let ticket: ReplaceTicket = serde_json::from_str(r#"{ "quantity": 5, "limit_price": "178.505" }"#)?;
/// let replacement = ticket.validate().map_err(|problems| format!("{problems:?}"))?;
/// assert_eq!(replacement.quantity, Some("5".parse()?));
/// assert_eq!(replacement.stop_price, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(
    feature = "http",
    derive(utoipa::ToSchema),
    schema(description = "What shall be different about an open order.")
)]
#[serde(deny_unknown_fields)]
pub struct ReplaceTicket {
    /// How many shares in all, those that are filled included; at most six decimals.
    pub quantity: Option<DecimalText>,
    /// The limit, of a `limit` or `stop_limit` order; at most four decimals.
    pub limit_price: Option<DecimalText>,
    /// The stop, of a `stop` or `stop_limit` order that still waits for it; at most four decimals.
    pub stop_price: Option<DecimalText>,
    /// `day` or `gtc`.
    #[cfg_attr(feature = "http", schema(value_type = Option<super::TimeInForce>))]
    pub time_in_force: Option<String>,
}

impl ReplaceTicket {
    /// The change that the ticket asks for.
    ///
    /// # Errors
    /// Every problem of every field, in the order of the fields. What depends on the order is checked with it, by
    /// [`Replacement::of`].
    pub fn validate(&self) -> Result<Replacement, Vec<FieldError>> {
        let mut problems = Vec::new();
        let quantity = optional::<Quantity>("quantity", text(self.quantity.as_ref()), &mut problems);
        if quantity.is_some_and(Quantity::is_zero) {
            problems.push(FieldError {
                field: "quantity",
                problem: FieldProblem::ZeroQuantity,
            });
        }
        let replacement = Replacement {
            quantity,
            limit_price: optional("limit_price", text(self.limit_price.as_ref()), &mut problems),
            stop_price: optional("stop_price", text(self.stop_price.as_ref()), &mut problems),
            time_in_force: optional("time_in_force", self.time_in_force.as_deref(), &mut problems),
        };
        if problems.is_empty() {
            Ok(replacement)
        } else {
            Err(problems)
        }
    }
}
