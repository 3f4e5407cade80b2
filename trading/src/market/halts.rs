//! Symbols in which trading is halted.

use platform_core::Timestamp;

use super::QuoteBoard;
use super::snapshot::Snapshot;
use crate::Symbol;

impl QuoteBoard {
    /// Halts trading in a symbol: its quote is published once more as halted, and from then on nothing is taken of it and no new one
    /// appears. `false` when it was halted already or the board does not have it.
    pub fn halt(&self, symbol: Symbol, at: Timestamp) -> bool {
        let Some(slot) = self.inner.universe.slot(symbol) else {
            return false;
        };
        let mut publishing = self.publishing();
        if !publishing.halted.insert(slot) {
            return false;
        }
        let previous = self.snapshot();
        if let Some(Some(quote)) = previous.quotes.get(slot) {
            let mut next = Snapshot::after(&previous);
            let mut quote = (***quote).clone();
            quote.halted = true;
            quote.at = at;
            self.number(&mut quote, &mut next);
            self.put(slot, quote, &mut next);
            self.make_current(next);
        }
        true
    }

    /// Lets trading in a symbol go on, from its next quote on: the one of the halt is not traded on. `false` when it was not halted.
    pub fn resume(&self, symbol: Symbol) -> bool {
        let slot = self.inner.universe.slot(symbol);
        slot.is_some_and(|slot| self.publishing().halted.remove(&slot))
    }

    /// Whether trading in a symbol is halted.
    pub fn is_halted(&self, symbol: Symbol) -> bool {
        let slot = self.inner.universe.slot(symbol);
        slot.is_some_and(|slot| self.publishing().halted.contains(&slot))
    }
}
