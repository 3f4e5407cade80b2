//! What an embedder may set.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use platform_core::{Permission, PermissionInfo, TenantId};

use crate::role::RoleTable;
use crate::{
    ApiKeyConfig, BreachedPasswords, MailConfig, RefusalConfig, Role, ThrottleConfig, ThrottleLimit,
    TxtResolver,
};

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
    /// How many may register: of each tenant, which is what `account` counts here (1,000 at once, then one a second), and from each
    /// source address (100 at once, then one in 10 seconds). Refused registrations count too.
    pub registrations: ThrottleConfig,
    /// How wrong one-time codes and recovery codes of a user are slowed down.
    pub second_factor: ThrottleConfig,
    /// How long API keys last, and how many there are.
    pub api_keys: ApiKeyConfig,
    /// How many refusals are recorded one by one.
    pub refusals: RefusalConfig,
    /// How mail is sent: not at all. Without it nobody can verify an address or reset a password.
    pub mail: Option<MailConfig>,
    /// May only sign in who has shown that the mail of the address is read? Off by default. It takes mail: without it nobody could sign in.
    ///
    /// Registering and signing in then tell nobody which addresses are known: whoever registers is answered before anything is looked up,
    /// and until the address is verified a sign-in is answered as one with a wrong password. The password of an account is the one that
    /// was entered with the token from the mail, not the one of the registration, which anybody could have sent.
    pub verified_email: bool,
    /// The origins under which browsers see the service, beside the one that the header `Host` names: where a proxy rewrites that, or for
    /// pages of other hosts of the same site. They may sign in with a cookie and use it for what changes something. None.
    #[cfg(feature = "http")]
    pub origins: Vec<platform_core::http::Origin>,
    /// The tenant of the platform itself, whose admins are its operators: none. Permissions whose names begin with `platform:` are given
    /// to them and to nobody else, whatever [`grant`](Self::grant) says.
    pub platform_tenant: Option<TenantId>,
    /// Who looks for the records that prove whose a host name is: nobody. Without one only operators give tenants names.
    pub txt_resolver: Option<Arc<dyn TxtResolver>>,
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
    /// How long a request may go by what this instance remembers of a session, its user and its tenant: one second, at most five. A change
    /// made through this instance takes effect at once, one made elsewhere as soon as the database's message arrives, and at the latest
    /// when what is remembered is this old. Zero has every request ask the database.
    pub cache_age: Duration,
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
    /// [`USERS_MANAGE`](crate::USERS_MANAGE), [`ROLES_MANAGE`](crate::ROLES_MANAGE), [`GROUPS_MANAGE`](crate::GROUPS_MANAGE),
    /// [`GRANTS_MANAGE`](crate::GRANTS_MANAGE), [`SERVICE_PRINCIPALS_MANAGE`](crate::SERVICE_PRINCIPALS_MANAGE),
    /// [`API_KEYS_MANAGE`](crate::API_KEYS_MANAGE) and [`SESSIONS_MANAGE`](crate::SESSIONS_MANAGE) from the start, a user has none; an
    /// admin's permissions do not include a user's.
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

impl SessionConfig {
    /// The same, and no longer than a tenant wants.
    pub(crate) fn within(self, idle: Option<Duration>, absolute: Option<Duration>) -> Self {
        let idle = idle.map_or(self.idle, |idle| idle.min(self.idle));
        Self {
            idle,
            absolute: absolute.map_or(self.absolute, |absolute| absolute.min(self.absolute)),
            // What is written down less often than that would end while it is used.
            touch_interval: self.touch_interval.min(idle / 4),
            ..self
        }
    }
}

impl PasswordConfig {
    /// The fewest characters and the score that hold, whatever was configured.
    pub(crate) fn floor(&self) -> (usize, u8) {
        (self.chars_min.max(8), self.score_min.clamp(2, 4))
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            registration: true,
            sessions: SessionConfig::default(),
            passwords: PasswordConfig::default(),
            throttle: ThrottleConfig::default(),
            registrations: ThrottleConfig {
                account: ThrottleLimit {
                    burst: 1_000,
                    recovery: Duration::from_secs(1),
                },
                address: ThrottleLimit {
                    burst: 100,
                    recovery: Duration::from_secs(10),
                },
                ..ThrottleConfig::default()
            },
            second_factor: ThrottleConfig {
                account: ThrottleLimit {
                    burst: 5,
                    recovery: Duration::from_secs(2 * 60),
                },
                ..ThrottleConfig::default()
            },
            api_keys: ApiKeyConfig::default(),
            refusals: RefusalConfig::default(),
            mail: None,
            verified_email: false,
            #[cfg(feature = "http")]
            origins: Vec::new(),
            platform_tenant: None,
            txt_resolver: None,
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
            cache_age: Duration::from_secs(1),
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
