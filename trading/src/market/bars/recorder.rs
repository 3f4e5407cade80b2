//! Quotes as they come become bars, in bounded memory.

use std::collections::VecDeque;

use platform_core::Timestamp;
use prometheus_client::metrics::counter::Counter;

use super::{MarketBar, Timeframe};
use crate::{Quote, Symbol};

/// Bars of a second that are kept of a symbol: an hour, where there is a quote each second.
const SECONDS_EACH: usize = 3_600;
/// Bars of a second that are kept in all, about 60 MB of them.
const SECONDS_MAX: usize = 500_000;
/// Bars of a minute that wait to be stored, about 12 MB of them.
const WAITING_MAX: usize = 100_000;

/// The newest bars of each symbol of a board, by its slot.
#[derive(Debug)]
pub(crate) struct BarRecorder {
    slots: Vec<Slot>,
    seconds_each: usize,
    /// Minutes that are over and not stored yet.
    waiting: VecDeque<MarketBar>,
    /// How many left `waiting` before the first that is in it.
    left: u64,
    /// How many of these were not stored, because the database was away for too long.
    lost: Counter,
}

#[derive(Debug, Default)]
struct Slot {
    /// The last one is not over yet.
    seconds: VecDeque<MarketBar>,
    minute: Option<MarketBar>,
}

/// Bars to store, and where they end among all that ever were.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) bars: Vec<MarketBar>,
    end: u64,
}

impl BarRecorder {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots: (0..slots).map(|_| Slot::default()).collect(),
            seconds_each: SECONDS_EACH.min(SECONDS_MAX / slots.max(1)).max(1),
            waiting: VecDeque::new(),
            left: 0,
            lost: Counter::default(),
        }
    }

    /// Counts a quote. One whose time is before that of the bar that is being made, because the clock was set back, counts in it.
    pub(crate) fn record(&mut self, slot: usize, quote: &Quote) {
        let Some(Slot { seconds, minute }) = self.slots.get_mut(slot) else {
            return;
        };
        let second = MarketBar::of(quote, Timeframe::Second.start_of(quote.at));
        match seconds.back_mut() {
            Some(last) if second.start <= last.start => last.merge(&second),
            _ => {
                if seconds.len() >= self.seconds_each {
                    seconds.pop_front();
                }
                seconds.push_back(second);
            }
        }
        let new = MarketBar::of(quote, Timeframe::Minute.start_of(quote.at));
        let over = match minute {
            Some(current) if new.start <= current.start => {
                current.merge(&new);
                None
            }
            _ => minute.replace(new),
        };
        self.wait(over);
    }

    /// Puts what is over at `now` among the bars to store.
    pub(crate) fn finish(&mut self, now: Timestamp) {
        self.finish_where(|minute| minute.start + Timeframe::Minute.length() <= now);
    }

    /// Puts everything among the bars to store, because nothing may come any more. What comes nevertheless makes another bar of the
    /// same minute.
    pub(crate) fn finish_all(&mut self) {
        self.finish_where(|_| true);
    }

    fn finish_where(&mut self, is_over: impl Fn(&MarketBar) -> bool) {
        for slot in 0..self.slots.len() {
            let minute = self.slots.get_mut(slot).map(|slot| &mut slot.minute);
            let over = minute.and_then(|minute| minute.take_if(|bar| is_over(bar)));
            self.wait(over);
        }
    }

    fn wait(&mut self, over: Option<MarketBar>) {
        let Some(bar) = over else { return };
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
            self.left += 1;
            self.lost.inc();
        }
        self.waiting.push_back(bar);
    }

    /// The oldest bars to store, at most `limit`. They stay until they [are](Self::stored).
    pub(crate) fn finished(&self, limit: usize) -> Finished {
        let bars: Vec<_> = self.waiting.iter().take(limit).copied().collect();
        let end = self.left + u64::try_from(bars.len()).unwrap_or(u64::MAX);
        Finished { bars, end }
    }

    /// These are stored.
    pub(crate) fn stored(&mut self, finished: &Finished) {
        while self.left < finished.end && self.waiting.pop_front().is_some() {
            self.left += 1;
        }
    }

    /// The bars that are to be stored, of which another instance may have stored some.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &MarketBar> {
        self.waiting.iter()
    }

    /// Leaves out those of the bars to store of which this is true. None may be on their way to the database.
    pub(crate) fn leave_out(&mut self, is_stored: impl Fn(&MarketBar) -> bool) {
        let before = self.waiting.len();
        self.waiting.retain(|bar| !is_stored(bar));
        self.left += u64::try_from(before - self.waiting.len()).unwrap_or(0);
    }

    /// How many bars were lost before they were stored.
    pub(crate) fn lost(&self) -> Counter {
        self.lost.clone()
    }

    /// The bars of a second that are known of a slot, the one that is being made included.
    pub(crate) fn seconds(&self, slot: usize) -> impl Iterator<Item = &MarketBar> {
        self.slots.get(slot).into_iter().flat_map(|slot| &slot.seconds)
    }

    /// The bars of a minute that are not stored, the one that is being made included.
    pub(crate) fn minutes(&self, slot: usize, symbol: Symbol) -> impl Iterator<Item = &MarketBar> {
        let waiting = self.waiting.iter().filter(move |bar| bar.symbol == symbol);
        let current = self.slots.get(slot).and_then(|slot| slot.minute.as_ref());
        waiting.chain(current)
    }
}
