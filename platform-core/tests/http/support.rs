//! A service to send requests to, and what it answers.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Once};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use platform_core::http::{AuthOutcome, Authenticate, HttpConfig, HttpStack, Problem};
use platform_core::metrics::Metrics;
use platform_core::{
    ManualClock, PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta, SeededRandom, Sources,
    TenantId,
};
use serde_json::Value;
use tower::ServiceExt;

pub(crate) const TENANT: &str = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";

/// A router inside the stack.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
}

/// The routes in a stack with this configuration, where `Bearer alice` and `Bearer bob` are good credentials.
pub(crate) fn app(config: HttpConfig, routes: Router) -> App {
    app_with(config, routes, |stack| stack.authenticate_with(Arc::new(Names)))
}

pub(crate) fn app_with(config: HttpConfig, routes: Router, and: impl FnOnce(HttpStack) -> HttpStack) -> App {
    let metrics = Metrics::new();
    let stack = and(HttpStack::new(config, sources(), &metrics));
    App {
        router: stack.wrap(routes),
        metrics,
    }
}

pub(crate) fn sources() -> Sources {
    let clock = ManualClock::starting_at(time::macros::datetime!(2026-01-02 03:04:05 UTC));
    Sources::new(clock, SeededRandom::new(1))
}

pub(crate) fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

/// What the service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl App {
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(get(path, &[])).await
    }

    pub(crate) async fn post(&self, path: &str, json: &str) -> Answer {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json.to_owned()));
        self.send(request.unwrap()).await
    }

    /// The value of the series that the metrics show under this name and these labels.
    pub(crate) fn metric(&self, series: &str) -> Option<String> {
        let page = self.metrics.encode();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map(str::to_owned)
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        let media_type = &self.headers[header::CONTENT_TYPE];
        assert_eq!(media_type, "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["request_id"], self.header("x-request-id").unwrap());
        problem["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }
}

pub(crate) fn get(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(Body::empty()).unwrap()
}

/// The same request, arriving over a connection from this address.
pub(crate) fn from(address: &str, mut request: Request<Body>) -> Request<Body> {
    let peer = SocketAddr::new(address.parse().unwrap(), 40_000);
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

/// A sign-in where the credential is a name. Everybody but alice and bob is refused.
pub(crate) struct Names;

#[async_trait]
impl Authenticate for Names {
    async fn authenticate(&self, parts: &Parts, meta: &RequestMeta) -> AuthOutcome {
        let user = match parts
            .headers
            .get(header::AUTHORIZATION)
            .map(|value| value.as_bytes())
        {
            None => return AuthOutcome::NotPresent,
            Some(b"Bearer alice") => "018f2b6e-7c1a-7d3e-9b1a-00000000000a",
            Some(b"Bearer bob") => "018f2b6e-7c1a-7d3e-9b1a-00000000000b",
            Some(_) => return AuthOutcome::Failed(Problem::unauthenticated()),
        };
        let user: PrincipalId = user.parse().unwrap();
        let user = Principal::user(user, PermissionSet::default());
        AuthOutcome::Authenticated(RequestContext::authenticated(tenant(), user, meta.clone()))
    }
}

thread_local! {
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What is logged on the thread of this test, as JSON lines.
///
/// One subscriber serves all tests of the process: with one for each, a callsite that is first reached on a thread without any
/// would be switched off for all of them.
#[derive(Clone, Copy)]
pub(crate) struct Log;

impl Log {
    pub(crate) fn capture() -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let subscriber = tracing_subscriber::fmt().json().with_writer(|| Log);
            tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
            tracing::callsite::rebuild_interest_cache();
        });
        WRITTEN.take();
        Self
    }

    pub(crate) fn text(self) -> String {
        WRITTEN.with_borrow(|bytes| String::from_utf8(bytes.clone()).unwrap())
    }

    /// The lines that this library wrote.
    pub(crate) fn lines(self) -> Vec<Value> {
        let text = self.text();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["target"].as_str().unwrap().starts_with("platform_core"))
            .collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.with_borrow_mut(|written| written.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
