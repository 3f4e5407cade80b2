//! What an embedder may set.

use std::num::NonZeroUsize;
use std::time::Duration;

use platform_core::Permission;

use crate::role::RoleTable;
use crate::{Role, ThrottleConfig};

/// The settings of sign-in; the defaults are safe.
///
/// ```
/// use platform_auth::{AuthConfig, Role};
/// use platform_core::Permission;
///
/// const TRADE: Permission = Permission::new("orders:place");
///
/// let mut config = AuthConfig::default().grant(Role::User, TRADE).grant(Role::Admin, TRADE);
/// config.registration = false;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthConfig {
    /// May anybody who knows the tenant register as its user? On by default.
    pub registration: bool,
    /// How long sessions last.
    pub sessions: SessionConfig,
    /// What passwords are taken and how they are hashed.
    pub passwords: PasswordConfig,
    /// How failed sign-ins are slowed down.
    pub throttle: ThrottleConfig,
    pub(crate) roles: RoleTable,
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionConfig {
    /// It ends when it has not been used for this long: 30 minutes.
    pub idle: Duration,
    /// It ends this long after the sign-in, however much it is used: 12 hours.
    pub absolute: Duration,
    /// Its last use is written down at most this often: once a minute. It may end that much sooner than `idle` says, never later.
    pub touch_interval: Duration,
}

/// What passwords are taken, and how much work hashing them is.
///
/// The work is never less than 19 MiB of memory and two passes, the least that OWASP advises for Argon2id; smaller values count as those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordConfig {
    /// The fewest characters of a new password: 8, the least that NIST SP 800-63B (revision 3, section 5.1.1.2) allows, and never less.
    /// Its fourth revision asks for 15 where nothing but the password protects the account; raise it if your users can bear it.
    pub chars_min: usize,
    /// Memory for one hash, in KiB: 19,456.
    pub memory_kib: u32,
    /// Passes over the memory: 2.
    pub passes: u32,
    /// Lanes of one hash: 1.
    pub lanes: u32,
    /// How many hashes are computed at the same time: as many as there are processors.
    pub parallel_max: NonZeroUsize,
    /// How many more may wait for their turn: 256. Past that the answer is "busy".
    pub waiting_max: usize,
    /// How long one of them waits before the answer is "busy": 5 seconds. As long waits a sign-in while others of the same account or
    /// address are going on that may use up its [throttle](ThrottleConfig).
    pub wait_max: Duration,
}

impl AuthConfig {
    /// Gives a role a permission that another module checks. An admin has [`TENANT_ADMIN`](crate::TENANT_ADMIN) from the start, a
    /// user has none; an admin's permissions do not include a user's.
    #[must_use]
    pub fn grant(mut self, role: Role, permission: Permission) -> Self {
        self.roles.grant(role, permission);
        self
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            registration: true,
            sessions: SessionConfig::default(),
            passwords: PasswordConfig::default(),
            throttle: ThrottleConfig::default(),
            roles: RoleTable::default(),
        }
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(12 * 60 * 60),
            touch_interval: Duration::from_secs(60),
        }
    }
}

impl Default for PasswordConfig {
    fn default() -> Self {
        Self {
            chars_min: 8,
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
            parallel_max: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            waiting_max: 256,
            wait_max: Duration::from_secs(5),
        }
    }
}
