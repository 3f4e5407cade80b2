//! The tenant of a request without a credential.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use platform_core::TenantId;
use platform_core::http::{HttpConfig, Problem, ResolveTenant, Visitor};

use crate::support::{self, App, Log, Names, TENANT, app, app_with, get as request};

const GLOBEX: &str = "018f2b6e-7c1a-7d3e-9b1a-0000000000b0";

/// acme owns `acme.example.com`, globex has no host name.
#[derive(Default)]
struct Directory {
    asked: AtomicU32,
}

#[async_trait]
impl ResolveTenant for Directory {
    async fn by_host(&self, host: &str) -> Result<Option<TenantId>, Problem> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok((host == "acme.example.com").then(support::tenant))
    }

    async fn by_slug(&self, slug: &str) -> Result<Option<TenantId>, Problem> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match slug {
            "acme" => Ok(Some(support::tenant())),
            "globex" => Ok(Some(GLOBEX.parse().unwrap())),
            "broken" => Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "try again",
            )),
            _ => Ok(None),
        }
    }
}

fn routes() -> Router {
    Router::new()
        .route(
            "/quotes",
            get(async |Visitor(ctx): Visitor| ctx.tenant().to_string()),
        )
        .route("/plain", get(async || "plain"))
}

fn service(config: HttpConfig) -> (App, Arc<Directory>) {
    let directory = Arc::new(Directory::default());
    let resolver = Arc::clone(&directory);
    let app = app_with(config, routes(), |stack| {
        stack.authenticate_with(Arc::new(Names)).resolve_with(resolver)
    });
    (app, directory)
}

async fn tenant_of(headers: &[(&str, &str)]) -> String {
    let (app, _) = service(HttpConfig::default());
    let answer = app.send(request("/quotes", headers)).await;
    match answer.status {
        StatusCode::OK => answer.text(),
        _ => answer.code(),
    }
}

#[tokio::test]
async fn a_host_name_names_its_tenant() {
    for host in [
        "acme.example.com",
        "ACME.example.com",
        "acme.example.com:8443",
        "acme.example.com.",
    ] {
        assert_eq!(tenant_of(&[("host", host)]).await, TENANT, "{host}");
    }
}

#[tokio::test]
async fn a_slug_names_a_tenant_where_the_host_name_does_not() {
    assert_eq!(
        tenant_of(&[("host", "localhost:8080"), ("x-tenant", "globex")]).await,
        GLOBEX
    );
    assert_eq!(tenant_of(&[("x-tenant", "acme")]).await, TENANT);
}

#[tokio::test]
async fn a_host_name_goes_before_a_slug_and_a_credential_before_both() {
    let host_and_slug = [("host", "acme.example.com"), ("x-tenant", "globex")];
    let credential = [("authorization", "Bearer alice"), ("x-tenant", "globex")];

    assert_eq!(tenant_of(&host_and_slug).await, TENANT);
    assert_eq!(tenant_of(&credential).await, TENANT);
}

#[tokio::test]
async fn a_request_that_names_no_tenant_is_told_to() {
    assert_eq!(tenant_of(&[]).await, "tenant_required");
    assert_eq!(tenant_of(&[("host", "localhost:8080")]).await, "tenant_required");
}

#[tokio::test]
async fn a_tenant_that_does_not_exist_is_not_found() {
    let long = "x".repeat(200);
    for slug in ["initech", "", &long, "caf\u{e9}"] {
        assert_eq!(tenant_of(&[("x-tenant", slug)]).await, "tenant_unknown", "{slug}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_answer_is_not_taken_for_an_unknown_tenant() {
    assert_eq!(tenant_of(&[("x-tenant", "broken")]).await, "unavailable");
}

#[tokio::test]
async fn a_default_tenant_serves_requests_that_name_none() {
    let config = HttpConfig {
        default_tenant: Some("globex".to_owned()),
        ..HttpConfig::default()
    };
    let (app, _) = service(config);

    assert_eq!(app.get("/quotes").await.text(), GLOBEX);
    assert_eq!(
        app.send(request("/quotes", &[("x-tenant", "acme")])).await.text(),
        TENANT
    );
    assert_eq!(
        app.send(request("/quotes", &[("x-tenant", "initech")]))
            .await
            .code(),
        "tenant_unknown"
    );
}

#[tokio::test]
async fn nobody_is_looked_up_where_no_handler_asks() {
    let (app, directory) = service(HttpConfig::default());

    app.send(request("/plain", &[("x-tenant", "acme")])).await;
    app.send(request("/quotes", &[("authorization", "Bearer alice")]))
        .await;
    app.send(request("/quotes", &[("host", "127.0.0.1:8080")])).await;
    app.send(request("/quotes", &[("host", "[::1]:8080")])).await;

    assert_eq!(directory.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_anonymous_request_is_logged_under_its_tenant() {
    let log = Log::capture();

    tenant_of(&[("x-tenant", "globex")]).await;

    assert_eq!(log.lines()[0]["span"]["tenant.id"], GLOBEX);
}

#[tokio::test]
async fn a_service_without_a_directory_has_no_anonymous_tenants() {
    let answer = app(HttpConfig::default(), routes())
        .send(request("/quotes", &[("x-tenant", "acme")]))
        .await;

    assert_eq!(answer.code(), "tenant_required");
}
