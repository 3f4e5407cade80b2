//! What an embedder may set.

use std::num::NonZeroUsize;
use std::time::Duration;

use platform_core::{Permission, PermissionInfo};

use crate::role::RoleTable;
use crate::{BreachedPasswords, MailConfig, RefusalConfig, Role, ThrottleConfig, ThrottleLimit};

/// The settings of sign-in; the defaults are safe.
///
/// ```
/// use platform_auth::{AuthConfig, Role};
/// use platform_core::{Permission, PermissionInfo};
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
    /// How wrong one-time codes and recovery codes of a user are slowed down.
    pub second_factor: ThrottleConfig,
    /// How many refusals are recorded one by one.
    pub refusals: RefusalConfig,
    /// How mail is sent: not at all. Without it nobody can verify an address or reset a password.
    pub mail: Option<MailConfig>,
    /// May only sign in who has shown that the mail of the address is read? Off by default. It takes mail: without it nobody could sign in.
    pub verified_email: bool,
    /// Where passkeys are good: there are none.
    #[cfg(feature = "passkeys")]
    pub passkeys: Option<crate::PasskeyConfig>,
    pub(crate) roles: RoleTable,
    pub(crate) declared: Vec<PermissionInfo>,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordConfig {
    /// The fewest characters of a new password: 8, the least that NIST SP 800-63B (revision 3, section 5.1.1.2) allows, and never less.
    /// Its fourth revision asks for 15 where nothing but the password protects the account; raise it if your users can bear it.
    pub chars_min: usize,
    /// How hard to guess a new password has to be, as zxcvbn scores it: 3, "safely unguessable", more than 10^8 guesses. 2 asks for more
    /// than 10^6, and smaller values count as it; 4 for more than 10^10.
    pub score_min: u8,
    /// A list of passwords that were stolen elsewhere, none of which may be set: none. Common ones are refused in any case.
    pub breached: Option<BreachedPasswords>,
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
    /// Gives a role a permission that another module checks. An admin has [`TENANT_ADMIN`](crate::TENANT_ADMIN),
    /// [`ROLES_MANAGE`](crate::ROLES_MANAGE), [`GROUPS_MANAGE`](crate::GROUPS_MANAGE) and [`GRANTS_MANAGE`](crate::GRANTS_MANAGE) from the
    /// start, a user has none; an admin's permissions do not include a user's.
    #[must_use]
    pub fn grant(mut self, role: Role, permission: Permission) -> Self {
        self.roles.grant(role, permission);
        self
    }

    /// Declares a permission, for a service that does not compose modules, or for a module that declares only its name. What modules
    /// declare is known without.
    #[must_use]
    pub fn permission(mut self, info: PermissionInfo) -> Self {
        self.declared.push(info);
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
            second_factor: ThrottleConfig {
                account: ThrottleLimit {
                    burst: 5,
                    recovery: Duration::from_secs(2 * 60),
                },
                ..ThrottleConfig::default()
            },
            refusals: RefusalConfig::default(),
            mail: None,
            verified_email: false,
            #[cfg(feature = "passkeys")]
            passkeys: None,
            roles: RoleTable::default(),
            declared: Vec::new(),
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
            score_min: 3,
            breached: None,
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
            parallel_max: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            waiting_max: 256,
            wait_max: Duration::from_secs(5),
        }
    }
}
