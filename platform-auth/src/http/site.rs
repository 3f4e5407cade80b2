//! Whether a request that a browser sends with its cookies comes from a page of the service itself.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use platform_core::http::{Origin, Problem};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const AUTHORITY_BYTES_MAX: usize = 255;

/// Does a request with a cookie stay within what any site may have a browser send? What is safe does (RFC 9110, section 9.2.1), as long as
/// its answer can be read by nobody else. A WebSocket is read by whoever opened it, and opened with a safe method.
pub(super) fn may_use_cookie(parts: &Parts, allowed: &[Origin]) -> bool {
    let is_safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    match is_websocket(&parts.headers) {
        // Browsers say from which page, always (RFC 6455, section 4.1).
        true => parts.headers.contains_key(header::ORIGIN) && is_own(parts, allowed),
        false => is_safe || is_own(parts, allowed),
    }
}

/// Did a page of the service send the request, or one of an origin that is allowed?
///
/// Browsers say so with `Sec-Fetch-Site` (W3C Fetch Metadata), older ones with `Origin` alone (RFC 6454). Whatever says neither is not
/// known to be one.
pub(super) fn is_own(parts: &Parts, allowed: &[Origin]) -> bool {
    let (Ok(site), Ok(origin)) = (
        single(&parts.headers, &SEC_FETCH_SITE),
        single(&parts.headers, &header::ORIGIN),
    ) else {
        return false;
    };
    let is_allowed = origin.is_some_and(|origin| allowed.iter().any(|allowed| allowed.as_str() == origin));
    let is_same = || origin.is_some_and(|origin| own_authority(parts).is_some_and(|own| is_of(origin, &own)));
    match (site, origin) {
        _ if is_allowed => true,
        // A page that a browser shows under no origin sends `null`; so does whoever wants to hide one.
        (Some("same-origin"), Some(_)) => is_same(),
        (Some("same-origin"), None) => true,
        (Some(_), _) => false,
        (None, _) => is_same(),
    }
}

/// What another site is told.
pub(super) fn refused() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross_site_request",
        "a request with the session's cookie has to come from a page of the service",
    )
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let named = |name: HeaderName| headers.get_all(name).iter().map(|value| value.as_bytes());
    let upgrades = named(header::UPGRADE).any(|value| contains_word(value, b"websocket"));
    // Over HTTP/2 an extended CONNECT, which is not safe (RFC 8441).
    upgrades || headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

fn contains_word(list: &[u8], word: &[u8]) -> bool {
    let mut words = list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    words.any(|each| each.eq_ignore_ascii_case(word))
}

/// Is the origin that of this host? The cookie travels over TLS, so that a page in the clear is none of ours, unless it is on this very
/// machine.
fn is_of(origin: &str, own: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let (default_port, may_be) = match scheme {
        "https" => (":443", true),
        "http" => (":80", is_loopback(authority)),
        _ => return false,
    };
    let plain = |authority: &str| {
        let lower = authority.to_ascii_lowercase();
        lower
            .strip_suffix(default_port)
            .map_or(lower.clone(), str::to_owned)
    };
    may_be && plain(authority) == plain(own)
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
}

/// The host that the request is for, with its port, as the client named it.
fn own_authority(parts: &Parts) -> Option<String> {
    let authority = match single(&parts.headers, &header::HOST).ok()? {
        Some(host) => host,
        None => parts.uri.authority()?.as_str(),
    };
    (!authority.is_empty() && authority.len() <= AUTHORITY_BYTES_MAX).then(|| authority.to_owned())
}

/// The value of a header; `Err` when it is there twice or is no text.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str()).transpose();
    match values.next() {
        Some(_) => Err(()),
        None => value.map_err(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let request = Request::builder().method(method).uri("/api/v1/auth/logout");
        let request = headers.iter().fold(
            request.header("host", "app.example.com"),
            |request, (name, value)| request.header(*name, *value),
        );
        request.body(()).unwrap().into_parts().0
    }

    fn may(method: &str, headers: &[(&str, &str)]) -> bool {
        let allowed = ["https://pages.example.com".parse().unwrap()];
        may_use_cookie(&parts(method, headers), &allowed)
    }

    #[test]
    fn what_is_safe_may_come_from_anywhere() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(may(method, &[]));
            assert!(may(
                method,
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://evil.example")
                ]
            ));
        }
    }

    #[test]
    fn what_changes_something_comes_from_a_page_of_the_service() {
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"] {
            for own in [
                &[("sec-fetch-site", "same-origin")][..],
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://app.example.com"),
                ],
                &[("origin", "https://app.example.com")],
                &[("origin", "https://app.example.com:443")],
                &[("origin", "https://pages.example.com")],
                &[
                    ("origin", "https://pages.example.com"),
                    ("sec-fetch-site", "same-site"),
                ],
            ] {
                assert!(may(method, own), "{method} {own:?}");
            }
            for foreign in [
                &[][..],
                &[("sec-fetch-site", "cross-site")],
                &[
                    ("sec-fetch-site", "same-site"),
                    ("origin", "https://other.example.com"),
                ],
                &[("sec-fetch-site", "none")],
                &[("sec-fetch-site", "Same-Origin")],
                &[("sec-fetch-site", "same-origin"), ("origin", "null")],
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://evil.example"),
                ],
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://app.example.com"),
                ],
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                &[("origin", "null")],
                &[("origin", "http://app.example.com")],
                &[("origin", "https://app.example.com:8443")],
                &[("origin", "https://app.example.com.evil.example")],
                &[("origin", "https://evil.example/app.example.com")],
                &[("origin", "app.example.com")],
                &[
                    ("origin", "https://app.example.com"),
                    ("origin", "https://app.example.com"),
                ],
                &[("origin", "https://app.example.com"), ("host", "evil.example")],
                &[("origin", "https://pages.example.com.")],
            ] {
                assert!(!may(method, foreign), "{method} {foreign:?}");
            }
        }
    }

    #[test]
    fn a_websocket_is_opened_by_a_page_of_the_service() {
        let opening = |more: &[(&'static str, &'static str)]| {
            let mut headers = vec![("connection", "Upgrade"), ("upgrade", "WebSocket")];
            headers.extend(more);
            may("GET", &headers)
        };

        assert!(opening(&[("origin", "https://app.example.com")]));
        assert!(opening(&[("origin", "https://pages.example.com")]));
        assert!(!opening(&[]));
        assert!(!opening(&[("sec-fetch-site", "same-origin")]));
        assert!(!opening(&[("origin", "https://evil.example")]));
        assert!(!opening(&[
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site")
        ]));
    }

    #[test]
    fn a_page_in_the_clear_is_ours_on_this_very_machine() {
        let local = |host: &str, origin: &str| {
            let mut parts = parts("POST", &[("origin", origin)]);
            parts.headers.insert(header::HOST, host.parse().unwrap());
            may_use_cookie(&parts, &[])
        };

        assert!(local("localhost:8080", "http://localhost:8080"));
        assert!(local("acme.localhost:8080", "http://acme.localhost:8080"));
        assert!(local("127.0.0.1:8080", "http://127.0.0.1:8080"));
        assert!(local("[::1]:8080", "http://[::1]:8080"));
        assert!(local("[::1]", "http://[::1]"));
        assert!(!local("localhost:8080", "http://localhost:8081"));
        assert!(!local("acme.localhost:8080", "http://globex.localhost:8080"));
        assert!(!local("evil-localhost", "http://evil-localhost"));
    }
}
