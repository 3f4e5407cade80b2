//! What waits for one client, within bounds.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::lane::{Lane, Offer};
use super::{CloseReason, Frame, HubConfig};
use crate::bus::Topic;

/// What waits for one client: frames in their order, and news of boards, of which only the newest is ever sent. Publishers put into it and
/// never wait; the connection's task takes out of it.
#[derive(Debug)]
pub(super) struct Mailbox {
    waiting: Mutex<Waiting>,
    woken: Notify,
    messages_max: usize,
    bytes_max: usize,
    can_read: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<(Frame, Kind)>,
    bytes: usize,
    lanes: HashMap<Topic, Lane>,
    boards_changed: bool,
    closing: Option<CloseReason>,
    /// What is still said when it ends.
    last: Option<Frame>,
}

/// What there is to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// A frame is to be sent.
    Send(Frame, Kind),
    /// Boards have changed.
    Boards,
    /// The connection is to end.
    End(CloseReason),
    /// Nothing.
    Wait,
}

/// What a frame is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Reply,
    Ordered,
    Conflated,
}

impl Mailbox {
    pub(super) fn new(config: &HubConfig, can_read: bool) -> Self {
        Self {
            waiting: Mutex::default(),
            woken: Notify::new(),
            messages_max: config.queue_messages_max,
            bytes_max: config.queue_bytes_max,
            can_read,
        }
    }

    /// Puts a frame of the protocol behind what waits.
    pub(super) fn say(&self, frame: Frame) {
        self.push(&mut self.waiting(), frame, Kind::Reply);
    }

    /// An event of an ordered topic was published.
    pub(super) fn deliver(&self, topic: &Topic, seq: u64, frame: &Frame) {
        let mut waiting = self.waiting();
        let Some(lane) = waiting.lanes.get_mut(topic) else {
            return;
        };
        match lane.offer(seq, self.can_read) {
            Offer::Send => self.push(&mut waiting, frame.clone(), Kind::Ordered),
            Offer::Read => self.woken.notify_one(),
            Offer::Skip => {}
        }
    }

    /// There is an event of an ordered topic to be read.
    pub(super) fn announce(&self, topic: &Topic, seq: u64) {
        let mut waiting = self.waiting();
        if self.can_read
            && waiting
                .lanes
                .get_mut(topic)
                .is_some_and(|lane| lane.announce(seq))
        {
            self.woken.notify_one();
        }
    }

    /// Events of ordered topics may have been published unheard.
    pub(super) fn missed(&self) {
        let mut waiting = self.waiting();
        let mut must_read = false;
        if self.can_read {
            for lane in waiting.lanes.values_mut() {
                must_read |= lane.missed();
            }
        }
        if must_read {
            self.woken.notify_one();
        }
    }

    pub(super) fn board_changed(&self) {
        self.waiting().boards_changed = true;
        self.woken.notify_one();
    }

    /// Ends the connection, for the first of all reasons.
    pub(super) fn close(&self, reason: CloseReason) {
        Self::end(&mut self.waiting(), reason);
        self.woken.notify_one();
    }

    /// The same with a last message.
    pub(super) fn close_saying(&self, last: Frame, reason: CloseReason) {
        let mut waiting = self.waiting();
        if waiting.closing.is_none() {
            waiting.last = Some(last);
        }
        Self::end(&mut waiting, reason);
        self.woken.notify_one();
    }

    /// What is still to be said now that it ends.
    pub(super) fn take_last(&self) -> Option<Frame> {
        self.waiting().last.take()
    }

    pub(super) fn open_lane(&self, topic: &Topic, lane: Lane) {
        self.waiting().lanes.insert(topic.clone(), lane);
    }

    pub(super) fn close_lane(&self, topic: &Topic) {
        self.waiting().lanes.remove(topic);
    }

    /// Changes a lane, if it is still open.
    pub(super) fn lane<T>(&self, topic: &Topic, change: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        self.waiting().lanes.get_mut(topic).map(change)
    }

    /// A topic of which events are to be read, and after which one.
    pub(super) fn behind(&self) -> Option<(Topic, u64)> {
        let waiting = self.waiting();
        waiting.lanes.iter().find_map(|(topic, lane)| match lane {
            Lane::Behind { next, .. } => Some((topic.clone(), next.saturating_sub(1))),
            Lane::Live { .. } => None,
        })
    }

    /// What there is to do next, by one look. Boards wait for the next time if they were told already.
    pub(super) fn next(&self, has_told_boards: bool) -> Next {
        let mut waiting = self.waiting();
        if let Some(reason) = waiting.closing {
            return Next::End(reason);
        }
        if let Some((frame, kind)) = waiting.frames.pop_front() {
            waiting.bytes = waiting.bytes.saturating_sub(frame.size_bytes());
            return Next::Send(frame, kind);
        }
        if !has_told_boards && std::mem::take(&mut waiting.boards_changed) {
            return Next::Boards;
        }
        Next::Wait
    }

    /// Why the connection is to end, if it is.
    pub(super) fn closing(&self) -> Option<CloseReason> {
        self.waiting().closing
    }

    /// Has the connection look for what there is to do.
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Completes when there may be something to do.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Completes when the connection is to end. It uses up what [wakes](Self::wake): look for what else there is to do afterwards.
    pub(super) async fn closed(&self) -> CloseReason {
        loop {
            if let Some(reason) = self.closing() {
                return reason;
            }
            self.woken().await;
        }
    }

    fn push(&self, waiting: &mut Waiting, frame: Frame, kind: Kind) {
        if waiting.closing.is_some() {
            return;
        }
        let bytes = waiting.bytes.saturating_add(frame.size_bytes());
        if waiting.frames.len() >= self.messages_max || bytes > self.bytes_max {
            Self::end(waiting, CloseReason::TooSlow);
        } else {
            waiting.bytes = bytes;
            waiting.frames.push_back((frame, kind));
        }
        self.woken.notify_one();
    }

    fn end(waiting: &mut Waiting, reason: CloseReason) {
        waiting.closing.get_or_insert(reason);
        // Nothing more is sent, so nothing more is kept.
        waiting.frames = VecDeque::new();
        waiting.bytes = 0;
        waiting.lanes = HashMap::new();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
