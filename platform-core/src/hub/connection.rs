//! The task of one connection.

use std::pin::Pin;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::facade::Inner;
use super::heartbeat::{Beat, Heartbeat};
use super::lane::Lane;
use super::mailbox::{Kind, Next};
use super::pace::Pace;
use super::socket::Socket;
use super::{Access, CloseReason, Frame, Link, Protocol, Recorded, send};
use crate::bus::Topic;

/// A page of history that is being read.
type Reading = BoxFuture<'static, Result<Page, CloseReason>>;

/// Events of a topic that come after the one with this number.
struct Page {
    topic: Topic,
    after: u64,
    events: Vec<Recorded>,
}

/// What the protocol is to work on.
enum Work<'a> {
    Opened,
    Heard(&'a str),
}

/// How long is waited before history is read again when it does not have yet what was published.
const LAG: std::time::Duration = std::time::Duration::from_millis(50);

/// How often history is read before that is taken as a failure.
const LAGS_MAX: u32 = 40;

/// One connection: it alone reads from and writes to its socket.
pub(super) struct Connection {
    hub: Arc<Inner>,
    socket: Socket,
    link: Link,
    protocol: Arc<dyn Protocol>,
    heartbeat: Heartbeat,
    pace: Pace,
    opened_at: Instant,
    page: Option<Reading>,
    /// Reads in a row that did not find what was published.
    lags: u32,
    /// Whether it was told that whoever has authenticated is here, once there was somebody.
    is_present: Option<bool>,
}

impl Connection {
    pub(super) fn new(socket: Socket, link: Link, protocol: Arc<dyn Protocol>) -> Self {
        let hub = Arc::clone(link.hub());
        let now = Instant::now();
        Self {
            heartbeat: Heartbeat::new(&hub.config, now),
            pace: Pace::new(now),
            opened_at: now,
            page: None,
            lags: 0,
            is_present: None,
            hub,
            socket,
            link,
            protocol,
        }
    }

    pub(super) async fn run(&mut self) {
        let reason = self.converse().await;
        self.hub.metrics.closed(reason);
        // Nothing more is to wait for it.
        self.link.close(reason);
        // On the heap, as everything that is seldom: what a connection holds for as long as it waits is what its longest way needs.
        Box::pin(self.part(reason)).await;
    }

    async fn part(&mut self, reason: CloseReason) {
        let hub = Arc::clone(&self.hub);
        if reason == CloseReason::ClientLeft {
            // The answer to a client's close waits in the socket and goes out when it is read again; without it the client sees a failure.
            let left = async { while let Some(Ok(_)) = self.socket.next().await {} };
            let _ = timeout(hub.config.farewell_max, left).await;
        } else {
            let word = match reason {
                CloseReason::Restart => hub.retry_advice(),
                other => other.as_str().to_owned(),
            };
            let last = self.link.mailbox().take_last();
            let within = hub.config.farewell_max;
            send::farewell(&mut self.socket, (reason.code(), word), last, within).await;
        }
        if let (Some(true), Some(presence), Some(identity)) =
            (self.is_present, &hub.presence, self.link.identity())
        {
            presence.left(identity).await;
        }
    }

    async fn converse(&mut self) -> CloseReason {
        match self.go_on().await {
            Ok(never) => match never {},
            Err(reason) => reason,
        }
    }

    async fn go_on(&mut self) -> Result<std::convert::Infallible, CloseReason> {
        self.work(Work::Opened).await?;
        let due = sleep_until(self.due_at());
        tokio::pin!(due);
        loop {
            self.tell().await?;
            self.read_what_is_missing();
            self.reset(due.as_mut());
            tokio::select! {
                () = self.link.mailbox().woken() => {}
                message = self.socket.next() => match message {
                    Some(Ok(message)) => self.hear(message).await?,
                    Some(Err(_)) | None => return Err(CloseReason::ClientLeft),
                },
                page = read(&mut self.page) => Box::pin(self.replay(page?)).await?,
                () = &mut due => self.beat().await?,
            }
        }
    }

    /// Lets the protocol work, within its time and until the connection is to end.
    async fn work(&mut self, work: Work<'_>) -> Result<(), CloseReason> {
        let mailbox = Arc::clone(self.link.mailbox());
        let working = match work {
            Work::Opened => self.protocol.opened(&mut self.link),
            Work::Heard(text) => self.protocol.heard(&mut self.link, text),
        };
        tokio::select! {
            biased;
            done = timeout(self.hub.config.work_timeout, working) => {
                done.map_err(|_| CloseReason::Internal)?;
            }
            reason = mailbox.closed() => return Err(reason),
        }
        if let (None, Some(presence), Some(identity)) =
            (self.is_present, &self.hub.presence, self.link.identity())
        {
            self.is_present = Some(Box::pin(presence.joined(identity)).await);
        }
        Ok(())
    }

    /// Sends everything that waits.
    async fn tell(&mut self) -> Result<(), CloseReason> {
        let (mut has_fed, mut has_told_boards) = (false, false);
        loop {
            match self.link.mailbox().next(has_told_boards) {
                Next::End(reason) => return Err(reason),
                Next::Send(frame, kind) => self.feed(&frame, kind).await?,
                Next::Boards => {
                    // Once: a client that is slower than the boards change is still to be heard.
                    has_told_boards = true;
                    self.tell_boards().await?;
                }
                Next::Wait => break,
            }
            has_fed = true;
        }
        if has_fed { self.flush().await } else { Ok(()) }
    }

