//! The clock and the generator that a service hands to every component.

use std::sync::Arc;

use uuid::Uuid;

use crate::{Clock, OsRandom, Random, SystemClock, Timestamp};

/// The clock and the generator of a service, cheap to clone.
///
/// ```
/// use platform_core::{ManualClock, SeededRandom, Sources};
///
/// let start = time::macros::datetime!(2026-01-02 03:04:05 UTC);
/// let sources = Sources::new(ManualClock::starting_at(start), SeededRandom::new(1));
/// assert_eq!(sources.now(), start);
/// assert_eq!(sources.uuid_v7().get_version_num(), 7);
/// ```
#[derive(Debug, Clone)]
pub struct Sources {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Sources {
    /// Sources made of the given clock and generator.
    pub fn new(clock: impl Clock, random: impl Random) -> Self {
        Self::shared(Arc::new(clock), Arc::new(random))
    }

    /// Sources that share a clock and a generator with their caller, who may move them.
    pub fn shared(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
    }

    /// The system's clock and the operating system's generator.
    pub fn system() -> Self {
        Self::new(SystemClock, OsRandom)
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Draws `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// A new UUID of version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, 74 random bits.
    pub fn uuid_v7(&self) -> Uuid {
        let millis = self.now().unix_timestamp_nanos() / 1_000_000;
        let millis = u64::try_from(millis).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}
