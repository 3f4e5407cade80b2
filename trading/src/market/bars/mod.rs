//! Bars of the quotes: what a symbol cost in a second, a minute, a day.

mod bar;
mod reading;
mod recorder;
mod timeframe;

pub use bar::{MarketBar, Volume};
pub(crate) use recorder::{BarRecorder, Finished};
pub use timeframe::{Timeframe, UnknownTimeframe};
