//! Who sends a request.

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderValue, header};
use platform_core::RequestMeta;
use platform_core::http::{AuthOutcome, Authenticate};

use crate::{ApiKeyToken, Auth, AuthenticateError};

/// Reads `Authorization: Bearer` and looks up the session, in the database for every request anew, or the API key.
///
/// No such header, or one of another scheme, is no credential. Anything else that is not a live session of an active user or a key that
/// works fails, and the request with it, on public routes too.
#[async_trait]
impl Authenticate for Auth {
    async fn authenticate(&self, headers: &HeaderMap, meta: &RequestMeta) -> AuthOutcome {
        let token = match bearer(headers) {
            Ok(None) => return AuthOutcome::NotPresent,
            Ok(Some(token)) => token,
            Err(error) => return AuthOutcome::Failed(error.into()),
        };
        let authenticated = match ApiKeyToken::is_named_by(token) {
            true => self.authenticate_api_key(token, meta).await,
            false => self.authenticate_token(token, meta).await,
        };
        match authenticated {
            Ok(ctx) => AuthOutcome::Authenticated(ctx),
            Err(error) => AuthOutcome::Failed(error.into()),
        }
    }
}

/// The token after the scheme (RFC 6750, section 2.1). Two headers are ambiguous and refused: another reader might take the other one.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, AuthenticateError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(AuthenticateError::InvalidToken);
    }
    bearer_value(value)
}

fn bearer_value(value: &HeaderValue) -> Result<Option<&str>, AuthenticateError> {
    let text = value.to_str().map_err(|_| AuthenticateError::InvalidToken)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    match scheme.eq_ignore_ascii_case("bearer") {
        true => Ok(Some(token)),
        false => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (header::AUTHORIZATION, HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn the_scheme_is_read_without_regard_to_case() {
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(
                bearer(&headers(&[&format!("{scheme} pst1")])).unwrap(),
                Some("pst1")
            );
        }
    }

    #[test]
    fn another_scheme_is_no_credential() {
        assert_eq!(bearer(&headers(&[])).unwrap(), None);
        assert_eq!(bearer(&headers(&["Basic YTpi"])).unwrap(), None);
    }

    #[test]
    fn two_headers_are_refused() {
        assert!(bearer(&headers(&["Bearer a", "Bearer a"])).is_err());
        assert!(bearer(&headers(&["Basic a", "Bearer a"])).is_err());
    }

    #[test]
    fn a_bare_scheme_is_an_empty_token() {
        assert_eq!(bearer(&headers(&["Bearer"])).unwrap(), Some(""));
        assert_eq!(bearer(&headers(&["Bearer "])).unwrap(), Some(""));
    }
}
