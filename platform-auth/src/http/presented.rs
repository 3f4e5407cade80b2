//! Which credential a request presents.

use axum::http::{HeaderMap, StatusCode, header};
use platform_core::http::Problem;

use super::cookie;

/// What keys of programs begin with.
const API_KEY_PREFIX: &str = "pak1_";

/// What a request presents. Each is verified by its own scheme, and one that is not good is not tried as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presented<'a> {
    /// Nothing, or a credential of a scheme that is not ours.
    Nothing,
    /// The token of a session, in the cookie that a browser adds by itself.
    SessionCookie(&'a str),
    /// The token of a session, in `Authorization: Bearer` (RFC 6750, section 2.1).
    SessionToken(&'a str),
    /// The key of a program, in `Authorization: Bearer`.
    ApiKey(&'a str),
}

/// A request does not present one credential that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It presents several. Another reader of it might take the other one.
    Several,
    /// What it presents is no text.
    NoText,
}

pub(super) fn presented(headers: &HeaderMap) -> Result<Presented<'_>, Unreadable> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let authorization = authorizations.next();
    let cookie = cookie::find(headers)?;
    match (authorization, cookie) {
        _ if authorizations.next().is_some() => Err(Unreadable::Several),
        (Some(_), Some(_)) => Err(Unreadable::Several),
        (None, Some(token)) => Ok(Presented::SessionCookie(token)),
        (Some(value), None) => value.to_str().map(authorized).map_err(|_| Unreadable::NoText),
        (None, None) => Ok(Presented::Nothing),
    }
}

fn authorized(value: &str) -> Presented<'_> {
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    match scheme.eq_ignore_ascii_case("bearer") {
        true if token.starts_with(API_KEY_PREFIX) => Presented::ApiKey(token),
        true => Presented::SessionToken(token),
        false => Presented::Nothing,
    }
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            // RFC 6750, section 3.1: more than one method is an invalid request.
            Unreadable::Several => Self::new(
                StatusCode::BAD_REQUEST,
                "several_credentials",
                "send one credential: one Authorization header, or one cookie of the session",
            ),
            Unreadable::NoText => crate::AuthenticateError::InvalidToken.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(values: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = values.iter().cloned();
        pairs
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    fn bearer(value: &'static str) -> (HeaderName, &'static str) {
        (header::AUTHORIZATION, value)
    }

    fn cookie(value: &'static str) -> (HeaderName, &'static str) {
        (header::COOKIE, value)
    }

    #[test]
    fn the_scheme_is_read_without_regard_to_case_and_a_bare_one_is_an_empty_token() {
        for value in ["Bearer pst1", "bearer pst1", "BEARER pst1"] {
            let headers = headers(&[bearer(value)]);
            assert_eq!(presented(&headers), Ok(Presented::SessionToken("pst1")));
        }
        for value in ["Bearer", "Bearer "] {
            let headers = headers(&[bearer(value)]);
            assert_eq!(presented(&headers), Ok(Presented::SessionToken("")));
        }
    }

    #[test]
    fn another_scheme_and_another_cookie_are_no_credential() {
        for of in [
            &[][..],
            &[bearer("Basic YTpi")],
            &[cookie("theme=dark; session=x; __host-session=y")],
        ] {
            assert_eq!(presented(&headers(of)), Ok(Presented::Nothing));
        }
    }

    #[test]
    fn the_key_of_a_program_is_told_by_its_prefix() {
        let headers = headers(&[bearer("Bearer pak1_abc")]);

        assert_eq!(presented(&headers), Ok(Presented::ApiKey("pak1_abc")));
    }

    #[test]
    fn the_cookie_is_found_among_others_and_across_headers() {
        for of in [
            &[cookie("__Host-session=a")][..],
            &[cookie("theme=dark;__Host-session=a ; x=\"y\"")],
            &[cookie("theme=dark"), cookie("__Host-session=a")],
        ] {
            assert_eq!(presented(&headers(of)), Ok(Presented::SessionCookie("a")));
        }
    }

    #[test]
    fn two_credentials_are_refused_however_they_come_together() {
        for of in [
            &[bearer("Bearer a"), bearer("Bearer a")][..],
            &[bearer("Basic a"), bearer("Bearer a")],
            &[bearer("Bearer a"), cookie("__Host-session=a")],
            &[bearer("Basic a"), cookie("__Host-session=a")],
            &[cookie("__Host-session=a; __Host-session=a")],
            &[cookie("__Host-session=a"), cookie("x=y; __Host-session=b")],
        ] {
            assert_eq!(presented(&headers(of)), Err(Unreadable::Several), "{of:?}");
        }
    }
}
