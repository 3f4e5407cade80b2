//! How often one caller may ask.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::http::problem::whole_seconds;
use crate::http::{Problem, RateLimit};
use crate::{PrincipalId, RequestContext, TenantId};

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
pub(super) const RATE_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
pub(super) const RATE_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// How often callers who have paused are forgotten.
const SWEEP_EVERY_S: u64 = 10;

/// Who shares an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Principal(PrincipalId),
    Address(IpAddr),
    /// The principals of a tenant, when there are too many callers to tell apart.
    Tenant(TenantId),
    /// Everybody anonymous, when there are too many callers to tell apart or no address is known.
    Anonymous,
}

/// The allowances of all callers.
pub(super) struct Limiter {
    cells: RateLimiter<Key, DashMapStateStore<Key>, Monotonic, StateInformationMiddleware>,
    limit: RateLimit,
    period: Duration,
    swept_at_s: AtomicU64,
}

/// What is left of a caller's allowance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    limit: u32,
    remaining: u32,
    reset: Duration,
}

impl Limiter {
    pub(super) fn new(limit: RateLimit) -> Self {
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        let cells = RateLimiter::dashmap_with_clock(quota, Monotonic::starting_now());
        Self {
            cells: cells.with_middleware::<StateInformationMiddleware>(),
            limit,
            period: quota.replenish_interval(),
            swept_at_s: AtomicU64::new(0),
        }
    }

    /// Takes one request from a caller's allowance.
    pub(super) fn take(
        &self,
        caller: Option<&RequestContext>,
        address: Option<IpAddr>,
    ) -> Result<Allowance, (Problem, Allowance)> {
        let key = self.key(caller, address);
        match self.cells.check_key(&key) {
            Ok(state) => Ok(self.left(state.remaining_burst_capacity())),
            Err(until) => {
                let wait = until.wait_time_from(self.cells.clock().now());
                let problem = Problem::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "rate_limited",
                    "too many requests, wait before the next one",
                );
                Err((
                    problem.retry_after(wait.max(Duration::from_secs(1))),
                    self.left(0),
                ))
            }
        }
    }

    fn left(&self, remaining: u32) -> Allowance {
        let limit = self.limit.burst.get();
        Allowance {
            limit,
            remaining,
            reset: self.period.saturating_mul(limit.saturating_sub(remaining)),
        }
    }

    /// The caller's own key while there is room for another. A key is forgotten as soon as its allowance is full again, so only
    /// those who have asked within the last moments take room.
    fn key(&self, caller: Option<&RequestContext>, address: Option<IpAddr>) -> Key {
        let full = self.cells.len() >= self.limit.keys_max.get();
        let full = self.swept(full);
        let signed_in = caller.and_then(|ctx| ctx.principal().id().map(|id| (ctx.tenant(), id)));
        match (signed_in, address) {
            (Some((_, principal)), _) if !full => Key::Principal(principal),
            (Some((tenant, _)), _) => Key::Tenant(tenant),
            (None, Some(address)) if !full => Key::Address(one_customer(address)),
            (None, _) => Key::Anonymous,
        }
    }

    /// Forgets callers who have paused, from time to time and at most once a second when there is no room. Is there none left?
    fn swept(&self, full: bool) -> bool {
        let now_s = self.cells.clock().elapsed_s();
        let swept_at_s = self.swept_at_s.load(Ordering::Relaxed);
        let wait_s = if full { 1 } else { SWEEP_EVERY_S };
        let due = now_s >= swept_at_s.saturating_add(wait_s);
        let claim = |at| {
            self.swept_at_s
                .compare_exchange(at, now_s, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        if !due || !claim(swept_at_s) {
            return full;
        }
        self.cells.retain_recent();
        self.cells.len() >= self.limit.keys_max.get()
    }
}

impl Allowance {
    /// The answer with the allowance in its headers.
    pub(super) fn described(self, mut answer: Response) -> Response {
        let headers = answer.headers_mut();
        headers.insert(RATE_LIMIT, HeaderValue::from(self.limit));
        headers.insert(RATE_REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RATE_RESET, HeaderValue::from(whole_seconds(self.reset)));
        answer
    }
}

/// Of IPv6 the network: a customer has 2^64 addresses and could use each of them once.
pub(crate) fn one_customer(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

/// Time that never goes back, which the wall clock does. Tests hold it with tokio's paused clock.
#[derive(Debug, Clone)]
struct Monotonic {
    origin: Instant,
}

impl Monotonic {
    fn starting_now() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    fn elapsed_s(&self) -> u64 {
        self.origin.elapsed().as_secs()
    }
}

impl Clock for Monotonic {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.origin.elapsed())
    }
}
