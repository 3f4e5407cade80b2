//! Proving who one is before one's passkeys are changed.

use std::time::Duration;

use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, PrincipalKind, RequestContext};

use super::{PasskeyError, stored};
use crate::auth::Inner;
use crate::change::Proved;
use crate::{CredentialError, UserStatus};

/// How long after signing in somebody need not prove anew who it is (ASVS 5.0, 7.5.1).
const RECENT: Duration = Duration::from_secs(5 * 60);

const WHAT: &str = "passkey";

impl Inner {
    /// Has the calling user prove who it is: with the password, or by having signed in, or stepped up, within the last five minutes.
    pub(super) async fn prove_lately(
        &self,
        ctx: &RequestContext,
        password: Option<SecretString>,
    ) -> Result<Proved, PasskeyError> {
        if let Some(password) = password {
            return Ok(self.prove(ctx, password, WHAT).await?);
        }
        let id = user_of(ctx)?;
        let session = ctx.session().ok_or(PasskeyError::ReauthenticationRequired)?;
        let tenant = self.open_tenant(ctx.tenant()).await??;
        let since = self.sources.now() - RECENT;
        let mut read = self.db.read(ctx).await?;
        let is_recent = stored::is_recent(&mut read, id, session, since).await?;
        let candidate = crate::stored::candidate_of(&mut read, id).await?;
        read.finish().await?;
        if !is_recent {
            return Err(PasskeyError::ReauthenticationRequired);
        }
        let candidate = candidate.filter(|candidate| candidate.stored.account.status == UserStatus::Active);
        let candidate = candidate.ok_or(CredentialError::NoUser)?;
        let user = self.opened(ctx, &candidate.stored).await?;
        let user = user.ok_or(CredentialError::NoUser)?;
        Ok(Proved {
            candidate,
            user,
            tenant,
        })
    }
}

pub(super) fn user_of(ctx: &RequestContext) -> Result<PrincipalId, PasskeyError> {
    if ctx.api_key().is_some() {
        return Err(CredentialError::SessionRequired.into());
    }
    let is_user = ctx.principal().kind() == PrincipalKind::User;
    let id = ctx.principal().id().filter(|_| is_user);
    Ok(id.ok_or(CredentialError::NoUser)?)
}
