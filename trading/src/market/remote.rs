//! Quotes that another instance publishes: of several, one leads and the others show what it says.

use std::sync::Arc;

use platform_core::Timestamp;
use prometheus_client::metrics::counter::Counter;
use serde::{Deserialize, Serialize};

use super::snapshot::Snapshot;
use super::{PublishedQuote, Quote, QuoteBoard};

/// Quotes as they were published, to be sent to other instances; as JSON or in any other form of serde.
///
/// Frames may be lost, doubled and overtaken on their way. Each says which number it follows, so that a loss is noticed; a frame with
/// [everything](QuoteBoard::whole_frame) now and then makes up for it, and is where an instance begins that comes later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteFrame {
    /// The number of the newest quote before these; 0 where there was none, or the frame follows nothing.
    pub previous_seq: u64,
    /// The quotes, in the order of their numbers, at most one for each symbol.
    pub quotes: Vec<Quote>,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Followed {
    /// Quotes that are current now.
    pub published: usize,
    /// Quotes that were known, or older than what is known of their symbol.
    pub late: usize,
    /// Whether frames before this one have not come, at least not yet. The next quotes of their symbols make up for them.
    pub missed: bool,
}

/// A frame cannot be followed: its quotes would stay fresh for too long here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the frame is from the future: the clocks of the instances differ by more than a quote may be old")]
pub struct FromTheFuture;

/// Shows on a board what another instance publishes.
///
/// Numbers and times are the leader's. A quote that is not newer than the one on the board is dropped, and so nothing fills twice and no
/// price comes back. When the leader, or what brings its frames, falls silent the quotes grow stale, by this instance's clock, and nothing is traded until
/// somebody leads again. Whoever does has followed before, and goes on with greater numbers even if its clock is behind.
///
/// ```
/// use time::macros::datetime;
/// use trading::{BoardConfig, MarketFeed, QuoteBoard, RemoteFeed, SimulatorConfig};
///
/// let now = datetime!(2026-01-02 15:00 UTC);
/// let mut feed = MarketFeed::simulated(SimulatorConfig::default());
/// let [leader, follower] = [(); 2].map(|()| QuoteBoard::new(feed.instruments(), BoardConfig::default()));
/// leader.publish(now, feed.advance(now));
///
/// let frame = serde_json::to_string(&leader.frame().ok_or("nothing was published")?)?;
/// let followed = RemoteFeed::new(&follower).take(now, serde_json::from_str(&frame)?)?;
///
/// assert_eq!(followed.published, 20);
/// assert_eq!(follower.latest("AAPL".parse()?).map(|quote| quote.seq), leader.latest("AAPL".parse()?).map(|quote| quote.seq));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RemoteFeed {
    board: QuoteBoard,
    missed: Counter,
}

impl RemoteFeed {
    /// A feed that shows on `board` what it is given.
    pub fn new(board: &QuoteBoard) -> Self {
        Self {
            board: board.clone(),
            missed: Counter::default(),
        }
    }

    /// Times that frames were missed. Register it as `quote_frames_missed`.
    pub fn missed(&self) -> Counter {
        self.missed.clone()
    }

    /// Shows what is newer than what the board has. Symbols that it does not have are left out, and so is a symbol in which trading is
    /// halted here, unless the leader says so too.
    ///
    /// # Errors
    /// [`FromTheFuture`]; the board is as it was.
    pub fn take(&self, now: Timestamp, frame: QuoteFrame) -> Result<Followed, FromTheFuture> {
        let board = &self.board;
        if frame
            .quotes
            .iter()
            .any(|quote| quote.at - now > board.stale_after())
        {
            return Err(FromTheFuture);
        }
        let mut publishing = board.publishing();
        let mut next = Snapshot::after(&board.snapshot());
        let mut followed = Followed {
            missed: next.seq != 0 && frame.previous_seq > next.seq,
            ..Followed::default()
        };
        for quote in frame.quotes {
            let Some(slot) = board.inner.universe.slot(quote.symbol) else {
                continue;
            };
            if quote.seq <= next.seq_of(slot) {
                followed.late += 1;
            } else if quote.halted || !publishing.halted.contains(&slot) {
                board.put(slot, quote, &mut next);
            }
        }
        if followed.missed {
            self.missed.inc();
        }
        board.note(&mut publishing, &next, now);
        followed.published = board.make_current(next);
        Ok(followed)
    }
}

impl QuoteBoard {
    /// The batch that was published last, for other instances. `None` before the first.
    pub fn frame(&self) -> Option<QuoteFrame> {
        let snapshot = self.snapshot();
        let batch = snapshot.batch().map(|(_, quote)| quote);
        frame(snapshot.previous_seq, batch)
    }

    /// Every current quote, for instances that have missed some. `None` before the first.
    pub fn whole_frame(&self) -> Option<QuoteFrame> {
        frame(0, self.snapshot().quotes.iter().flatten())
    }
}

fn frame<'q>(previous_seq: u64, quotes: impl Iterator<Item = &'q Arc<PublishedQuote>>) -> Option<QuoteFrame> {
    let mut quotes: Vec<Quote> = quotes.map(|quote| (***quote).clone()).collect();
    quotes.sort_by_key(|quote| quote.seq);
    (!quotes.is_empty()).then_some(QuoteFrame { previous_seq, quotes })
}
