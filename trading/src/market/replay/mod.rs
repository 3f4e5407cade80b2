//! Recorded data played as if it happened now.

mod bar;
mod data;
mod error;
mod lines;
mod parse;
mod player;
mod session;
mod speed;

pub use bar::{Bar, DayPath};
pub use data::ReplayData;
pub use error::{MalformedRow, ReplayError};
pub(super) use player::Replay;
pub use session::SESSION_SECONDS;
pub use speed::{Alignment, ReplayConfig, ReplaySpeed, SpeedOutOfRange};
