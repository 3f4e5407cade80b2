//! The clock and the generator that a service hands to every component.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// The first 60 bits of the last UUID that was made: 48 of milliseconds, 12 of a counter.
    last: Arc<AtomicU64>,
}

const COUNTER_BITS: u32 = 12;

/// How far a clock may be set back before UUIDs follow it.
const SET_BACK_MAX_MILLIS: u64 = 10_000;

impl Sources {
    /// Sources made of the given clock and generator.
    pub fn new(clock: impl Clock, random: impl Random) -> Self {
        Self::shared(Arc::new(clock), Arc::new(random))
    }

    /// Sources that share a clock and a generator with their caller, who may move them.
    pub fn shared(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            clock,
            random,
            last: Arc::default(),
        }
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

    /// A new UUID of version 7 (RFC 9562, section 5.7), larger than every one that these sources and their clones have made before: 48
    /// bits of milliseconds, a counter of 12 bits that begins anywhere in its lower half (section 6.2, method 1), 62 random bits.
    ///
    /// A counter that is full carries into the milliseconds. While the clock is behind what was made already, by ten seconds at most,
    /// the counter goes on; set back further, the order begins anew.
    pub fn uuid_v7(&self) -> Uuid {
        let millis = self.now().unix_timestamp_nanos() / 1_000_000;
        let millis = u64::try_from(millis).unwrap_or(0);
        let mut random: [u8; 10] = self.bytes();
        let [high, low, ..] = random;
        let fresh = millis << COUNTER_BITS | u64::from(u16::from_be_bytes([high & 0b0111, low]));
        let next = |last: u64| {
            let ahead = (last >> COUNTER_BITS).checked_sub(millis);
            match ahead {
                Some(ahead) if ahead <= SET_BACK_MAX_MILLIS => last + 1,
                _ => fresh,
            }
        };
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let made = next(last.unwrap_or_default());
        let [.., high, low] = made.to_be_bytes();
        random[0] = high;
        random[1] = low;
        uuid::Builder::from_unix_timestamp_millis(made >> COUNTER_BITS, &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;
    use crate::{ManualClock, SeededRandom};

    const START: Timestamp = datetime!(2026-01-02 03:04:05 UTC);

    fn sources() -> (Arc<ManualClock>, Sources) {
        let clock = Arc::new(ManualClock::starting_at(START));
        let sources = Sources::shared(clock.clone(), Arc::new(SeededRandom::new(1)));
        (clock, sources)
    }

    fn millis(id: Uuid) -> u64 {
        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
        seconds * 1_000 + u64::from(nanos) / 1_000_000
    }

    #[test]
    fn ids_of_one_millisecond_are_in_the_order_in_which_they_were_made() {
        let (_, sources) = sources();
        let ids: Vec<Uuid> = (0..10_000).map(|_| sources.clone().uuid_v7()).collect();

        assert!(ids.is_sorted_by(|one, next| one < next));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert!(millis(ids[9_999]) - millis(ids[0]) <= 10_000 / 2_048);
    }

    #[test]
    fn an_id_is_of_the_time_at_which_it_is_made() {
        let (clock, sources) = sources();
        let first = sources.uuid_v7();
        clock.advance(Duration::from_secs(60));
        let second = sources.uuid_v7();

        assert_eq!(
            millis(first),
            u64::try_from(START.unix_timestamp()).unwrap() * 1_000
        );
        assert_eq!(millis(second), millis(first) + 60_000);
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_keeps_the_order_and_one_that_is_set_back_far_is_followed() {
        let (clock, sources) = sources();
        let first = sources.uuid_v7();
        clock.set(START - Duration::from_secs(10));
        let second = sources.uuid_v7();
        clock.set(START - Duration::from_secs(11));
        let third = sources.uuid_v7();

        assert!(second > first);
        assert_eq!(millis(third), millis(first) - 11_000);
    }

    #[test]
    fn threads_never_make_the_same_id() {
        let (_, sources) = sources();
        let made: Vec<Uuid> = std::thread::scope(|scope| {
            let make = || scope.spawn(|| (0..2_000).map(|_| sources.uuid_v7()).collect::<Vec<_>>());
            let threads: Vec<_> = (0..4).map(|_| make()).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });

        let counted = |id: &Uuid| id.as_u128() >> 64;
        assert_eq!(made.iter().map(counted).collect::<BTreeSet<_>>().len(), 8_000);
    }
}
