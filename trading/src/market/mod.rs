//! Market data: where quotes come from, what the current quote is, and how much of it is left to trade.
//!
//! A [`MarketFeed`] makes prices, from a file of real data or from a seeded simulation. A [`MarketWorker`] moves it along with the
//! clock and publishes on a [`QuoteBoard`], which numbers the quotes, keeps the newest of each symbol, gives each displayed share
//! to one taker only, and wakes the [`QuoteStream`]s.
//!
//! ```
//! use platform_core::{ManualClock, SeededRandom, Sources};
//! use trading::{BoardConfig, MarketFeed, QuoteBoard, ReplayConfig, ReplayData, SimulatorConfig};
//!
//! let sources = Sources::new(
//!     ManualClock::starting_at(time::macros::datetime!(2026-01-02 15:00 UTC)),
//!     SeededRandom::new(1),
//! );
//! let data = ReplayData::bundled()?;
//! let mut feed = MarketFeed::replay(data, ReplayConfig::default(), SimulatorConfig::default());
//! let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
//!
//! let updates = feed.advance(sources.now());
//! board.publish(sources.now(), updates);
//!
//! let apple = board.latest("AAPL".parse()?).ok_or("not quoted")?;
//! assert_eq!(apple.last.to_string(), "118.56");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bars;
mod board;
mod calendar;
mod control;
mod feed;
mod halts;
mod instrument;
mod liquidity;
mod metrics;
mod played;
mod quote;
mod remote;
mod replay;
#[cfg(feature = "http")]
mod sharing;
mod simulator;
mod snapshot;
mod stream;
mod units;
mod worker;

pub(crate) use bars::{BarRecorder, Finished};
pub use bars::{MarketBar, Timeframe, UnknownTimeframe, Volume};
pub use board::{BoardConfig, QuoteBoard};
pub use calendar::{Calendar, MarketClock, Session, TradingDay};
pub use control::{InvalidMarketSpeed, MarketSpeed};
pub(crate) use control::{MarketControl, MarketSettings};
pub use feed::MarketFeed;
pub use instrument::Instrument;
pub use liquidity::{Liquidity, NotTaken, Reservation, TakeRequest};
pub use metrics::{MarketMetrics, QuoteAge};
pub use quote::{PublishedQuote, Quote, QuoteSource, QuoteUpdate};
pub use remote::{Followed, FromTheFuture, QuoteFrame, RemoteFeed};
pub use replay::{
    Alignment, Bar, DayPath, MalformedRow, ReplayConfig, ReplayData, ReplayError, ReplaySpeed,
    SESSION_SECONDS, SpeedOutOfRange,
};
#[cfg(feature = "http")]
pub(crate) use sharing::MarketSharing;
#[cfg(feature = "http")]
pub use sharing::SharedMarket;
pub use simulator::SimulatorConfig;
pub use stream::{QuoteBatch, QuoteStream};
pub use worker::MarketWorker;
