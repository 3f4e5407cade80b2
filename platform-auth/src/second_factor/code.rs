//! Judging a code that somebody typed.

use platform_core::pg::{DbError, TenantTx};
use platform_core::secrecy::{ExposeSecret as _, SecretString};
use platform_core::{PrincipalId, RequestContext, Timestamp};
use platform_crypto::{SealedRow as _, Secret};

use super::{recovery, stored, totp};
use crate::Fault;
use crate::auth::Inner;
use crate::session::Proof;

/// A longer text is no code.
const CODE_BYTES_MAX: usize = 64;

/// A code that may be good; the database says whether it was used.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Candidate {
    /// Of the seed that was enrolled then.
    Step(Timestamp, i64),
    Recovery([u8; 32]),
}

impl Candidate {
    /// Uses the code up; says whether it was good.
    pub(crate) async fn take(
        self,
        tx: &mut TenantTx,
        user: PrincipalId,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        match self {
            Self::Step(enrolled_at, step) => stored::use_step(tx, user, (enrolled_at, step)).await,
            Self::Recovery(hash) => stored::use_recovery(tx, user, hash, now).await,
        }
    }

    pub(crate) const fn proof(self) -> Proof {
        match self {
            Self::Step(..) => Proof::PasswordAndCode,
            Self::Recovery(_) => Proof::PasswordAndRecoveryCode,
        }
    }
}

impl Inner {
    /// What a user's code may be: the one of an authenticator that is set up, or a recovery code. `None` when it is neither.
    pub(crate) async fn code_of(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
        code: &SecretString,
    ) -> Result<Option<Candidate>, Fault> {
        let code = code.expose_secret();
        if code.len() > CODE_BYTES_MAX {
            return Ok(None);
        }
        let mut read = self.db.read(ctx).await?;
        let stored = stored::totp(&mut read, user).await?;
        read.finish().await?;
        let Some(stored) = stored.filter(|stored| stored.confirmed_at.is_some()) else {
            return Ok(None);
        };
        if let Some(hash) = recovery::hash(code) {
            return Ok(Some(Candidate::Recovery(hash)));
        }
        let seed = self.seed(ctx, &stored).await?;
        let digits: Secret<String> = Secret::new(code.chars().filter(|c| *c != ' ').collect());
        let step = totp::step_of(&seed, digits.expose(), self.sources.now());
        Ok(step.map(|step| Candidate::Step(stored.enrolled_at, step)))
    }

    pub(super) async fn seed(
        &self,
        ctx: &RequestContext,
        stored: &stored::StoredTotp,
    ) -> Result<Secret<Vec<u8>>, Fault> {
        let keys = self.keys.keys_for(ctx, stored.sealed.key_ids()).await?;
        Ok(stored.sealed.open(&keys)?.seed_sealed)
    }
}
