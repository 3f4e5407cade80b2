//! What an event of an account holds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Opening;
use crate::{Event, OrderId, Transfer};

/// Something that happened to an account.
///
/// Stored as a kind and a payload; [`AccountEvent::from_stored`] reads what [`AccountEvent::payload`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// The account was opened with its first deposit.
    Opened {
        /// The deposit.
        transfer: Transfer,
    },
    /// The account as it was when the log began.
    Opening(Opening),
    /// Cash was paid in.
    Deposit {
        /// What moved.
        transfer: Transfer,
    },
    /// Cash was paid out.
    Withdrawal {
        /// What moved.
        transfer: Transfer,
    },
    /// Something happened to an order.
    Order(Event),
}

/// A stored event is not one that this release knows.
#[derive(Debug, thiserror::Error)]
#[error("the event of kind {kind} cannot be read")]
pub struct EventError {
    /// The kind that is stored with it.
    pub kind: String,
    #[source]
    source: serde_json::Error,
}

#[derive(Serialize, Deserialize)]
struct Paid {
    transfer: Transfer,
}

impl AccountEvent {
    /// The word for the kind of event.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Opening(_) => "opening",
            Self::Deposit { .. } => "deposit",
            Self::Withdrawal { .. } => "withdrawal",
            Self::Order(event) => event.kind(),
        }
    }

    /// The order it happened to; `None` for what happened to the account.
    pub const fn order_id(&self) -> Option<OrderId> {
        match self {
            Self::Order(event) => Some(event.order_id()),
            _ => None,
        }
    }

    /// What is stored besides the kind: an object.
    ///
    /// # Errors
    /// [`EventError`] for a value that JSON cannot hold, which no event of this crate has.
    pub fn payload(&self) -> Result<Value, EventError> {
        let payload = match self {
            Self::Opened { transfer } | Self::Deposit { transfer } | Self::Withdrawal { transfer } => {
                serde_json::to_value(Paid { transfer: *transfer })
            }
            Self::Opening(opening) => serde_json::to_value(opening),
            Self::Order(event) => serde_json::to_value(event),
        };
        payload.map_err(|source| EventError {
            kind: self.kind().to_owned(),
            source,
        })
    }

    /// The event that was stored as this kind and payload.
    ///
    /// # Errors
    /// [`EventError`] when the payload is none of the kind: a newer release has written it, or it is damaged.
    pub fn from_stored(kind: &str, payload: Value) -> Result<Self, EventError> {
        let paid = |payload| serde_json::from_value(payload).map(|Paid { transfer }| transfer);
        let read = match kind {
            "opened" => paid(payload).map(|transfer| Self::Opened { transfer }),
            "opening" => serde_json::from_value(payload).map(Self::Opening),
            "deposit" => paid(payload).map(|transfer| Self::Deposit { transfer }),
            "withdrawal" => paid(payload).map(|transfer| Self::Withdrawal { transfer }),
            _ => serde_json::from_value(payload).and_then(|event: Event| {
                if event.kind() == kind {
                    Ok(Self::Order(event))
                } else {
                    Err(serde::de::Error::custom("the payload is of another kind"))
                }
            }),
        };
        read.map_err(|source| EventError {
            kind: kind.to_owned(),
            source,
        })
    }
}
