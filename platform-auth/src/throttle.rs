//! Slowing down whoever guesses passwords.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platform_core::{TenantId, Timestamp};
use sha2::{Digest, Sha256};

use crate::email::EmailAddress;

/// How many failures are free, and how fast they are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleLimit {
    /// Failures in quick succession before the next attempt has to wait; at least 1.
    pub burst: u32,
    /// How long one failure is remembered: past the burst, one attempt is let through for each such interval.
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
/// Each counter is one instant, by which all its failures are forgotten (the generic cell rate algorithm): it never grows past what the
/// burst allows, so nobody waits longer than one recovery interval, however often somebody else fails. An attempt is counted
/// when it begins, so that simultaneous guesses cannot slip past together, and given back if it turns out not to be a guess.
#[derive(Debug)]
pub(crate) struct Throttle {
    config: ThrottleConfig,
    accounts: Mutex<Counters>,
    addresses: Mutex<Counters>,
}

/// Too many failures: try again after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyAttempts {
    pub(crate) retry_after: Duration,
}

/// An attempt that has been counted as a failure. Dropping it leaves it counted: whoever hangs up has guessed all the same.
#[derive(Debug)]
#[must_use]
pub(crate) struct Attempt<'a> {
    throttle: &'a Throttle,
    account: u128,
    address: Option<u128>,
}

impl Throttle {
    pub(crate) fn new(config: ThrottleConfig) -> Self {
        Self {
            config,
            accounts: Mutex::default(),
            addresses: Mutex::default(),
        }
    }

    /// Counts an attempt, or refuses it without counting.
    pub(crate) fn begin(
        &self,
        tenant: TenantId,
        email: &EmailAddress,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Attempt<'_>, TooManyAttempts> {
        let ThrottleConfig {
            account: per_account,
            address: per_address,
            entries_max,
        } = self.config;
        let account = account_key(tenant, email);
        let address = address.map(address_key);
        if let Some(address) = address {
            lock(&self.addresses).count(address, per_address, entries_max, now)?;
        }
        let counted = lock(&self.accounts).count(account, per_account, entries_max, now);
        if let Err(refused) = counted {
            if let Some(address) = address {
                lock(&self.addresses).give_back(address, per_address);
            }
            return Err(refused);
        }
        Ok(Attempt {
            throttle: self,
            account,
            address,
        })
    }
}

impl Attempt<'_> {
    /// The password was right: the account's failures are forgotten. The address keeps its earlier ones, or an account of his own would
    /// let a guesser start afresh.
    pub(crate) fn succeeded(self) {
        lock(&self.throttle.accounts).forget(self.account);
        self.give_back_address();
    }

    /// Nothing was tried: the service was busy or its database away.
    pub(crate) fn did_not_happen(self) {
        lock(&self.throttle.accounts).give_back(self.account, self.throttle.config.account);
        self.give_back_address();
    }

    fn give_back_address(&self) {
        if let Some(address) = self.address {
            lock(&self.throttle.addresses).give_back(address, self.throttle.config.address);
        }
    }
}

/// For each key the instant by which its failures are all forgotten.
#[derive(Debug, Default)]
struct Counters(HashMap<u128, Timestamp>);

impl Counters {
    fn count(
        &mut self,
        key: u128,
        limit: ThrottleLimit,
        entries_max: usize,
        now: Timestamp,
    ) -> Result<(), TooManyAttempts> {
        let known = self.0.get(&key).copied();
        let counted = known.unwrap_or(now).max(now) + limit.recovery;
        let latest = now + limit.recovery.saturating_mul(limit.burst.max(1));
        if counted > latest {
            let wait = counted - latest;
            return Err(TooManyAttempts {
                retry_after: wait.try_into().unwrap_or(limit.recovery),
            });
        }
        if known.is_none() && self.0.len() >= entries_max {
            self.make_room(now);
        }
        self.0.insert(key, counted);
        Ok(())
    }

    fn give_back(&mut self, key: u128, limit: ThrottleLimit) {
        if let Some(counted) = self.0.get_mut(&key) {
            *counted -= limit.recovery;
        }
    }

    fn forget(&mut self, key: u128) {
        self.0.remove(&key);
    }

    /// Drops what is forgotten anyway and at least a quarter of the rest, those with the fewest failures first: the accounts under
    /// attack stay, and the cost of looking at every entry is spread over the many insertions that follow.
    fn make_room(&mut self, now: Timestamp) {
        self.0.retain(|_, counted| *counted > now);
        let mut instants: Vec<Timestamp> = self.0.values().copied().collect();
        if instants.is_empty() {
            return;
        }
        let at = instants.len() / 4;
        let (_, &mut threshold, _) = instants.select_nth_unstable(at);
        self.0.retain(|_, counted| *counted > threshold);
    }
}

