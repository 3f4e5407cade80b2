//! Proving anew with a passkey who one is, in a session.

use platform_core::RequestContext;
use serde_json::Value;

use super::ceremony::Ceremony;
use super::prove::user_of;
use super::{PasskeyChallenge, PasskeyError, response, stored};
use crate::throttle::AccountKey;
use crate::{Auth, SignedIn};

impl Auth {
    /// Has the calling user begin to prove anew with a passkey who it is. Nothing is stored.
    ///
    /// # Errors
    /// [`PasskeyError::NotFound`] when the user has no passkey that is good.
    pub async fn begin_passkey_step_up(
        &self,
        ctx: &RequestContext,
    ) -> Result<PasskeyChallenge, PasskeyError> {
        let inner = &*self.inner;
        let user = user_of(ctx)?;
        let party = &inner.passkeys()?.party;
        inner.count_begun(ctx, Some(user)).await?;
        let mut read = inner.db.read(ctx).await?;
        let known = stored::known(&mut read, user).await?;
        read.finish().await?;
        let good = known.into_iter().filter(|(.., is_good)| *is_good);
        let ids: Vec<_> = good.map(|(id, ..)| id).collect();
        if ids.is_empty() {
            return Err(PasskeyError::NotFound);
        }
        let (options, state) = party.ask_for_known(&ids)?;
        let ceremony = Ceremony::StepUp {
            user,
            session: ctx.session(),
            state,
        };
        inner.seal_challenge(ctx, options, ceremony).await
    }

    /// Proves anew with a passkey who the calling user is: the session of the call ends, and goes on under a new id and token as one that
    /// began now.
    ///
    /// # Errors
    /// As [`sign_in_with_passkey`](Self::sign_in_with_passkey).
    pub async fn step_up_with_passkey(
        &self,
        ctx: &RequestContext,
        challenge: &str,
        credential: Value,
    ) -> Result<SignedIn, PasskeyError> {
        let inner = &*self.inner;
        let id = user_of(ctx)?;
        inner.passkeys()?;
        let answer = response::assertion(credential)?;
        let tenant = inner.open_tenant(ctx.tenant()).await??;
        let challenge = inner.open_challenge(ctx, challenge).await?;
        let is_step_up = matches!(challenge.ceremony, Ceremony::StepUp { .. });
        if !is_step_up || !challenge.ceremony.is_of(ctx) {
            return Err(PasskeyError::InvalidPasskey);
        }
        let attempt = inner
            .throttle
            .begin(
                AccountKey::of_user(ctx.tenant(), id),
                ctx.meta().source_address,
                inner.sources.now(),
                inner.config.passwords.wait_max,
            )
            .await?;
        let stepped = async {
            let judged = inner.judge(ctx, &challenge, &answer).await?;
            if judged.used.user != id {
                return Err(inner.refuse_passkey(ctx, Some(id), "another_user").await);
            }
            let opened = inner.open_by_passkey(ctx, &challenge, &judged, &tenant).await?;
            Ok(opened.signed_in(judged.user, tenant))
        };
        let stepped = stepped.await;
        match &stepped {
            Ok(_) => attempt.succeeded(),
            Err(PasskeyError::InvalidPasskey) => drop(attempt),
            Err(_) => attempt.did_not_happen(),
        }
        stepped
    }
}
