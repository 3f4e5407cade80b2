//! Where a connection stands in one ordered topic.

/// Where a connection stands in one ordered topic: which event it is sent next, and whether that comes as it is published or is read
/// from history first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Events are sent as they are published; `None` when the first is yet to come.
    Live { next: Option<u64> },
    /// Events are read, from `next` up to at least `told`, the newest that has been published meanwhile.
    Behind { next: u64, told: u64 },
}

/// What is done with an event that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// It is the next one.
    Send,
    /// It has been sent, or will be read.
    Skip,
    /// Others are missing before it: all of them are read.
    Read,
}

impl Lane {
    /// Begins after the event with this number.
    pub(super) fn after(seq: u64) -> Self {
        Self::Behind {
            next: seq.saturating_add(1),
            told: seq,
        }
    }

    /// An event was published. Where nothing can be read, a gap is passed on.
    pub(super) fn offer(&mut self, seq: u64, can_read: bool) -> Offer {
        match *self {
            Self::Live { next: Some(next) } if seq < next => Offer::Skip,
            Self::Live { next: Some(next) } if seq > next && can_read => {
                *self = Self::Behind { next, told: seq };
                Offer::Read
            }
            Self::Live { .. } => {
                let next = Some(seq.saturating_add(1));
                *self = Self::Live { next };
                Offer::Send
            }
            Self::Behind { next, told } => {
                *self = Self::Behind {
                    next,
                    told: told.max(seq),
                };
                Offer::Skip
            }
        }
    }

    /// There is an event with this number, to be read. Tells whether it is one that is lacking.
    pub(super) fn announce(&mut self, seq: u64) -> bool {
        match *self {
            Self::Live { next: Some(next) } if seq < next => false,
            Self::Live { next } => {
                let next = next.unwrap_or(seq);
                *self = Self::Behind { next, told: seq };
                true
            }
            Self::Behind { next, told } => {
                let told = told.max(seq);
                *self = Self::Behind { next, told };
                true
            }
        }
    }

    /// Events may have been published unheard: reads, and tells whether it does.
    pub(super) fn missed(&mut self) -> bool {
        match *self {
            Self::Live { next: Some(next) } => {
                *self = Self::after(next.saturating_sub(1));
                true
            }
            Self::Live { next: None } => false,
            Self::Behind { .. } => true,
        }
    }

    /// The event with this number was read and sent.
    pub(super) fn sent(&mut self, seq: u64) {
        if let Self::Behind { told, .. } = *self {
            let next = seq.saturating_add(1);
            *self = Self::Behind { next, told };
        }
    }

    /// A read has found everything that is kept. Events come as they are published from now on, unless a newer one was published than was found.
    pub(super) fn read_all(&mut self) -> bool {
        match *self {
            Self::Behind { next, told } if told < next => {
                *self = Self::Live { next: Some(next) };
                true
            }
            Self::Behind { .. } => false,
            Self::Live { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_event_is_sent_once_and_in_its_place() {
        let mut lane = Lane::Live { next: None };

        assert_eq!(lane.offer(5, true), Offer::Send);
        assert_eq!(lane.offer(5, true), Offer::Skip);
        assert_eq!(lane.offer(6, true), Offer::Send);
        assert_eq!(lane.offer(8, true), Offer::Read);
        assert_eq!(lane.offer(9, true), Offer::Skip);
        assert_eq!(lane, Lane::Behind { next: 7, told: 9 });
    }

    #[test]
    fn a_lane_is_behind_until_it_has_read_what_was_told() {
        let mut lane = Lane::after(3);
        lane.offer(5, true);

        assert!(!lane.read_all());
        lane.sent(4);
        assert!(!lane.read_all());
        lane.sent(5);
        assert!(lane.read_all());
        assert_eq!(lane.offer(5, true), Offer::Skip);
        assert_eq!(lane.offer(6, true), Offer::Send);
    }

    #[test]
    fn without_history_a_gap_is_passed_on() {
        let mut lane = Lane::Live { next: Some(2) };

        assert_eq!(lane.offer(4, false), Offer::Send);
        assert_eq!(lane.offer(3, false), Offer::Skip);
    }

    /// What may happen around a connection that follows a topic.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// An event is kept, and will be published.
        Keep,
        /// One of those that are kept and unpublished is published; whichever, since publishers race.
        Publish(usize),
        /// One of them is announced instead, to be read.
        Announce(usize),
        /// One of them is lost on its way, which is told.
        Lose(usize),
        /// A page is read.
        Read(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Keep),
            3 => (0..8_usize).prop_map(Step::Publish),
            1 => (0..8_usize).prop_map(Step::Announce),
            1 => (0..8_usize).prop_map(Step::Lose),
            2 => (1..4_usize).prop_map(Step::Read),
        ]
    }

    /// Reads a page of what is kept, as a connection does.
    fn read(lane: &mut Lane, kept: u64, page: usize, sent: &mut Vec<u64>) {
        let Lane::Behind { next, .. } = *lane else {
            return;
        };
        let events: Vec<u64> = (next..=kept).take(page).collect();
        let is_last = events.len() < page;
        for seq in events {
            sent.push(seq);
            lane.sent(seq);
        }
        if is_last {
            lane.read_all();
        }
    }

    proptest! {
        /// I23: whatever is published in whatever order, lost and read, a client gets every event once and in order.
        #[test]
        fn a_client_gets_no_gap_and_no_repeat(steps in vec(step(), 0..200), resumed_after in 0_u64..5) {
            let mut lane = Lane::after(resumed_after);
            let mut kept = resumed_after;
            let mut unpublished = Vec::new();
            let mut sent = Vec::new();

            for step in steps {
                match step {
                    Step::Keep => {
                        kept += 1;
                        unpublished.push(kept);
                    }
                    Step::Publish(which) if !unpublished.is_empty() => {
                        let seq = unpublished.remove(which % unpublished.len());
                        if lane.offer(seq, true) == Offer::Send {
                            sent.push(seq);
                        }
                    }
                    Step::Announce(which) if !unpublished.is_empty() => {
                        let seq = unpublished.remove(which % unpublished.len());
                        lane.announce(seq);
                    }
                    Step::Lose(which) if !unpublished.is_empty() => {
                        unpublished.remove(which % unpublished.len());
                        lane.missed();
                    }
                    Step::Read(page) => read(&mut lane, kept, page, &mut sent),
                    Step::Publish(_) | Step::Announce(_) | Step::Lose(_) => {}
                }
            }
            lane.missed();
            for _ in 0..=kept + 1 {
                read(&mut lane, kept, 3, &mut sent);
            }

            let everything: Vec<u64> = (resumed_after + 1..=kept).collect();
            prop_assert_eq!(sent, everything);
            prop_assert_eq!(lane, Lane::Live { next: Some(kept + 1) });
        }
    }
}
