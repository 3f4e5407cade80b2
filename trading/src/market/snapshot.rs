//! The state of a board at one moment, shared by all who look at it.

use std::collections::BTreeSet;
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

/// All quotes of one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// One more than that of the snapshot before this one; 1 at the beginning.
    pub(super) version: u64,
    /// The greatest number of a quote; 0 before the first.
    pub(super) seq: u64,
    /// `seq` of the snapshot before this one.
    pub(super) previous_seq: u64,
    /// The slots whose quotes came with the last batch.
    batch: BTreeSet<usize>,
    pub(super) quotes: Vec<Option<Arc<PublishedQuote>>>,
    /// How many quotes the last batch had.
    pub(super) published: usize,
    batch_json: OnceLock<Arc<str>>,
}

impl Snapshot {
    pub(super) fn empty(slots: usize) -> Self {
        Self {
            version: 1,
            seq: 0,
            previous_seq: 0,
            batch: BTreeSet::new(),
            quotes: vec![None; slots],
            published: 0,
            batch_json: OnceLock::new(),
        }
    }

    pub(super) fn after(previous: &Self) -> Self {
        Self {
            version: previous.version + 1,
            seq: previous.seq,
            previous_seq: previous.seq,
            batch: BTreeSet::new(),
            quotes: previous.quotes.clone(),
            published: 0,
            batch_json: OnceLock::new(),
        }
    }

    pub(super) fn set(&mut self, slot: usize, quote: Arc<PublishedQuote>) {
        if let Some(place) = self.quotes.get_mut(slot) {
            self.seq = self.seq.max(quote.seq);
            *place = Some(quote);
            self.batch.insert(slot);
            self.published += 1;
        }
    }

    /// The number of the quote in a slot; 0 before the first.
    pub(super) fn seq_of(&self, slot: usize) -> u64 {
        let quote = self.quotes.get(slot).and_then(Option::as_ref);
        quote.map_or(0, |quote| quote.seq)
    }

    /// The last batch, each symbol once however often it came.
    pub(super) fn batch(&self) -> impl Iterator<Item = (usize, &Arc<PublishedQuote>)> {
        let quote = |slot: &usize| Some((*slot, self.quotes.get(*slot)?.as_ref()?));
        self.batch.iter().filter_map(quote)
    }

    /// The last batch as a JSON array, written once for all subscribers.
    pub(super) fn batch_json(&self) -> Arc<str> {
        let json = self
            .batch_json
            .get_or_init(|| json_array(self.batch().map(|(_, quote)| quote)).into());
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
