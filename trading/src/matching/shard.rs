//! Which orders a matcher looks after.

use std::num::NonZeroU16;

use crate::Symbol;

/// How the symbols are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shards(NonZeroU16);

/// Orders that are matched by one: of all symbols, or of those of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    All,
    Shard(u16),
}

impl Part {
    /// Whether a shard belongs to it.
    #[cfg(feature = "http")]
    pub(crate) fn has(self, shard: u16) -> bool {
        match self {
            Self::All => true,
            Self::Shard(own) => own == shard,
        }
    }
}

impl Shards {
    pub(crate) const fn new(count: NonZeroU16) -> Self {
        Self(count)
    }

    pub(crate) const fn count(self) -> u16 {
        self.0.get()
    }

    /// The shard of a symbol: FNV-1a of its characters, which is the same in every release and on every machine.
    pub(crate) fn of(self, symbol: Symbol) -> u16 {
        let hash = symbol.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        // The remainder is smaller than a count that fits.
        u16::try_from(hash % u32::from(self.0.get())).unwrap_or(0)
    }

    /// Whether a symbol belongs to a part.
    pub(crate) fn is_in(self, part: Part, symbol: Symbol) -> bool {
        match part {
            Part::All => true,
            Part::Shard(shard) => self.of(symbol) == shard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_stays_in_its_shard() {
        let shards = Shards::new(NonZeroU16::new(8).unwrap());
        let of = |text: &str| shards.of(text.parse().unwrap());

        // Whoever changes these has two releases match the same orders while one is replaced by the other.
        assert_eq!(["AAPL", "IBM", "MSFT", "BRK.B"].map(of), [3, 5, 3, 2]);
    }

    #[test]
    fn every_symbol_is_in_one_shard() {
        let shards = Shards::new(NonZeroU16::new(3).unwrap());
        for number in 0..100 {
            let symbol = format!("S{number}").parse().unwrap();
            let parts = (0..3).map(Part::Shard);
            assert_eq!(parts.filter(|part| shards.is_in(*part, symbol)).count(), 1);
        }
        assert_eq!(Shards::new(NonZeroU16::MIN).of("AAPL".parse().unwrap()), 0);
    }
}
