//! The log of an account: what an event holds, and what the events rebuild.
//!
//! Nothing in here reads a clock or a database, as in the rules themselves, which carry the events out.

mod books;
mod event;
mod opening;

pub use books::{AccountBooks, BooksError};
pub use event::{AccountEvent, EventError};
pub use opening::Opening;
