//! A service with the routes of the trail, in this process.

use std::sync::Arc;

use async_trait::async_trait;
use platform_audit::{AUDIT_EXPORT, AUDIT_HOLD, AUDIT_PLATFORM, AUDIT_READ, Audit};
use platform_core::axum::Router;
use platform_core::axum::body::{Body, Bytes};
use platform_core::axum::http::request::Parts;
use platform_core::axum::http::{HeaderMap, Method, Request, StatusCode, header};
use platform_core::axum::response::Response;
use platform_core::http::{AuthOutcome, Authenticate, HttpConfig, HttpStack, Problem};
use platform_core::metrics::Metrics;
use platform_core::pg::Db;
use platform_core::{Permission, Principal, PrincipalId, RequestContext, RequestMeta, TenantId, axum};
use serde_json::Value;
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::support::Place;

pub(crate) const BASE: &str = "/admin/v1/audit";

/// A tenant, and a service that has its trail.
pub(crate) struct App {
    pub(crate) place: Place,
    pub(crate) router: Router,
    pub(crate) openapi: OpenApi,
    pub(crate) user: PrincipalId,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl App {
    pub(crate) async fn new() -> Self {
        Self::of(Place::new().await)
    }

    pub(crate) fn of(place: Place) -> Self {
        let audit = Audit::new(&place.db, &place.log, &place.key);
        Self::with(place, &audit)
    }

    pub(crate) fn with(place: Place, audit: &Audit) -> Self {
        let routes = OpenApiRouter::new().nest(BASE, audit.admin_routes());
        let (routes, openapi) = routes.split_for_parts();
        let http = HttpConfig {
            rate_limit: None,
            ..HttpConfig::default()
        };
        let user = PrincipalId::generate(place.db.sources());
        let router = HttpStack::new(http, place.db.sources().clone(), &Metrics::new())
            .authenticate_with(Arc::new(Tokens { user }))
            .wrap(routes);
        Self {
            place,
            router,
            openapi,
            user,
        }
    }

    /// The same service without its database.
    pub(crate) fn without_database(&self) -> Self {
        let place = self.place.clone();
        let gone = Db::unconnected(place.db.sources().clone());
        let audit = Audit::new(&gone, &place.log, &place.key);
        Self::with(place, &audit)
    }

    /// As somebody of the tenant who may read and export.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_as(&[AUDIT_READ, AUDIT_EXPORT], path).await
    }

    pub(crate) async fn get_as(&self, permissions: &[Permission], path: &str) -> Answer {
        let token = token(self.place.tenant, permissions);
        Answer::of(self.send(Method::GET, Some(&token), path).await).await
    }

    /// Sends a body of JSON, as somebody of the tenant.
    pub(crate) async fn post_as(&self, permissions: &[Permission], path: &str, body: &str) -> Answer {
        let request = Request::post(format!("{BASE}{path}"))
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", token(self.place.tenant, permissions)),
            )
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        Answer::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn send(&self, method: Method, token: Option<&str>, path: &str) -> Response {
        let mut request = Request::builder().method(method).uri(format!("{BASE}{path}"));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text());
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Of a problem.
    #[track_caller]
    pub(crate) fn verdict(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text()
        );
        (
            self.status.as_u16(),
            self.json()["code"].as_str().unwrap().to_owned(),
        )
    }

    /// The first field that a problem names, and what is wrong with it.
    #[track_caller]
    pub(crate) fn field(&self) -> (String, String) {
        let error = &self.json()["errors"][0];
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (text("field"), text("code"))
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// A credential of somebody of this tenant with these permissions.
pub(crate) fn token(tenant: TenantId, permissions: &[Permission]) -> String {
    let names: Vec<_> = permissions.iter().map(|permission| permission.name()).collect();
    format!("{tenant}/{}", names.join(","))
}

/// The same of somebody who acts for another.
pub(crate) fn token_on_behalf(tenant: TenantId, permissions: &[Permission]) -> String {
    format!("{}/behalf", token(tenant, permissions))
}

/// Believes what a credential says.
struct Tokens {
    user: PrincipalId,
}

#[async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, parts: &Parts, meta: &RequestMeta) -> AuthOutcome {
        let Some(credential) = parts.headers.get(header::AUTHORIZATION) else {
            return AuthOutcome::NotPresent;
        };
        let mut parts = credential
            .to_str()
            .unwrap()
            .strip_prefix("Bearer ")
            .unwrap()
            .split('/');
        let (Some(tenant), Some(names)) = (parts.next(), parts.next()) else {
            return AuthOutcome::Failed(Problem::unauthenticated());
        };
        let held = [AUDIT_READ, AUDIT_EXPORT, AUDIT_HOLD, AUDIT_PLATFORM]
            .into_iter()
            .filter(|permission| names.split(',').any(|name| name == permission.name()));
        let user = Principal::user(self.user, held.collect());
        let ctx = RequestContext::authenticated(tenant.parse().unwrap(), user.clone(), meta.clone());
        AuthOutcome::Authenticated(match parts.next() {
            Some(_) => ctx.on_behalf_of(user),
            None => ctx,
        })
    }
}
