//! Passkeys: signing in with an authenticator and without a password (WebAuthn, level 3).

mod ceremony;
mod config;
mod error;
mod manage;
mod prove;
mod register;
mod relying_party;
mod response;
mod sign_in;
mod step_up;
mod stored;
mod trail;

use std::fmt;

use platform_core::{PrincipalId, RequestContext, Timestamp};
use platform_crypto::Secret;
use serde_json::Value;
use time::Date;

pub use self::config::{InvalidPasskeyConfig, PasskeyConfig};
pub use self::error::PasskeyError;
pub use self::stored::SealedPasskey;

use self::relying_party::RelyingParty;
use crate::auth::Inner;
use crate::throttle::{AccountKey, Held, Throttle};

platform_core::id_type! {
    /// Names a passkey. It is ours; the authenticator knows the passkey under another.
    pub struct PasskeyId;
}

/// A user may have so many.
pub(crate) const PASSKEYS_MAX: i64 = 20;

/// A list that is as long as that has them all.
pub(crate) const ALL: u32 = 20;

/// A passkey of a user.
pub struct Passkey {
    /// Names it here.
    pub id: PasskeyId,
    /// What the user calls it.
    pub name: Secret<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// The day on which somebody last signed in with it; `None` before the first time.
    pub last_used_on: Option<Date>,
    /// Whether the authenticator says that it may leave the device it was made on.
    pub synced: bool,
    /// Whether it is refused, because its counter went back: there may be a copy of its authenticator.
    pub disabled: bool,
}

/// Shows nothing of what the user calls it.
impl fmt::Debug for Passkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passkey")
            .field("id", &self.id)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// What a browser needs for `navigator.credentials`, and what comes back with its answer.
pub struct PasskeyChallenge {
    /// The challenge and what it is for, sealed: it is shown again with the answer, within five minutes, once.
    pub token: String,
    /// The options as JSON, as `PublicKeyCredential.parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` read them.
    pub options: Value,
    /// When it is good no longer.
    pub expires_at: Timestamp,
}

/// Shows nothing of the options, in which there are the address and the name of a user.
impl fmt::Debug for PasskeyChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyChallenge")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What of passkeys an [`Auth`](crate::Auth) keeps in memory.
pub(crate) struct Passkeys {
    party: RelyingParty,
    begun: Throttle,
}

impl Passkeys {
    pub(crate) fn new(config: &PasskeyConfig) -> Self {
        Self {
            party: RelyingParty::new(config),
            begun: Throttle::new(config.throttle),
        }
    }
}

impl Inner {
    fn passkeys(&self) -> Result<&Passkeys, PasskeyError> {
        self.passkeys.as_ref().ok_or(PasskeyError::NotConfigured)
    }

    /// Counts a challenge that is asked for. Nothing is stored for it, so all that is bounded is the work.
    async fn count_begun(&self, ctx: &RequestContext, user: Option<PrincipalId>) -> Result<(), PasskeyError> {
        let address = ctx.meta().source_address;
        let account = match (user, address) {
            (Some(user), _) => AccountKey::of_user(ctx.tenant(), user),
            (None, Some(address)) => AccountKey::of_passkey(ctx.tenant(), address.to_string().as_bytes()),
            (None, None) => AccountKey::of_passkey(ctx.tenant(), b""),
        };
        let begun = &self.passkeys()?.begun;
        let wait_max = self.config.passwords.wait_max;
        let attempt: Result<_, Held> = begun.begin(account, address, self.sources.now(), wait_max).await;
        // Each one counts, whatever becomes of it.
        drop(attempt?);
        Ok(())
    }
}
