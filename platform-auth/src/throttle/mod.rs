//! Slowing down whoever guesses passwords.

mod counters;

use std::net::IpAddr;
use std::time::Duration;

use platform_core::{PrincipalId, TenantId, Timestamp};
use sha2::{Digest, Sha256};

use self::counters::{Counters, End, Place};
use crate::EmailAddress;

/// How many failures or refusals are free, and how fast they are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleLimit {
    /// Failures in quick succession before the next attempt has to wait: 1 to 10,000.
    pub burst: u32,
    /// How long one failure is remembered, a day at most: past the burst, one attempt is let through for each such interval.
    pub recovery: Duration,
}

impl ThrottleLimit {
    /// Within bounds that keep every sum of it within what a timestamp can hold.
    pub(crate) fn bounded(self) -> Self {
        Self {
            burst: self.burst.clamp(1, 10_000),
            recovery: self.recovery.min(Duration::from_secs(24 * 60 * 60)),
        }
    }
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

/// The account that an attempt is at: a hash, so that an entry has one size and no address stays in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountKey(u128);

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
        account: AccountKey,
        address: Option<IpAddr>,
        now: Timestamp,
        wait_max: Duration,
    ) -> Result<Attempt<'_>, Held> {
        let places = async {
            let address = match address {
                Some(address) => Some(self.addresses.place(address_key(address), now).await?),
                None => None,
            };
            let account = self.accounts.place(account.0, now).await?;
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

impl AccountKey {
    /// Whoever has this address, if anybody has.
    pub(crate) fn of_email(tenant: TenantId, email: &EmailAddress) -> Self {
        Self::of(tenant, email.normalized().as_bytes())
    }

    /// The same for one purpose: what is asked for another one is counted apart.
    pub(crate) fn of_mail(tenant: TenantId, email: &EmailAddress, purpose: &'static str) -> Self {
        // An address has no such character.
        Self::of(tenant, format!("{purpose}\0{}", email.normalized()).as_bytes())
    }

    /// All of a tenant together.
    pub(crate) fn of_tenant(tenant: TenantId) -> Self {
        Self::of(tenant, &[])
    }

    /// A user, whatever the address.
    pub(crate) fn of_user(tenant: TenantId, user: PrincipalId) -> Self {
        Self::of(tenant, user.as_uuid().as_bytes())
    }

    /// Whoever has a passkey that authenticators know under this id, if anybody has.
    #[cfg(feature = "passkeys")]
    pub(crate) fn of_passkey(tenant: TenantId, id: &[u8]) -> Self {
        Self::of(tenant, &[b"passkey:", id].concat())
    }

    fn of(tenant: TenantId, account: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(tenant.as_uuid().as_bytes())
            .chain_update(account)
            .finalize();
        let key = digest
            .iter()
            .take(16)
            .fold(0, |key, byte| (key << 8) | u128::from(*byte));
        Self(key)
    }
}

fn address_key(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => (u128::from(address) >> 64) << 64,
    }
}

#[cfg(test)]
mod tests;
