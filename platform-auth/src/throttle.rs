//! Slowing down whoever guesses passwords.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platform_core::{TenantId, Timestamp};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use crate::email::EmailAddress;

/// How many failures are free, and how fast they are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleLimit {
    /// Failures in quick succession before the next attempt has to wait: 1 to 10,000.
    pub burst: u32,
    /// How long one failure is remembered, a day at most: past the burst, one attempt is let through for each such interval.
    pub recovery: Duration,
}

/// The limits on failed sign-ins. They are counted in this process, so several instances allow as many times more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleConfig {
    /// For each account of a tenant, whether it exists or not.
    pub account: ThrottleLimit,
    /// For each source address; an IPv6 client is known by its /64 network.
    pub address: ThrottleLimit,
    /// How many accounts and how many addresses are remembered. Past that, those with the fewest failures are forgotten.
    pub entries_max: usize,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self {
            account: ThrottleLimit {
                burst: 10,
                recovery: Duration::from_secs(30),
            },
            address: ThrottleLimit {
                burst: 50,
                recovery: Duration::from_secs(5),
            },
            entries_max: 65_536,
        }
    }
}

/// Counts failures for each account and each address.
///
/// The failures of one are kept as an instant, by which all of them are forgotten (the generic cell rate algorithm). It never lies further
/// ahead than the burst allows, so nobody waits longer than one recovery interval, however often somebody else fails. An attempt holds a
/// place among the failures until it is known how it ended, so that simultaneous guesses cannot slip past together; who finds
/// every place held by attempts of unknown end waits for one of them, so that simultaneous rightful sign-ins are not refused.
#[derive(Debug)]
pub(crate) struct Throttle {
    accounts: Counters,
    addresses: Counters,
}

/// Why an attempt may not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// Too many have failed: try again after this long.
    TooManyAttempts { retry_after: Duration },
    /// Too many are going on, and none has ended in the time one may wait.
    Busy,
}

/// An attempt that is going on. Dropping it counts it as a failure: whoever hangs up has guessed all the same.
#[derive(Debug)]
#[must_use]
pub(crate) struct Attempt<'a> {
    account: Place<'a>,
    address: Option<Place<'a>>,
}

impl Throttle {
    pub(crate) fn new(config: ThrottleConfig) -> Self {
        let ThrottleConfig {
            account,
            address,
            entries_max,
        } = config;
        Self {
            accounts: Counters::new(account, entries_max),
            addresses: Counters::new(address, entries_max),
        }
    }

    /// Begins an attempt, after having waited `wait_max` at most for its turn.
    pub(crate) async fn begin(
        &self,
        tenant: TenantId,
        email: &EmailAddress,
        address: Option<IpAddr>,
        now: Timestamp,
        wait_max: Duration,
    ) -> Result<Attempt<'_>, Held> {
        let places = async {
            let address = match address {
                Some(address) => Some(self.addresses.place(address_key(address), now).await?),
                None => None,
            };
            let account = self.accounts.place(account_key(tenant, email), now).await?;
            Ok((account, address))
        };
        let (account, address) = tokio::time::timeout(wait_max, places)
            .await
            .unwrap_or(Err(Held::Busy))?;
        let mut attempt = Attempt { account, address };
        attempt.ends(End::Failure, End::Failure);
        Ok(attempt)
    }
}

impl Attempt<'_> {
    /// The password was right: the account's failures are forgotten. The address keeps its earlier ones, or an account of his own would
    /// let a guesser start afresh.
    pub(crate) fn succeeded(mut self) {
        self.ends(End::Success, End::Nothing);
    }

    /// Nothing was tried: the service was busy or its database away.
    pub(crate) fn did_not_happen(mut self) {
        self.ends(End::Nothing, End::Nothing);
    }

    fn ends(&mut self, account: End, address: End) {
        self.account.end = account;
        if let Some(place) = &mut self.address {
            place.end = address;
        }
    }
}

