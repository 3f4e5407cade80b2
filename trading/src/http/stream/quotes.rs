//! Quotes, from the board of the market to the board of the stream.

use std::sync::{Mutex, PoisonError};

use platform_core::bus::Topic;
use platform_core::hub::{Board, Framing};
use tokio::task::AbortHandle;

use crate::{PublishedQuote, QuoteBoard};

/// Copies quotes to the stream's board as they are published, from the first connection on until it is dropped.
pub(super) struct QuoteFeed {
    market: QuoteBoard,
    board: Board,
    task: Mutex<Option<AbortHandle>>,
}

impl QuoteFeed {
    pub(super) fn new(market: &QuoteBoard) -> Self {
        let symbols = market
            .instruments()
            .iter()
            .map(|instrument| instrument.symbol.to_string());
        let topic = Topic::public("quotes").expect("a name of letters");
        let framing = Framing::Array {
            before: "{\"type\":\"quotes\",\"quotes\":[",
            after: "]}",
        };
        Self {
            market: market.clone(),
            board: Board::new(topic, symbols, framing),
            task: Mutex::default(),
        }
    }

    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// Begins to copy. The quotes of this moment are there when it returns.
    pub(super) fn start(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        // The stream of quotes first, so that none is between it and those of this moment.
        let (mut quotes, board) = (self.market.subscribe_all(), self.board.clone());
        copy(&board, self.market.all().iter().map(AsRef::as_ref));
        let copying = async move {
            while let Some(batch) = quotes.next().await {
                copy(&board, batch.quotes().iter().map(AsRef::as_ref));
            }
        };
        *task = Some(tokio::spawn(copying).abort_handle());
    }
}

impl Drop for QuoteFeed {
    fn drop(&mut self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = &*task {
            task.abort();
        }
    }
}

fn copy<'a>(board: &Board, quotes: impl Iterator<Item = &'a PublishedQuote>) {
    board.publish(quotes.map(|quote| (quote.symbol.to_string(), quote.json().to_owned())));
}
