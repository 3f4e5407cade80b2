//! The instances that show what the leader publishes.

use std::time::Duration;

use platform_core::bus::{BusError, Heard, Listener};
use platform_core::error_chain;
use platform_core::resilience::{Fault, FaultKind, PolicyError};
use tokio::time::{Instant, sleep, sleep_until};

use super::{MarketSharing, packet};
use crate::FromTheFuture;

/// How long a bus that takes no topic is left in peace.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// What was heard cannot be shown.
#[derive(Debug, thiserror::Error)]
enum Unsound {
    #[error("a frame cannot be read")]
    Unreadable,
    #[error(transparent)]
    FromTheFuture(#[from] FromTheFuture),
}

impl Fault for Unsound {
    fn kind(&self) -> FaultKind {
        FaultKind::Lasting
    }
}

/// What came of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Shown,
    /// It is this instance's own, or a former leader's.
    LeftOut,
}

/// What a follower has to do next.
enum Next {
    GoOn,
    /// Nothing is shown for so long.
    Rest(Duration),
}

impl MarketSharing {
    /// For as long as it is not dropped.
    pub(super) async fn follow(&self) {
        let mut leading = self.leading();
        let mut listener = self.listener().await;
        loop {
            if *leading.borrow_and_update() {
                tokio::select! {
                    // Its own frames, or those of whoever thinks to lead.
                    heard = listener.next() => self.overhear(&heard),
                    _ = leading.changed() => {}
                }
                continue;
            }
            let next = tokio::select! {
                next = self.wait(&mut listener) => next,
                _ = leading.changed() => Next::GoOn,
            };
            if let Next::Rest(time) = next {
                tokio::select! {
                    () = self.ignore(&mut listener, time) => {}
                    _ = leading.changed() => {}
                }
            }
        }
    }

    async fn listener(&self) -> Listener {
        let listener = self.shared.bus.listener();
        loop {
            match listener.add(&self.shared.topic).await {
                // One that is not reached listens as soon as it is.
                Ok(()) | Err(BusError::Unavailable(_)) => return listener,
                Err(error) => {
                    tracing::warn!(
                        error = error_chain(&error),
                        "the quotes of other instances cannot be listened to"
                    );
                    sleep(LISTEN_AGAIN).await;
                }
            }
        }
    }

    /// Waits for the next frame and shows it. Silence and what is unsound count against the source.
    async fn wait(&self, listener: &mut Listener) -> Next {
        let heard = self.shared.source.in_background(|| self.next(listener)).await;
        match &heard {
            Ok(()) => {
                self.sees.send_replace(true);
            }
            // One that cannot be shown says nothing of the next; so many that nothing is shown any more open the breaker.
            Err(PolicyError::Failed { .. }) => {}
            Err(_) => {
                self.sees.send_replace(false);
            }
        }
        match heard {
            Ok(()) => Next::GoOn,
            Err(PolicyError::Open { retry_after, .. }) => Next::Rest(retry_after),
            Err(error) => {
                tracing::debug!(error = error_chain(&error), "no quotes of the leading instance");
                Next::GoOn
            }
        }
    }

    async fn next(&self, listener: &mut Listener) -> Result<(), Unsound> {
        loop {
            match listener.next().await {
                // A whole frame comes soon.
                Heard::Missed => {}
                Heard::Notice(notice) => match self.take(&notice.body)? {
                    Taken::Shown => return Ok(()),
                    Taken::LeftOut => {}
                },
            }
        }
    }

    fn take(&self, body: &[u8]) -> Result<Taken, Unsound> {
        let Some((head, rest)) = packet::head(body) else {
            self.metrics.dropped("unreadable");
            return Err(Unsound::Unreadable);
        };
        if head.origin == self.origin {
            return Ok(Taken::LeftOut);
        }
        if !self.note(head.term) {
            self.metrics.dropped("outdated");
            return Ok(Taken::LeftOut);
        }
        let frame = packet::frame(rest).map_err(|_| {
            self.metrics.dropped("unreadable");
            Unsound::Unreadable
        })?;
        if let Err(error) = self.feed.take(self.sources.now(), frame) {
            self.metrics.dropped("future");
            tracing::warn!(error = error_chain(&error), "a frame of quotes is not shown");
            return Err(error.into());
        }
        self.played.tell_us(head.played_us);
        Ok(Taken::Shown)
    }

    /// A leader shows nobody's frames, but has to know of a term after its own when it follows again.
    fn overhear(&self, heard: &Heard) {
        if let Heard::Notice(notice) = heard
            && let Some((head, _)) = packet::head(&notice.body)
            && head.origin != self.origin
        {
            self.note(head.term);
        }
    }

    /// Leaves out what is heard for a while, so that it is not shown late afterwards.
    async fn ignore(&self, listener: &mut Listener, time: Duration) {
        let end = Instant::now() + time;
        loop {
            tokio::select! {
                () = sleep_until(end) => return,
                heard = listener.next() => if matches!(heard, Heard::Notice(_)) {
                    self.metrics.dropped("open");
                },
            }
        }
    }
}
