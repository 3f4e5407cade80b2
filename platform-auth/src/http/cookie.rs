//! The cookie of a session.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use platform_core::Timestamp;
use platform_core::http::{Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::NO_STORE;
use super::presented::Unreadable;
use super::site;
use crate::{Auth, SignedIn};

/// The name of the cookie. Browsers take one whose name begins so over TLS only (and from this very machine, most of them), for the whole
/// host and for no other, so that neither a neighbouring host nor a page in the clear can set or read it (RFC 6265bis, section 4.1.3.2).
pub(super) const NAME: &str = "__Host-session";

/// What every such cookie says of itself. `Lax`: a link from elsewhere opens a page of somebody who is signed in; what changes something is
/// refused to other sites here, by what their browsers say.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// How the client gets the token of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum SessionWay {
    /// As `token` in the body, to be sent as `Authorization: Bearer`.
    #[default]
    Token,
    /// As a cookie that scripts cannot read, for browsers; the body has no `token` then.
    Cookie,
}

/// A text names no way in which a token comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token comes as token or as cookie")]
pub struct UnknownSessionWay;

impl TryFrom<String> for SessionWay {
    type Error = UnknownSessionWay;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        match word.as_str() {
            "token" => Ok(Self::Token),
            "cookie" => Ok(Self::Cookie),
            _ => Err(UnknownSessionWay),
        }
    }
}

/// The value of the cookie, if the request has it.
pub(super) fn find(headers: &HeaderMap) -> Result<Option<&str>, Unreadable> {
    let mut found = None;
    for pairs in headers.get_all(header::COOKIE) {
        for pair in pairs.as_bytes().split(|byte| *byte == b';') {
            let pair = pair.trim_ascii();
            let Some(value) = pair
                .strip_prefix(NAME.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="))
            else {
                continue;
            };
            if found.replace(value).is_some() {
                return Err(Unreadable::Several);
            }
        }
    }
    let text = found.map(|value| std::str::from_utf8(value).map_err(|_| Unreadable::NoText));
    text.transpose()
}

/// Takes the cookie back.
pub(super) fn taken_back() -> HeaderValue {
    const TAKEN_BACK: &str = "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";
    HeaderValue::from_static(TAKEN_BACK)
}

fn given(token: &str, lifetime: Duration) -> Option<HeaderValue> {
    let cookie = format!("{NAME}={token}; Max-Age={}; {ATTRIBUTES}", lifetime.as_secs());
    let mut cookie = HeaderValue::try_from(cookie).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

/// How the request came, as far as the token of a session in the answer is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    has_cookie: bool,
    is_own_site: bool,
}

impl FromRequestParts<Auth> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Problem> {
        Ok(Self {
            has_cookie: find(&parts.headers)?.is_some(),
            is_own_site: site::is_own(parts, &auth.inner.config.origins),
        })
    }
}

impl Client {
    /// The way in which somebody who signs in wants the token, unless that is the cookie and another site asks: signed in as somebody
    /// whom an attacker chose, a browser would tell the attacker what its user does (login CSRF).
    pub(super) fn asks_for(self, way: SessionWay) -> Result<Issue, Problem> {
        match way {
            SessionWay::Cookie if !self.is_own_site => Err(site::refused()),
            way => Ok(Issue {
                way,
                had_cookie: self.has_cookie,
            }),
        }
    }

    /// The way in which the session of the request came, for the token with which it goes on. What a script could not read before is not
    /// shown to it now.
    pub(super) fn as_it_came(self) -> Issue {
        let way = match self.has_cookie {
            true => SessionWay::Cookie,
            false => SessionWay::Token,
        };
        Issue {
            way,
            had_cookie: self.has_cookie,
        }
    }

    /// An answer after which the session is over.
    pub(super) fn signed_out(self) -> Response {
        match self.has_cookie {
            true => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, taken_back())]).into_response(),
            false => StatusCode::NO_CONTENT.into_response(),
        }
    }
}

/// How the token of a session is given out.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(super) struct Issue {
    way: SessionWay,
    had_cookie: bool,
}

impl Issue {
    /// An answer with a session that has begun. `body` is given the token only where it belongs there.
    pub(super) fn answer<B: Serialize>(
        self,
        status: StatusCode,
        now: Timestamp,
        signed_in: SignedIn,
        body: impl FnOnce(SignedIn, SessionWay) -> B,
    ) -> Result<Response, Problem> {
        let lifetime = Duration::try_from(signed_in.expires_at - now).unwrap_or(Duration::ZERO);
        let cookie = match self.way {
            SessionWay::Cookie => {
                Some(given(signed_in.token.expose(), lifetime).ok_or_else(Problem::internal)?)
            }
            // The session of the cookie has ended with this one.
            SessionWay::Token => self.had_cookie.then(taken_back),
        };
        let mut answer = (status, [NO_STORE], Json(body(signed_in, self.way))).into_response();
        if let Some(cookie) = cookie {
            answer.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        Ok(answer)
    }
}
