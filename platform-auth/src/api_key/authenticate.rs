//! Finding out for whom a key stands.

use platform_core::{RequestContext, RequestMeta};

use super::known::{KnownKey, Refused};
use super::{ApiKeyToken, trail};
use crate::refusals::Who;
use crate::trail::Asked;
use crate::{Auth, AuthenticateError};

impl Auth {
    /// Finds out for whom an API key stands, and what it leaves of what they may do: from memory, where it was shown within the last second
    /// and nothing has changed since, or by one query.
    ///
    /// Whether the key holds at this instant and from this address is decided anew for each request. What was changed through this instance
    /// holds at once, what was changed through another one as soon as the database's message arrives, and after a second at most.
    ///
    /// # Errors
    /// [`AuthenticateError::InvalidToken`] for every key that does not hold, whatever the reason: malformed, unknown, revoked, expired, not
    /// valid yet, shown from elsewhere, or its owner is disabled. One that is shown from elsewhere is recorded, as far as
    /// [`RefusalConfig`](crate::RefusalConfig) goes. [`AuthenticateError::Fault`] when the database cannot say: the request must be refused
    /// then.
    pub async fn authenticate_api_key(
        &self,
        token: &str,
        meta: &RequestMeta,
    ) -> Result<RequestContext, AuthenticateError> {
        let inner = &*self.inner;
        let token = ApiKeyToken::parse(token).map_err(|_| AuthenticateError::InvalidToken)?;
        let known = inner.api_key(token.key(), meta).await?;
        let known = known.ok_or(AuthenticateError::InvalidToken)?;
        let now = inner.sources.now();
        match known.check(meta.source_address, now) {
            Ok(()) => {}
            Err(Refused::NotLive) => return Err(AuthenticateError::InvalidToken),
            Err(Refused::Address) => {
                self.record_elsewhere(&token, &known, meta).await;
                return Err(AuthenticateError::InvalidToken);
            }
        }
        let ctx = RequestContext::authenticated(token.tenant(), known.principal(now), meta.clone())
            .with_api_key(known.id.as_uuid());
        if !known.tenant_is_active() {
            let asked = Asked::to("authenticate", "the tenant is suspended");
            self.record_refused(&ctx, "tenant_suspended", asked).await;
            return Err(AuthenticateError::TenantSuspended);
        }
        if known.wants_note(now) {
            inner.used_keys.note(token.tenant(), known.id, now);
        }
        Ok(ctx)
    }

    /// Records that somebody has a key and shows it from where it does not work. What cannot be recorded is logged and counted.
    async fn record_elsewhere(&self, token: &ApiKeyToken, known: &KnownKey, meta: &RequestMeta) {
        let inner = &*self.inner;
        let who = Who {
            tenant: token.tenant(),
            caller: Some(known.owner),
        };
        // Nobody acts: who has the key may have found it.
        let ctx = RequestContext::anonymous(token.tenant(), meta.clone());
        let event = |more| trail::shown_elsewhere((known.owner, known.is_of_service()), known.id, more);
        if let Err(error) = inner.record_refusal(&ctx, who, event).await {
            tracing::error!(
                error = platform_core::error_chain(&error),
                "that a key was shown from elsewhere could not be recorded, it is counted"
            );
        }
    }
}
