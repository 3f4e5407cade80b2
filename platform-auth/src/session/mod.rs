//! Sessions: what is stored of them, what is remembered of them, and how they end.

mod cache;
mod error;
mod find;
mod flight;
mod list;
mod listen;
mod marks;
mod metrics;
mod proof;
mod step_up;
mod stored;
mod touch;
mod trail;

pub(crate) use self::cache::{Key, Sessions};
pub(crate) use self::find::Outcome;
pub(crate) use self::proof::Proof;
pub(crate) use self::stored::{EndReason, NewSession, hold_credential, open, proof_of};

pub use self::error::SessionError;
pub use self::list::SessionInfo;
pub use self::step_up::StepUp;

use crate::auth::Inner;
use crate::{Fault, SessionConfig};

impl Inner {
    /// How long sessions of a tenant last.
    #[expect(
        clippy::unused_async,
        reason = "a tenant's own settings are looked up here, and callers need not change for it"
    )]
    pub(crate) async fn session_config(
        &self,
        _tenant: platform_core::TenantId,
    ) -> Result<SessionConfig, Fault> {
        Ok(self.config.sessions)
    }
}
