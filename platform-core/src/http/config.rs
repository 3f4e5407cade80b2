//! The limits of the HTTP stack.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::str::FromStr;

use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderValue, Uri};
use ipnet::IpNet;
use serde::Deserialize;

/// The limits and the manners of an [`HttpStack`](super::HttpStack). Every default is safe in production.
///
/// ```
/// use platform_core::http::HttpConfig;
///
/// let config = HttpConfig {
///     cors_origins: vec!["https://app.example.com".parse()?],
///     trusted_proxies: vec!["10.0.0.0/8".parse()?],
///     ..HttpConfig::default()
/// };
/// assert_eq!(config.body_bytes_max, 65_536);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// The largest body of a request; beyond it 413 `body_too_large`. 64 KiB.
    pub body_bytes_max: usize,
    /// The longest path and query; beyond it 414 `uri_too_long`. 8 KiB. The number and the size of headers are the server's.
    pub uri_bytes_max: usize,
    /// How long an answer may take to begin; beyond it 504 `deadline_exceeded`. 10 s. What streams or has been upgraded to a
    /// WebSocket goes on.
    pub deadline_ms: NonZeroU64,
    /// How many requests are worked on at once; beyond it 503 `overloaded` without waiting. 1024.
    pub concurrency_max: NonZeroUsize,
    /// How many requests a caller may send; `None` turns the limit off.
    pub rate_limit: Option<RateLimit>,
    /// The web origins whose scripts may call. None.
    pub cors_origins: Vec<Origin>,
    /// For how long a browser must come back over TLS only (`Strict-Transport-Security`). Not said; set it where TLS is certain.
    pub hsts_max_age_s: Option<u64>,
    /// The networks of proxies whose `X-Forwarded-For` is believed. None.
    pub trusted_proxies: Vec<IpNet>,
    /// The slug of the tenant of requests that name none. None; for development.
    pub default_tenant: Option<String>,
    /// The smallest body worth compressing. 1 KiB.
    pub compress_bytes_min: u16,
    /// Paths that are neither shed nor authenticated nor rate limited, since what asks there restarts a service that is silent.
    /// `/livez` and `/readyz`.
    pub probe_paths: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * 1024,
            uri_bytes_max: 8 * 1024,
            deadline_ms: const { NonZeroU64::new(10_000).expect("not zero") },
            concurrency_max: const { NonZeroUsize::new(1024).expect("not zero") },
            rate_limit: Some(RateLimit::default()),
            cors_origins: Vec::new(),
            hsts_max_age_s: None,
            trusted_proxies: Vec::new(),
            default_tenant: None,
            compress_bytes_min: 1024,
            probe_paths: vec!["/livez".to_owned(), "/readyz".to_owned()],
        }
    }
}

/// How many requests one caller may send: a principal when somebody has signed in, otherwise a source address (of IPv6 the
/// first 64 bits, which are one customer's).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// Requests a second in the long run. 200.
    pub per_second: NonZeroU32,
    /// Requests at once after a pause. 400.
    pub burst: NonZeroU32,
    /// How many callers are told apart at a time. 100,000. Beyond it anonymous callers share one allowance, and the principals of
    /// a tenant another, until callers who have paused are forgotten.
    pub keys_max: NonZeroUsize,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            per_second: const { NonZeroU32::new(200).expect("not zero") },
            burst: const { NonZeroU32::new(400).expect("not zero") },
            keys_max: const { NonZeroUsize::new(100_000).expect("not zero") },
        }
    }
}

/// A web origin: scheme, host and, where it is not the usual one, port. `https://app.example.com`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(HeaderValue);

/// A text is not a web origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a web origin such as https://app.example.com")]
pub struct InvalidOrigin(String);

impl Origin {
    /// The text of it, as a browser sends it in `Origin`.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let invalid = || InvalidOrigin(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let scheme = uri
            .scheme_str()
            .filter(|scheme| matches!(*scheme, "http" | "https"));
        let authority = uri
            .authority()
            .filter(|authority| !authority.as_str().contains('@'));
        let (Some(scheme), Some(authority)) = (scheme, authority) else {
            return Err(invalid());
        };
        // A browser sends lower case and nothing after the port; anything else would never match.
        if text != format!("{scheme}://{authority}").to_ascii_lowercase() {
            return Err(invalid());
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| invalid())
    }
}

impl TryFrom<String> for Origin {
    type Error = InvalidOrigin;

    fn try_from(text: String) -> Result<Self, InvalidOrigin> {
        text.parse()
    }
}

/// The limits of a WebSocket. Its buffers are small, because a service holds very many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketLimits {
    /// The largest message that is read. 64 KiB.
    pub message_bytes_max: usize,
    /// The buffer for reading. 4 KiB.
    pub read_buffer_bytes: usize,
    /// What is gathered before it is written. 2 KiB.
    pub write_buffer_bytes: usize,
    /// What may wait to be written before sending fails. 256 KiB.
    pub write_buffer_bytes_max: usize,
}

impl Default for WebSocketLimits {
    fn default() -> Self {
        Self {
            message_bytes_max: 64 * 1024,
            read_buffer_bytes: 4 * 1024,
            write_buffer_bytes: 2 * 1024,
            write_buffer_bytes_max: 256 * 1024,
        }
    }
}

impl WebSocketLimits {
    /// Puts the limits on a WebSocket that is about to be accepted.
    pub fn on(self, upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
        upgrade
            .max_message_size(self.message_bytes_max)
            .max_frame_size(self.message_bytes_max)
            .read_buffer_size(self.read_buffer_bytes)
            .write_buffer_size(self.write_buffer_bytes)
            .max_write_buffer_size(self.write_buffer_bytes_max)
    }
}
