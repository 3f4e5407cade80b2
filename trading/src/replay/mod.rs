//! The log of an account: what an event holds, and what the events rebuild.
//!
//! Nothing in here reads a clock or a database, as in the rules themselves, which carry the events out.

mod books;
mod event;
mod opening;
mod order;
mod state;

pub use books::{AccountBooks, BooksError};
#[cfg(feature = "http")]
pub(crate) use event::ALERT_FIRED;
pub use event::{AccountEvent, EventError, FiredPrice};
pub use opening::Opening;
pub use order::{BookedOrder, OrderRecord};
pub use state::BooksState;
