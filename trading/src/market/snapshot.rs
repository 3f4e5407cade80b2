//! The state of a board at one moment, shared by all who look at it.

use std::sync::{Arc, OnceLock};

use super::{Instrument, PublishedQuote};
use crate::Symbol;

/// The symbols of a board; the place of a symbol in the list is its slot.
#[derive(Debug)]
pub(super) struct Universe {
    pub(super) instruments: Vec<Instrument>,
}

impl Universe {
    pub(super) fn new(mut instruments: Vec<Instrument>) -> Self {
        instruments.sort_by_key(|instrument| instrument.symbol);
        instruments.dedup_by(|a, b| a.symbol == b.symbol);
        Self { instruments }
    }

    pub(super) fn slot(&self, symbol: Symbol) -> Option<usize> {
        self.instruments
            .binary_search_by(|instrument| instrument.symbol.cmp(&symbol))
            .ok()
    }
}

/// All quotes of one moment. Those with a number above `previous_seq` came with the last batch.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The number of the newest quote; 0 before the first.
    pub(super) seq: u64,
    /// `seq` of the snapshot before this one.
    pub(super) previous_seq: u64,
    pub(super) quotes: Vec<Option<Arc<PublishedQuote>>>,
    /// How many quotes the last batch had.
    pub(super) published: usize,
    batch_json: OnceLock<Arc<str>>,
}

impl Snapshot {
    pub(super) fn empty(slots: usize) -> Self {
        Self {
            seq: 0,
            previous_seq: 0,
            quotes: vec![None; slots],
            published: 0,
            batch_json: OnceLock::new(),
        }
    }

    pub(super) fn after(previous: &Self) -> Self {
        Self {
            seq: previous.seq,
            previous_seq: previous.seq,
            quotes: previous.quotes.clone(),
            published: 0,
            batch_json: OnceLock::new(),
        }
    }

    pub(super) fn set(&mut self, slot: usize, quote: Arc<PublishedQuote>) {
        if let Some(place) = self.quotes.get_mut(slot) {
            *place = Some(quote);
            self.published += 1;
        }
    }

    /// The last batch as a JSON array, written once for all subscribers.
    pub(super) fn batch_json(&self) -> Arc<str> {
        let json = self.batch_json.get_or_init(|| {
            // A symbol that came twice in the batch is told once.
            let newest = self.quotes.iter().flatten();
            json_array(newest.filter(|quote| quote.seq > self.previous_seq)).into()
        });
        Arc::clone(json)
    }
}

pub(super) fn json_array<'q>(quotes: impl Iterator<Item = &'q Arc<PublishedQuote>>) -> String {
    let mut json = String::from("[");
    for quote in quotes {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(quote.json());
    }
    json.push(']');
    json
}