/// The counters of all accounts, or of all addresses.
#[derive(Debug)]
struct Counters {
    limit: ThrottleLimit,
    entries_max: usize,
    entries: Mutex<HashMap<u128, Counter>>,
    /// Tells those who wait that an attempt has ended.
    ended: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    /// When the failures are all forgotten.
    forgotten_at: Timestamp,
    /// Attempts that may yet become failures.
    going_on: u32,
}

/// One attempt's place in a counter. Until it is told otherwise it leaves nothing behind.
#[derive(Debug)]
struct Place<'a> {
    counters: &'a Counters,
    key: u128,
    begun_at: Timestamp,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Nothing,
    Failure,
    Success,
}

impl Counters {
    fn new(limit: ThrottleLimit, entries_max: usize) -> Self {
        // Bounds that keep every sum of theirs within what a timestamp can hold.
        let limit = ThrottleLimit {
            burst: limit.burst.clamp(1, 10_000),
            recovery: limit.recovery.min(Duration::from_secs(24 * 60 * 60)),
        };
        Self {
            limit,
            entries_max,
            entries: Mutex::default(),
            ended: Notify::new(),
        }
    }

    async fn place(&self, key: u128, now: Timestamp) -> Result<Place<'_>, Held> {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            // From here on no end is missed, also one between the look and the wait.
            ended.as_mut().enable();
            if let Some(place) = self.try_place(key, now)? {
                return Ok(place);
            }
            ended.await;
        }
    }

    /// A place, or `None` when those who are trying just now may fill them all.
    fn try_place(&self, key: u128, now: Timestamp) -> Result<Option<Place<'_>>, Held> {
        let ThrottleLimit { burst, recovery } = self.limit;
        let mut entries = self.lock();
        let known = entries.get(&key).copied();
        let counter = known.unwrap_or(Counter {
            forgotten_at: now,
            going_on: 0,
        });
        let failed = counter.forgotten_at.max(now);
        let latest = now + recovery.saturating_mul(burst);
        if failed + recovery > latest {
            let wait = failed + recovery - latest;
            return Err(Held::TooManyAttempts {
                retry_after: wait.try_into().unwrap_or(recovery),
            });
        }
        let going_on = counter.going_on + 1;
        if failed + recovery.saturating_mul(going_on) > latest {
            return Ok(None);
        }
        if known.is_none() && entries.len() >= self.entries_max {
            make_room(&mut entries, now);
        }
        entries.insert(key, Counter { going_on, ..counter });
        Ok(Some(Place {
            counters: self,
            key,
            begun_at: now,
            end: End::Nothing,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, Counter>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut entries = self.counters.lock();
        if let Some(counter) = entries.get_mut(&self.key) {
            counter.going_on = counter.going_on.saturating_sub(1);
            match self.end {
                End::Nothing => {}
                End::Failure => {
                    let failed = counter.forgotten_at.max(self.begun_at);
                    counter.forgotten_at = failed + self.counters.limit.recovery;
                }
                End::Success => counter.forgotten_at = self.begun_at,
            }
            if counter.going_on == 0 && counter.forgotten_at <= self.begun_at {
                entries.remove(&self.key);
            }
        }
        drop(entries);
        self.counters.ended.notify_waiters();
    }
}

/// Drops what is forgotten anyway and at least a quarter of the rest, those with the fewest failures first: the accounts under
/// attack stay, and the cost of looking at every entry is spread over the many insertions that follow.
fn make_room(entries: &mut HashMap<u128, Counter>, now: Timestamp) {
    let stays = |counter: &Counter, threshold| counter.going_on > 0 || counter.forgotten_at > threshold;
    entries.retain(|_, counter| stays(counter, now));
    let mut instants: Vec<Timestamp> = entries.values().map(|counter| counter.forgotten_at).collect();
    if instants.is_empty() {
        return;
    }
    let at = instants.len() / 4;
    let (_, &mut threshold, _) = instants.select_nth_unstable(at);
    entries.retain(|_, counter| stays(counter, threshold));
}

/// A hash, so that an entry has one size and no address stays in memory.
fn account_key(tenant: TenantId, email: &EmailAddress) -> u128 {
    let digest = Sha256::new()
        .chain_update(tenant.as_uuid().as_bytes())
        .chain_update(email.normalized())
        .finalize();
    digest
        .iter()
        .take(16)
        .fold(0, |key, byte| (key << 8) | u128::from(*byte))
}

fn address_key(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => (u128::from(address) >> 64) << 64,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-02 03:04:05 UTC);
    const MINUTE: Duration = Duration::from_secs(60);
    const TENANT: &str = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";
    const OTHER_TENANT: &str = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a13";

    fn throttle(account: u32, address: u32, entries_max: usize) -> Throttle {
        let limit = |burst| ThrottleLimit {
            burst,
            recovery: MINUTE,
        };
        Throttle::new(ThrottleConfig {
            account: limit(account),
            address: limit(address),
            entries_max,
        })
    }

    async fn begin<'a>(
        throttle: &'a Throttle,
        tenant: &str,
        name: &str,
        address: Option<&str>,
        now: Timestamp,
    ) -> Result<Attempt<'a>, Held> {
        let email = EmailAddress::parse(&format!("{name}@example.com")).unwrap();
        let address = address.map(|address| address.parse().unwrap());
        throttle
            .begin(tenant.parse().unwrap(), &email, address, now, Duration::ZERO)
            .await
    }

    /// Fails to sign in, or is refused to try.
    async fn fail(
        throttle: &Throttle,
        name: &str,
        address: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Held> {
        begin(throttle, TENANT, name, address, now).await.map(drop)
    }

    fn held(retry_after: Duration) -> Result<(), Held> {
        Err(Held::TooManyAttempts { retry_after })
    }

    #[tokio::test]
    async fn past_the_burst_one_attempt_is_let_through_for_each_recovery_interval() {
        let throttle = throttle(3, 100, 100);
        let tick = Duration::from_micros(1);

        for _ in 0..3 {
            assert_eq!(fail(&throttle, "ada", None, NOW).await, Ok(()));
        }
        assert_eq!(fail(&throttle, "ada", None, NOW).await, held(MINUTE));
        assert_eq!(
            fail(&throttle, "ada", None, NOW + MINUTE - tick).await,
            held(tick)
        );
        assert_eq!(fail(&throttle, "ada", None, NOW + MINUTE).await, Ok(()));
        assert_eq!(fail(&throttle, "ada", None, NOW + MINUTE).await, held(MINUTE));
    }

    #[tokio::test]
    async fn refused_attempts_do_not_lengthen_the_wait() {
        let throttle = throttle(1, 100, 100);
        assert_eq!(fail(&throttle, "ada", None, NOW).await, Ok(()));

        for _ in 0..1_000 {
            assert_eq!(fail(&throttle, "ada", None, NOW).await, held(MINUTE));
        }

        assert_eq!(fail(&throttle, "ada", None, NOW + MINUTE).await, Ok(()));
    }

    #[tokio::test]
    async fn accounts_tenants_and_addresses_are_counted_apart() {
        let throttle = throttle(1, 2, 100);

        assert_eq!(fail(&throttle, "ada", Some("192.0.2.1"), NOW).await, Ok(()));
        assert_eq!(fail(&throttle, "ADA", Some("192.0.2.2"), NOW).await, held(MINUTE));
        let elsewhere = begin(&throttle, OTHER_TENANT, "ada", Some("::ffff:192.0.2.1"), NOW).await;
        assert_eq!(elsewhere.map(drop), Ok(()));
        assert_eq!(
            fail(&throttle, "grace", Some("192.0.2.1"), NOW).await,
            held(MINUTE)
        );
        assert_eq!(fail(&throttle, "grace", Some("192.0.2.2"), NOW).await, Ok(()));
    }

    #[tokio::test]
    async fn the_addresses_of_one_ipv6_network_are_counted_together() {
        let throttle = throttle(100, 1, 100);

        assert_eq!(fail(&throttle, "ada", Some("2001:db8::1"), NOW).await, Ok(()));
        assert_eq!(
            fail(&throttle, "bob", Some("2001:db8::2"), NOW).await,
            held(MINUTE)
        );
        assert_eq!(fail(&throttle, "bob", Some("2001:db8:0:1::1"), NOW).await, Ok(()));
    }

    #[tokio::test]
    async fn a_success_clears_the_account_and_leaves_the_address_its_failures() {
        let throttle = throttle(2, 3, 100);
        let from = Some("192.0.2.1");
        assert_eq!(fail(&throttle, "ada", from, NOW).await, Ok(()));
        assert_eq!(fail(&throttle, "bob", from, NOW).await, Ok(()));

        begin(&throttle, TENANT, "ada", from, NOW)
            .await
            .unwrap()
            .succeeded();

        assert_eq!(fail(&throttle, "ada", from, NOW).await, Ok(()));
        assert_eq!(fail(&throttle, "ada", from, NOW).await, held(MINUTE));
        assert_eq!(fail(&throttle, "ada", None, NOW).await, Ok(()));
    }

    #[tokio::test]
    async fn an_attempt_that_did_not_happen_is_not_counted() {
        let throttle = throttle(1, 1, 100);

        for _ in 0..10 {
            let attempt = begin(&throttle, TENANT, "ada", Some("192.0.2.1"), NOW).await;
            attempt.unwrap().did_not_happen();
        }

        assert!(throttle.accounts.lock().is_empty() && throttle.addresses.lock().is_empty());
    }

    #[tokio::test]
    async fn who_finds_every_place_held_waits_for_one_and_no_longer_than_allowed() {
        let throttle = throttle(1, 100, 100);
        let first = begin(&throttle, TENANT, "ada", None, NOW).await.unwrap();
        assert_eq!(fail(&throttle, "ada", None, NOW).await, Err(Held::Busy));
        let email = EmailAddress::parse("ada@example.com").unwrap();
        let tenant = TENANT.parse().unwrap();

        let second = throttle.begin(tenant, &email, None, NOW, MINUTE);
        let (second, ()) = tokio::join!(second, async { first.succeeded() });
        let third = throttle.begin(tenant, &email, None, NOW, MINUTE);
        let (third, ()) = tokio::join!(third, async { drop(second.unwrap()) });

        assert_eq!(third.map(drop), held(MINUTE));
    }

    #[tokio::test]
    async fn who_is_held_for_the_account_leaves_no_mark_on_the_address() {
        let throttle = throttle(1, 2, 100);
        let from = Some("192.0.2.1");
        assert_eq!(fail(&throttle, "ada", from, NOW).await, Ok(()));

        for _ in 0..10 {
            assert_eq!(fail(&throttle, "ada", from, NOW).await, held(MINUTE));
        }

        assert_eq!(fail(&throttle, "bob", from, NOW).await, Ok(()));
    }

    #[tokio::test]
    async fn the_account_under_attack_is_remembered_when_the_table_overflows() {
        let throttle = throttle(3, 1_000_000, 64);
        for _ in 0..3 {
            assert_eq!(fail(&throttle, "victim", None, NOW).await, Ok(()));
        }

        for name in 0..1_000 {
            assert_eq!(fail(&throttle, &format!("n{name}"), None, NOW).await, Ok(()));
        }

        assert!(throttle.accounts.lock().len() <= 64);
        assert_eq!(fail(&throttle, "victim", None, NOW).await, held(MINUTE));
    }

    #[tokio::test]
    async fn absurd_limits_are_bounded() {
        let limit = ThrottleLimit {
            burst: u32::MAX,
            recovery: Duration::MAX,
        };
        let throttle = Throttle::new(ThrottleConfig {
            account: limit,
            address: limit,
            entries_max: 0,
        });

        assert_eq!(fail(&throttle, "ada", Some("192.0.2.1"), NOW).await, Ok(()));
    }
}
