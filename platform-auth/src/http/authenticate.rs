//! Who sends a request.

use async_trait::async_trait;
use axum::http::header;
use axum::http::request::Parts;
use platform_core::RequestMeta;
use platform_core::http::{AuthOutcome, Authenticate, Problem};

use super::presented::{Presented, presented};
use super::{cookie, site};
use crate::{Auth, AuthenticateError};

/// Reads the cookie of a session or `Authorization: Bearer`, a session's token or an API key, and finds out for whom it stands.
///
/// No credential, or one of another scheme, is none. Anything else that is not a live session of an active user, or a key that works,
/// fails, and the request with it, on public routes too: a scheme that fails is not followed by another. Two credentials at once are refused. A cookie is good
/// for what only a page of the service can have asked for.
#[async_trait]
impl Authenticate for Auth {
    async fn authenticate(&self, parts: &Parts, meta: &RequestMeta) -> AuthOutcome {
        let outcome = match presented(&parts.headers) {
            Err(unreadable) => return AuthOutcome::Failed(unreadable.into()),
            Ok(Presented::Nothing) => return AuthOutcome::NotPresent,
            Ok(Presented::SessionCookie(token)) => {
                // Before anything is looked up: whoever sends it from elsewhere is not to learn whether it is good.
                if !site::may_use_cookie(parts, &self.inner.config.origins) {
                    tracing::warn!(
                        "a request with the cookie of a session came from another site and is refused"
                    );
                    return AuthOutcome::Failed(site::refused());
                }
                let outcome = self.authenticate_token(token, meta).await;
                return outcome.map_or_else(cookie_failed, AuthOutcome::Authenticated);
            }
            Ok(Presented::SessionToken(token)) => self.authenticate_token(token, meta).await,
            Ok(Presented::ApiKey(key)) => self.authenticate_api_key(key, meta).await,
        };
        match outcome {
            Ok(ctx) => AuthOutcome::Authenticated(ctx),
            Err(error) => AuthOutcome::Failed(error.into()),
        }
    }
}

/// A cookie that is good no longer is taken back, because the browser would go on sending it, with the next sign-in too.
fn cookie_failed(error: AuthenticateError) -> AuthOutcome {
    let is_over = matches!(error, AuthenticateError::InvalidToken);
    let problem = Problem::from(error);
    AuthOutcome::Failed(match is_over {
        true => problem.header(header::SET_COOKIE, cookie::taken_back()),
        false => problem,
    })
}
