//! How a sequencer works.

use std::num::NonZeroU8;
use std::time::Duration;

use platform_core::TenantId;

/// How a [`Sequencer`](crate::Sequencer) works; the defaults suit a service of a few thousand events a second.
///
/// A value outside its limits is taken as the nearest one within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequencerConfig {
    /// Into how many shares the tenants are divided, 1 to 64: a process sequences those shares whose lease it holds. Give all processes
    /// of one database the same number; with different ones they are in each other's way, though no tree comes to harm. 1.
    pub shards: NonZeroU8,
    /// The most events that one round takes, of all tenants of a share together, 1 to 100,000: 10,000.
    pub batch_max: u32,
    /// How long after the beginning of a round the next one begins: 200 ms.
    pub interval: Duration,
    /// So many events recorded in this process begin a round at once: 1,000.
    pub wake_at: u32,
    /// How long a lease stands without being renewed, 1 s to 10 min: 10 s. A process that is killed is replaced after that long; one
    /// that is stopped, at once.
    pub lease: Duration,
    /// How many tenants' trees a process keeps in memory, 16 at least, about 10 kB each: 4,096.
    pub trees: u32,
    /// What becomes of events without a seal.
    pub unsealed: Unsealed,
}

/// Whether a tenant's tree may hold events that carry no seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsealed {
    /// Those that were recorded before there were seals, and that an operator has [adopted](crate::Sequencer::adopt), once. The migration
    /// that brought the seals has marked them on the work list; whoever can write every table of the database could do so too. So a tenant
    /// whose work list has such events, and whose tree holds none with a seal, is refused as [`Refusal::UnsealedWaiting`](crate::Refusal)
    /// until an operator has looked at how many there are. They come first then, and none comes behind one with a seal.
    #[default]
    Adopted,
    /// Never: for a service that has sealed its events from the beginning. They are kept out for good, so that nothing has to be looked
    /// at.
    Never,
    /// Until it holds one that does. Whoever can write to the database can so put events into the tree of each new tenant: only for a
    /// service whose programs do not all have the key yet.
    UntilSealed,
}

impl Default for SequencerConfig {
    fn default() -> Self {
        Self {
            shards: NonZeroU8::MIN,
            batch_max: 10_000,
            interval: Duration::from_millis(200),
            wake_at: 1_000,
            lease: Duration::from_secs(10),
            trees: 4_096,
            unsealed: Unsealed::Adopted,
        }
    }
}

impl SequencerConfig {
    pub(super) fn within_limits(self) -> Self {
        Self {
            shards: self.shards.min(NonZeroU8::new(64).unwrap_or(NonZeroU8::MIN)),
            batch_max: self.batch_max.clamp(1, 100_000),
            wake_at: self.wake_at.max(1),
            lease: self.lease.clamp(Duration::from_secs(1), Duration::from_secs(600)),
            trees: self.trees.max(16),
            ..self
        }
    }

    pub(super) fn batch_max(self) -> usize {
        usize::try_from(self.batch_max).unwrap_or(usize::MAX)
    }

    /// The share that a tenant is in: the last byte of its id, modulo the number of shares.
    pub(super) fn shard_of(self, tenant: TenantId) -> u8 {
        let [.., last] = *tenant.as_uuid().as_bytes();
        last % self.shards
    }
}
