//! Who is told of a caller that was refused.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use platform_core::http::{Caller, HttpConfig, Problem, Refusal, WatchRefusals};
use platform_core::{Permission, PrincipalKind};

use crate::support::{App, Names, app_with, get as request, tenant};

const CLOSE: Permission = Permission::new("parcels:close");

#[derive(Default)]
struct Told(Mutex<Vec<Refusal>>);

#[async_trait]
impl WatchRefusals for Told {
    async fn refused(&self, refusal: Refusal) {
        self.0.lock().unwrap().push(refusal);
    }
}

fn service() -> (App, Arc<Told>) {
    let told = Arc::new(Told::default());
    let close = async |Caller(ctx): Caller| {
        ctx.require(CLOSE)?;
        Ok::<_, Problem>("closed")
    };
    let routes = Router::new()
        .route("/parcels/{id}/closing", post(close))
        .route("/bare", get(async || StatusCode::FORBIDDEN))
        .route("/open", get(async || "open"))
        .route("/gone", get(async || StatusCode::GONE));
    let watch = Arc::clone(&told);
    let app = app_with(HttpConfig::default(), routes, |stack| {
        stack.authenticate_with(Arc::new(Names)).tell_refusals(watch)
    });
    (app, told)
}

#[tokio::test]
async fn a_refused_caller_is_told_of_before_the_answer_with_the_template_and_not_the_path() {
    let (service, told) = service();
    let close = Request::post("/parcels/7/closing").header("authorization", "Bearer alice");

    let answer = service.send(close.body(Body::empty()).unwrap()).await;

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let told = told.0.lock().unwrap();
    assert_eq!(told.len(), 1);
    let refusal = &told[0];
    assert_eq!(
        (refusal.method, refusal.route.as_str(), refusal.code),
        ("POST", "/parcels/{id}/closing", "forbidden")
    );
    assert_eq!(refusal.detail, "the permission parcels:close is needed");
    assert_eq!(refusal.ctx.tenant(), tenant());
    assert_eq!(refusal.ctx.principal().kind(), PrincipalKind::User);
    assert_eq!(
        refusal.ctx.meta().request_id.to_string(),
        answer.header("x-request-id").unwrap()
    );
}

#[tokio::test]
async fn a_bare_403_is_told_of_too() {
    let (service, told) = service();

    service
        .send(request("/bare", &[("authorization", "Bearer bob")]))
        .await;

    let told = told.0.lock().unwrap();
    assert_eq!((told.len(), told[0].code), (1, "forbidden"));
}

#[tokio::test]
async fn nobody_is_told_of_other_answers_and_of_callers_who_have_not_signed_in() {
    let (service, told) = service();

    let bob = &[("authorization", "Bearer bob")][..];
    for (path, headers) in [("/open", bob), ("/gone", bob), ("/nowhere", bob), ("/bare", &[])] {
        service.send(request(path, headers)).await;
    }

    assert!(told.0.lock().unwrap().is_empty());
}
