//! The bars of a board.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use super::super::QuoteBoard;
use super::{BarRecorder, MarketBar, Timeframe};
use crate::Symbol;

impl QuoteBoard {
    /// What this board has recorded of a symbol and is not stored, the oldest bar first, with the one that is being made: of a second the
    /// last hour, of a minute and a day what has not been stored yet.
    pub fn recorded(&self, symbol: Symbol, timeframe: Timeframe) -> Vec<MarketBar> {
        let Some(slot) = self.inner.universe.slot(symbol) else {
            return Vec::new();
        };
        let recorder = self.recorder();
        if timeframe == Timeframe::Second {
            return recorder.seconds(slot).copied().collect();
        }
        let mut bars: BTreeMap<_, MarketBar> = BTreeMap::new();
        for minute in recorder.minutes(slot, symbol) {
            let start = timeframe.start_of(minute.start);
            bars.entry(start)
                .and_modify(|bar| bar.merge(minute))
                .or_insert(MarketBar { start, ..*minute });
        }
        bars.into_values().collect()
    }

    pub(crate) fn recorder(&self) -> MutexGuard<'_, BarRecorder> {
        self.inner.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
