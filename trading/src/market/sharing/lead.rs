//! The instance that publishes.

use std::convert::Infallible;

use platform_core::error_chain;
use platform_core::lease::Leadership;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::MarketSharing;
use super::packet::{Head, newest, packets};
use crate::{Quote, QuoteFrame};

/// What a leader says that has no quote yet: that it is there.
const NOTHING_YET: QuoteFrame = QuoteFrame {
    previous_seq: 0,
    quotes: Vec::new(),
};

/// This instance leads for as long as it lives, also where the work is dropped.
struct Led<'a>(&'a MarketSharing);

impl<'a> Led<'a> {
    fn begin(sharing: &'a MarketSharing) -> Self {
        sharing.leading.send_replace(true);
        sharing.sees.send_replace(true);
        sharing.metrics.leads.set(1);
        Self(sharing)
    }
}

impl Drop for Led<'_> {
    fn drop(&mut self) {
        self.0.leading.send_replace(false);
        self.0.metrics.leads.set(0);
    }
}

impl MarketSharing {
    pub(super) async fn lead(&self, stop: &CancellationToken) {
        let campaign = self.shared.campaign();
        let led = self.shared.leases.lead(&campaign, stop, |leadership| async move {
            self.serve(&leadership).await;
            Ok::<(), Infallible>(())
        });
        match led.await {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    async fn serve(&self, leadership: &Leadership) {
        let term = u64::try_from(leadership.lease().token.as_i64()).unwrap_or(0);
        self.note(term);
        let _led = Led::begin(self);
        leadership.stop().run_until_cancelled(self.tell(term)).await;
    }

    /// Sends what appears on the board, whoever put it there: at first, and every now and then, all of it.
    async fn tell(&self, term: u64) {
        let mut quotes = self.board.subscribe_all();
        let mut whole = interval_at(Instant::now() + self.shared.whole_every, self.shared.whole_every);
        whole.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told_seq = 0;
        loop {
            tokio::select! {
                batch = quotes.next() => {
                    let Some(batch) = batch else { return };
                    let mut quotes: Vec<Quote> = batch.quotes().iter().map(|quote| (***quote).clone()).collect();
                    quotes.sort_by_key(|quote| quote.seq);
                    let frame = QuoteFrame { previous_seq: told_seq, quotes };
                    // Also of one that is not sent, so that whoever hears the next notices.
                    told_seq = newest(&frame.quotes).unwrap_or(told_seq);
                    self.send(term, &frame).await;
                }
                _ = whole.tick() => {
                    let frame = self.board.whole_frame().unwrap_or(NOTHING_YET);
                    self.send(term, &frame).await;
                }
            }
        }
    }

    /// What is not sent is made up for by the next whole frame.
    async fn send(&self, term: u64, frame: &QuoteFrame) {
        let head = Head {
            origin: self.origin,
            term,
            played_us: self.played.position_us(),
        };
        for packet in packets(head, frame) {
            if let Err(error) = self.shared.bus.publish(&self.shared.topic, packet).await {
                self.metrics.unsent.inc();
                tracing::debug!(error = error_chain(&error), "a frame of quotes was not sent");
            }
        }
    }
}