    async fn tell_boards(&mut self) -> Result<(), CloseReason> {
        for board in 0..self.link.boards() {
            let Some(news) = self.link.news(board) else {
                continue;
            };
            if news.conflated > 0 {
                self.hub.metrics.conflated(news.conflated);
            }
            for frame in news.frames.iter() {
                self.feed(frame, Kind::Conflated).await?;
            }
        }
        Ok(())
    }

    async fn hear(&mut self, message: Message) -> Result<(), CloseReason> {
        let now = Instant::now();
        self.heartbeat.heard(now);
        if !self.pace.allows(self.hub.config.messages_per_second, now) {
            return Err(CloseReason::TooManyMessages);
        }
        match message {
            Message::Text(text) if text.as_str().len() > self.hub.config.message_bytes_max => {
                Err(CloseReason::MessageTooLarge)
            }
            Message::Text(text) => self.work(Work::Heard(text.as_str())).await,
            Message::Binary(_) => Err(CloseReason::NotText),
            Message::Close(_) => Err(CloseReason::ClientLeft),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    async fn beat(&mut self) -> Result<(), CloseReason> {
        let now = Instant::now();
        if self.must_authenticate_by().is_some_and(|by| by <= now) {
            return Err(CloseReason::Unauthenticated);
        }
        match self.heartbeat.beat(&self.hub.config, now) {
            Beat::Silent => Err(CloseReason::Silent),
            Beat::Nothing => Ok(()),
            Beat::Ping => {
                let within = self.hub.config.send_timeout;
                send::ping(&mut self.socket, self.link.mailbox(), within).await
            }
        }
    }

    /// Begins to read history, if a topic lacks something and no read is under way.
    fn read_what_is_missing(&mut self) {
        if self.page.is_some() {
            return;
        }
        if let Some((topic, after)) = self.link.mailbox().behind() {
            self.page = Some(Box::pin(page(Arc::clone(&self.hub), topic, after, self.lags > 0)));
        }
    }

    /// Sends events that were read.
    async fn replay(&mut self, page: Page) -> Result<(), CloseReason> {
        let Page { topic, after, events } = page;
        let mailbox = Arc::clone(self.link.mailbox());
        let mut expected = after.saturating_add(1);
        let is_awaited = |lane: &mut Lane| matches!(*lane, Lane::Behind { next, .. } if next == expected);
        if mailbox.lane(&topic, is_awaited) != Some(true) {
            // Unfollowed, or followed from elsewhere, since the read began.
            return Ok(());
        }
        let is_last = events.len() < usize::try_from(self.hub.config.history_page).unwrap_or(usize::MAX);
        let found = !events.is_empty();
        for Recorded { seq, frame } in events {
            if seq != expected {
                return Err(CloseReason::HistoryGone);
            }
            self.feed(&frame, Kind::Ordered).await?;
            mailbox.lane(&topic, |lane| lane.sent(seq));
            expected = expected.saturating_add(1);
        }
        if is_last && !mailbox.lane(&topic, Lane::read_all).unwrap_or(true) && !found {
            // What was published is kept; if it does not show, a reader that lags behind answers, for a while.
            self.lags += 1;
            return if self.lags > LAGS_MAX {
                Err(CloseReason::HistoryUnavailable)
            } else {
                Ok(())
            };
        }
        self.lags = 0;
        self.flush().await
    }

    async fn feed(&mut self, frame: &Frame, kind: Kind) -> Result<(), CloseReason> {
        let within = self.hub.config.send_timeout;
        send::feed(&mut self.socket, frame, self.link.mailbox(), within).await?;
        self.hub.metrics.sent(kind);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), CloseReason> {
        let within = self.hub.config.send_timeout;
        send::flush(&mut self.socket, self.link.mailbox(), within).await
    }

    fn must_authenticate_by(&self) -> Option<Instant> {
        let is_awaited = self.hub.config.access == Access::Authenticated && self.link.identity().is_none();
        is_awaited.then(|| self.opened_at + self.hub.config.authenticate_within)
    }

    fn due_at(&self) -> Instant {
        let due = self.heartbeat.due_at(&self.hub.config);
        self.must_authenticate_by().map_or(due, |by| by.min(due))
    }

    fn reset(&self, due: Pin<&mut Sleep>) {
        let at = self.due_at();
        if due.deadline() != at {
            due.reset(at);
        }
    }
}

/// Completes with the page that is being read, if one is.
async fn read(reading: &mut Option<Reading>) -> Result<Page, CloseReason> {
    match reading {
        Some(page) => {
            let page = page.await;
            *reading = None;
            page
        }
        None => std::future::pending().await,
    }
}

async fn page(hub: Arc<Inner>, topic: Topic, after: u64, lags: bool) -> Result<Page, CloseReason> {
    if lags {
        sleep(LAG).await;
    }
    let reading = async {
        let (Ok(_slot), Some(history)) = (hub.reads.acquire().await, &hub.history) else {
            return Err("nothing is kept".into());
        };
        history.after(&topic, after, hub.config.history_page).await
    };
    let failure = match timeout(hub.config.work_timeout, reading).await {
        Ok(Ok(events)) => {
            return Ok(Page { topic, after, events });
        }
        Ok(Err(error)) => crate::error_chain(error.as_ref()),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::error!(error = %failure, "history could not be read for a stream");
    Err(CloseReason::HistoryUnavailable)
}
