//! Whether a client still lives.

use tokio::time::Instant;

use super::HubConfig;

/// When a client is pinged, and when it has been silent for too long. Time is handed in, and is monotonic: a wall clock that is set must
/// not end every connection.
#[derive(Debug)]
pub(super) struct Heartbeat {
    heard_at: Instant,
    ping_at: Instant,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    Silent,
    Nothing,
}

impl Heartbeat {
    pub(super) fn new(config: &HubConfig, now: Instant) -> Self {
        Self {
            heard_at: now,
            ping_at: now + config.ping_every,
        }
    }

    /// The client said something.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// When something is due next.
    pub(super) fn due_at(&self, config: &HubConfig) -> Instant {
        self.ping_at.min(self.heard_at + config.silence_max)
    }

    /// What is due now; a ping that is due is taken as sent.
    pub(super) fn beat(&mut self, config: &HubConfig, now: Instant) -> Beat {
        if now.saturating_duration_since(self.heard_at) >= config.silence_max {
            return Beat::Silent;
        }
        if now < self.ping_at {
            return Beat::Nothing;
        }
        self.ping_at = now + config.ping_every;
        Beat::Ping
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_client_is_pinged_every_thirty_seconds_and_silent_after_seventy_five() {
        let config = HubConfig::default();
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(&config, start);

        let beats: Vec<(u32, Beat)> = (0..=75)
            .map(|second| (second, heartbeat.beat(&config, start + second * SECOND)))
            .filter(|(_, beat)| *beat != Beat::Nothing)
            .collect();

        assert_eq!(beats, [(30, Beat::Ping), (60, Beat::Ping), (75, Beat::Silent)]);
    }

    #[test]
    fn a_client_that_answers_is_never_silent() {
        let config = HubConfig::default();
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(&config, start);

        for second in 1..1_000 {
            let now = start + second * SECOND;
            if heartbeat.beat(&config, now) == Beat::Ping {
                heartbeat.heard(now);
            }
            assert_ne!(heartbeat.beat(&config, now), Beat::Silent);
        }
    }
}
