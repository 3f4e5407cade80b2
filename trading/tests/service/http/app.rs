//! The brokerage's routes inside the stack, with a sign-in that knows some names.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use platform_core::http::{AuthOutcome, Authenticate, HttpConfig, HttpStack, Problem};
use platform_core::metrics::Metrics;
use platform_core::{Permission, Principal, RequestContext, RequestMeta, TenantId};
use serde_json::Value;
use tower::ServiceExt;
use trading::{ADJUST, MANAGE, VIEW};
use utoipa_axum::router::OpenApiRouter;

use crate::support::{Trader, World};

/// Bearer tokens and whose they are.
#[derive(Clone, Default)]
pub(crate) struct Tokens(BTreeMap<String, (TenantId, Principal)>);

/// The token of a key that is good from this address alone, in the hands of this program.
pub(crate) const BOUND: (&str, &str, &str) = ("bound", "203.0.113.7", "robot/1");

impl Tokens {
    pub(crate) fn of(traders: &[(&str, &Trader)]) -> Self {
        let named = |(token, trader): &(&str, &Trader)| {
            let who = (trader.world.tenant, trader.principal.clone());
            (format!("Bearer {token}"), who)
        };
        Self(traders.iter().map(named).collect())
    }
}

#[async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, parts: &Parts, meta: &RequestMeta) -> AuthOutcome {
        let Some(credential) = parts.headers.get(header::AUTHORIZATION) else {
            return AuthOutcome::NotPresent;
        };
        let credential = credential.to_str().unwrap_or("");
        let (bound, address, agent) = BOUND;
        let is_from_there = meta.source_address == Some(address.parse().unwrap())
            && meta.user_agent.as_deref() == Some(agent)
            && meta.deadline.is_none();
        if credential.ends_with(bound) && !is_from_there {
            return AuthOutcome::Failed(Problem::unauthenticated());
        }
        match self.0.get(credential) {
            None => AuthOutcome::Failed(Problem::unauthenticated()),
            Some((tenant, principal)) => AuthOutcome::Authenticated(RequestContext::authenticated(
                *tenant,
                principal.clone(),
                meta.clone(),
            )),
        }
    }
}

const ADMIN: [Permission; 3] = [VIEW, MANAGE, ADJUST];

/// A brokerage with the customers `alice` and `bob` in one tenant and `carol` in another. `admin` and `deputy` look after the accounts of
/// the one and `abroad` after those of the other; `viewer` may look at them.
pub(crate) struct App {
    pub(crate) world: World,
    pub(crate) alice: Trader,
    pub(crate) carol: Trader,
    router: Router,
}

impl App {
    pub(crate) async fn new() -> Self {
        Self::of(World::new().await).await
    }

    /// Over a brokerage that is there.
    pub(crate) async fn of(world: World) -> Self {
        Self::with(world, &[]).await
    }

    /// The same with others beside the customers.
    pub(crate) async fn with(world: World, others: &[(&str, &Trader)]) -> Self {
        let abroad = world.other_tenant().await;
        let (alice, bob, carol) = (world.trader(), world.trader(), abroad.trader());
        let reader = world.trader_with([]);
        let (admin, deputy) = (world.trader_with(ADMIN), world.trader_with(ADMIN));
        let (viewer, foreign) = (world.trader_with([VIEW]), abroad.trader_with(ADMIN));
        let known = [
            ("alice", &alice),
            ("bob", &bob),
            ("carol", &carol),
            ("reader", &reader),
            ("admin", &admin),
            ("deputy", &deputy),
            ("viewer", &viewer),
            ("abroad", &foreign),
        ];
        let tokens = Tokens::of(&[&known, others].concat());
        let config = HttpConfig {
            rate_limit: None,
            ..HttpConfig::default()
        };
        let stack = HttpStack::new(config, world.sources.clone(), &Metrics::new());
        let routes = OpenApiRouter::default()
            .nest("/api/v1", world.trading.api_routes())
            .nest("/admin/v1", world.trading.admin_routes())
            .nest("/platform/v1", world.trading.platform_routes());
        Self {
            router: stack
                .authenticate_with(Arc::new(tokens))
                .wrap(routes.split_for_parts().0),
            world,
            alice,
            carol,
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub(crate) async fn get(&self, who: &str, path: &str) -> Answer {
        self.send(request(Method::GET, who, path, &[], None)).await
    }

    pub(crate) async fn delete(&self, who: &str, path: &str) -> Answer {
        self.send(request(Method::DELETE, who, path, &[], None)).await
    }

    pub(crate) async fn post(&self, who: &str, path: &str, body: &str) -> Answer {
        self.world.tick();
        let body = Some(body.as_bytes().to_vec());
        self.send(request(Method::POST, who, path, &[], body)).await
    }

    /// Places an order, under a key unless that is empty.
    pub(crate) async fn order(&self, who: &str, key: &str, body: &str) -> Answer {
        self.world.tick();
        let key: &[(&str, &str)] = match key {
            "" => &[],
            key => &[("idempotency-key", key)],
        };
        let body = Some(body.as_bytes().to_vec());
        self.send(request(Method::POST, who, "/api/v1/orders", key, body))
            .await
    }
}

/// A request with these headers, a JSON body if any, and the credential of `who` unless that is empty.
pub(crate) fn request(
    method: Method,
    who: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Vec<u8>>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !who.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {who}"));
    }
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.unwrap_or_default())).unwrap()
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body as it came.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        self.json()
    }

    /// Status and code of a problem, which names its request.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["request_id"], self.header("x-request-id").unwrap());
        (self.status.as_u16(), text(&problem["code"]))
    }

    /// The fields a problem names, with their codes.
    pub(crate) fn fields(&self) -> Vec<String> {
        let problem = self.json();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| format!("{} {}", text(&error["field"]), text(&error["code"])))
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The JSON of an order for AAPL.
pub(crate) fn order(side: &str, quantity: &str, limit: Option<&str>) -> String {
    let mut order =
        serde_json::json!({ "symbol": "AAPL", "side": side, "order_type": "market", "quantity": quantity });
    if let Some(limit) = limit {
        order["order_type"] = "limit".into();
        order["limit_price"] = limit.into();
    }
    order.to_string()
}
