//! What an event of an account holds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Opening, OrderRecord};
use crate::{AlertDirection, AlertId, Event, OrderId, Price, Symbol, Transfer};

/// The kind of an alert that fired.
pub(crate) const ALERT_FIRED: &str = "alert_fired";

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
    /// An alert of the account fired, which moves nothing: it is in the log so that its owner is told of it once and in its place.
    AlertFired(FiredPrice),
    /// Something happened to an order.
    Order {
        /// What.
        event: Event,
        /// What is stored of the order beside it, after the event; `None` in what releases wrote that did not say.
        record: Option<OrderRecord>,
    },
}

/// The price of an alert that fired, and the last price that fired it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiredPrice {
    /// The alert.
    pub alert_id: AlertId,
    /// Whose price.
    pub symbol: Symbol,
    /// On which side of the price it fires.
    pub direction: AlertDirection,
    /// The price.
    pub price: Price,
    /// The last price that was at it or beyond.
    pub fired_price: Price,
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

/// Under what name the record stands among the fields of an event.
const RECORD: &str = "record";

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
            Self::AlertFired(_) => ALERT_FIRED,
            Self::Order { event, .. } => event.kind(),
        }
    }

    /// The order it happened to; `None` for what happened to the account.
    pub const fn order_id(&self) -> Option<OrderId> {
        match self {
            Self::Order { event, .. } => Some(event.order_id()),
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
            Self::AlertFired(fired) => serde_json::to_value(fired),
            Self::Order { event, record } => serde_json::to_value(event).and_then(|mut payload| {
                if let (Some(record), Value::Object(fields)) = (record, &mut payload) {
                    fields.insert(RECORD.to_owned(), serde_json::to_value(record)?);
                }
                Ok(payload)
            }),
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
            ALERT_FIRED => serde_json::from_value(payload).map(Self::AlertFired),
            _ => order_event(kind, payload),
        };
        read.map_err(|source| EventError {
            kind: kind.to_owned(),
            source,
        })
    }
}

fn order_event(kind: &str, mut payload: Value) -> Result<AccountEvent, serde_json::Error> {
    let record = payload.as_object_mut().and_then(|fields| fields.remove(RECORD));
    let record = record.map(serde_json::from_value).transpose()?;
    let event: Event = serde_json::from_value(payload)?;
    if event.kind() == kind {
        Ok(AccountEvent::Order { event, record })
    } else {
        Err(serde::de::Error::custom("the payload is of another kind"))
    }
}
