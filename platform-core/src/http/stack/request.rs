//! What a request says about itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use super::HttpStack;
use crate::{IdempotencyKey, InvalidIdempotencyKey, RequestId, RequestMeta, TraceContext};

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(super) const X_IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const USER_AGENT_CHARS_MAX: usize = 256;

impl HttpStack {
    /// Reads what is known before anybody is authenticated.
    pub(super) fn meta(&self, request: &Request) -> RequestMeta {
        let headers = request.headers();
        let parent = single(headers, &TRACEPARENT).and_then(TraceContext::parse);
        let trace = parent.map_or_else(
            || TraceContext::root(&self.sources),
            |parent| parent.child(&self.sources),
        );
        let request_id = single(headers, &X_REQUEST_ID).and_then(|id| id.parse().ok());
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|ConnectInfo(peer)| peer.ip());
        let user_agent = single(headers, &header::USER_AGENT);
        RequestMeta {
            request_id: request_id.unwrap_or_else(|| RequestId::generate(&self.sources)),
            trace,
            deadline: self
                .sources
                .now()
                .checked_add(self.deadline().try_into().unwrap_or(time::Duration::MAX)),
            idempotency_key: idempotency_key(headers).unwrap_or(None),
            source_address: peer.map(|peer| source_address(peer, headers, &self.config.trusted_proxies)),
            user_agent: user_agent.map(|agent| agent.chars().take(USER_AGENT_CHARS_MAX).collect()),
        }
    }

    pub(super) fn deadline(&self) -> Duration {
        Duration::from_millis(self.config.deadline_ms.get())
    }
}

/// The client's idempotency key, by either of its headers. Two keys that differ are no key.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, InvalidIdempotencyKey> {
    let standard = headers.get_all(IDEMPOTENCY_KEY).iter();
    let older = headers.get_all(X_IDEMPOTENCY_KEY).iter();
    let mut values = standard.chain(older);
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.any(|other| other != first) {
        return Err(InvalidIdempotencyKey);
    }
    let text = first.to_str().map_err(|_| InvalidIdempotencyKey)?;
    IdempotencyKey::parse(text).map(Some)
}

/// The value of a header that is there once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// The nearest address that is not a trusted proxy's. Each proxy appends whom it heard from, so the list is read from its end,
/// and what stands before an untrusted address may be made up.
fn source_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut source = peer.to_canonical();
    for value in headers.get_all(X_FORWARDED_FOR).iter().rev() {
        for hop in value.to_str().unwrap_or("").rsplit(',') {
            if !is_trusted(&source) {
                return source;
            }
            let Some(hop) = forwarded_hop(hop) else {
                return source;
            };
            source = hop;
        }
    }
    source
}

/// One address of `X-Forwarded-For`; some proxies add the port.
fn forwarded_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}
