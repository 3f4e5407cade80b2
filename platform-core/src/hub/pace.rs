//! How fast a client may speak.

use std::time::Duration;

use tokio::time::Instant;

/// Counts messages within a second.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    messages: u32,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            messages: 0,
        }
    }

    /// One more message; tells whether it is one of those that are allowed in this second.
    pub(super) fn allows(&mut self, per_second: u32, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        self.messages = self.messages.saturating_add(1);
        self.messages <= per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_messages_are_allowed_in_each_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);

        let first: Vec<bool> = (0..4).map(|_| pace.allows(3, start)).collect();
        let soon = pace.allows(3, start + Duration::from_millis(999));
        let later = pace.allows(3, start + Duration::from_secs(1));

        assert_eq!(first, [true, true, true, false]);
        assert!(!soon);
        assert!(later);
    }
}
