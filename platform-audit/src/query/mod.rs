//! Finding events.

mod audited;
mod filter;
mod list;
mod one;
mod reader;
mod search;
mod statement;

pub use audited::{TRAIL_READ, trail_read};
pub use filter::{EventFilter, InvalidFilter};
pub use list::EventList;
pub use reader::Reader;
pub use search::SearchError;
pub(crate) use statement::{arguments, filter_conditions};