fn lock(counters: &Mutex<Counters>) -> MutexGuard<'_, Counters> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn throttle(account: u32, address: u32, entries_max: usize) -> Throttle {
        Throttle::new(ThrottleConfig {
            account: ThrottleLimit {
                burst: account,
                recovery: MINUTE,
            },
            address: ThrottleLimit {
                burst: address,
                recovery: MINUTE,
            },
            entries_max,
        })
    }

    fn email(name: &str) -> EmailAddress {
        EmailAddress::parse(&format!("{name}@example.com")).unwrap()
    }

    fn tenant() -> TenantId {
        "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12".parse().unwrap()
    }

    fn other_tenant() -> TenantId {
        "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a13".parse().unwrap()
    }

    #[test]
    fn past_the_burst_one_attempt_is_let_through_for_each_recovery_interval() {
        let throttle = throttle(3, 100, 100);
        let ada = email("ada");
        let tries = |now| throttle.begin(tenant(), &ada, None, now).map(drop);

        for _ in 0..3 {
            assert_eq!(tries(NOW), Ok(()));
        }
        assert_eq!(tries(NOW), Err(TooManyAttempts { retry_after: MINUTE }));
        assert_eq!(
            tries(NOW + MINUTE - Duration::from_micros(1)),
            Err(TooManyAttempts {
                retry_after: Duration::from_micros(1)
            })
        );
        assert_eq!(tries(NOW + MINUTE), Ok(()));
        assert_eq!(tries(NOW + MINUTE), Err(TooManyAttempts { retry_after: MINUTE }));
    }

    #[test]
    fn refused_attempts_do_not_lengthen_the_wait() {
        let throttle = throttle(1, 100, 100);
        let ada = email("ada");
        drop(throttle.begin(tenant(), &ada, None, NOW).unwrap());

        for _ in 0..1_000 {
            assert!(throttle.begin(tenant(), &ada, None, NOW).is_err());
        }

        assert!(throttle.begin(tenant(), &ada, None, NOW + MINUTE).is_ok());
    }

    #[test]
    fn accounts_tenants_and_addresses_are_counted_apart() {
        let throttle = throttle(1, 2, 100);
        let one = Some("192.0.2.1".parse().unwrap());
        let mapped = Some("::ffff:192.0.2.1".parse().unwrap());
        let two = Some("192.0.2.2".parse().unwrap());

        drop(throttle.begin(tenant(), &email("ada"), one, NOW).unwrap());
        assert!(throttle.begin(tenant(), &email("ADA"), two, NOW).is_err());
        drop(
            throttle
                .begin(other_tenant(), &email("ada"), mapped, NOW)
                .unwrap(),
        );
        assert!(throttle.begin(tenant(), &email("grace"), one, NOW).is_err());
        drop(throttle.begin(tenant(), &email("grace"), two, NOW).unwrap());
    }

    #[test]
    fn one_network_of_the_new_protocol_is_one_address() {
        let throttle = throttle(100, 1, 100);

        drop(
            throttle
                .begin(tenant(), &email("ada"), Some("2001:db8::1".parse().unwrap()), NOW)
                .unwrap(),
        );

        assert!(
            throttle
                .begin(tenant(), &email("bob"), Some("2001:db8::2".parse().unwrap()), NOW)
                .is_err()
        );
        assert!(
            throttle
                .begin(
                    tenant(),
                    &email("bob"),
                    Some("2001:db8:0:1::1".parse().unwrap()),
                    NOW
                )
                .is_ok()
        );
    }

    #[test]
    fn a_success_clears_the_account_and_leaves_the_address_its_failures() {
        let throttle = throttle(2, 3, 100);
        let from = Some("192.0.2.1".parse().unwrap());
        drop(throttle.begin(tenant(), &email("ada"), from, NOW).unwrap());
        drop(throttle.begin(tenant(), &email("bob"), from, NOW).unwrap());

        throttle
            .begin(tenant(), &email("ada"), from, NOW)
            .unwrap()
            .succeeded();

        drop(throttle.begin(tenant(), &email("ada"), from, NOW).unwrap());
        assert!(throttle.begin(tenant(), &email("ada"), from, NOW).is_err());
        assert!(throttle.begin(tenant(), &email("ada"), None, NOW).is_ok());
    }

    #[test]
    fn an_attempt_that_did_not_happen_is_not_counted() {
        let throttle = throttle(1, 1, 100);
        let from = Some("192.0.2.1".parse().unwrap());

        for _ in 0..10 {
            throttle
                .begin(tenant(), &email("ada"), from, NOW)
                .unwrap()
                .did_not_happen();
        }
    }

    #[test]
    fn the_account_under_attack_is_remembered_when_the_table_overflows() {
        let throttle = throttle(3, 1_000_000, 64);
        for _ in 0..3 {
            drop(throttle.begin(tenant(), &email("victim"), None, NOW).unwrap());
        }

        for name in 0..1_000 {
            drop(
                throttle
                    .begin(tenant(), &email(&format!("n{name}")), None, NOW)
                    .unwrap(),
            );
        }

        assert!(lock(&throttle.accounts).0.len() <= 64);
        assert!(throttle.begin(tenant(), &email("victim"), None, NOW).is_err());
    }
}
