//! Proving anew who one is.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing::post;
use http_body_util::BodyExt as _;
use platform_core::http::{Caller, HttpConfig, HttpStack, Problem};
use platform_core::metrics::Metrics;
use platform_core::{Clock as _, axum};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::{App, Authenticator, Call, PASSWORD};
use crate::world::{
    MINUTE, SECOND, TICK, admin, context, delete, is_good, remembering, session_of, trail, user,
};

const LIMIT: Duration = Duration::from_secs(300);

async fn step_up(app: &App, token: &str, body: Value) -> crate::support::Answer {
    app.post_as(token, "step-up", &body).await
}

#[tokio::test]
async fn a_proof_is_recent_for_as_long_as_is_asked_and_a_new_one_makes_it_so_again() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let recent = async |token: &str| {
        let ctx = context(&app.auth, token).await.unwrap();
        ctx.require_recent(LIMIT).is_ok()
    };
    let signed_in_at = app.clock.now();
    app.clock.advance(LIMIT - TICK);
    assert!(recent(&ada.token).await);
    app.clock.advance(TICK);
    assert!(!recent(&ada.token).await);

    let stepped = step_up(&app, &ada.token, json!({ "password": PASSWORD })).await;

    let token = stepped.expect(200).token();
    assert!(recent(&token).await);
    let ctx = context(&app.auth, &token).await.unwrap();
    let proof = ctx.authentication().unwrap();
    assert_eq!(proof.time(), signed_in_at + LIMIT);
    assert!(proof.used("pwd") && !proof.used("otp"));
    assert_eq!(trail(&app, ada.id).await.last().unwrap().0, "auth.step_up");
}

/// A route that asks for a recent proof.
async fn close(Caller(ctx): Caller) -> Result<StatusCode, Problem> {
    ctx.require_recent(LIMIT)?;
    Ok(StatusCode::NO_CONTENT)
}

#[tokio::test]
async fn a_client_is_told_to_step_up_by_the_challenge_of_rfc_9470() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let router = HttpStack::new(
        HttpConfig::default(),
        platform_core::Sources::system(),
        &Metrics::new(),
    )
    .authenticate_with(std::sync::Arc::new(app.auth.clone()))
    .wrap(Router::new().route("/close", post(close)));
    let send = async |token: &str| {
        let request = Request::post("/close").header(header::AUTHORIZATION, format!("Bearer {token}"));
        router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    };
    assert_eq!(send(&ada.token).await.status(), StatusCode::NO_CONTENT);
    app.clock.advance(LIMIT);

    let refused = send(&ada.token).await;

    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        refused.headers()[header::WWW_AUTHENTICATE],
        r#"Bearer error="insufficient_user_authentication", max_age="300""#
    );
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&problem["code"], &problem["max_age_s"]),
        (&json!("step_up_required"), &json!(300))
    );
    let token = step_up(&app, &ada.token, json!({ "password": PASSWORD }))
        .await
        .token();
    assert_eq!(send(&token).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_code_does_as_well_where_one_is_set_up_and_once() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    step_up(&app, &ada.token, json!({ "code": "123456" }))
        .await
        .refused(409, "totp_not_enrolled");
    let (authenticator, token, codes) = Authenticator::set_up(&app, &ada.token).await;
    app.clock.advance(LIMIT);
    let code = authenticator.code(&app);

    let stepped = step_up(&app, &token, json!({ "code": code }))
        .await
        .expect(200)
        .token();
    let ctx = context(&app.auth, &stepped).await.unwrap();
    assert!(ctx.require_recent(SECOND).is_ok() && ctx.authentication().unwrap().used("otp"));
    step_up(&app, &stepped, json!({ "code": code }))
        .await
        .refused(403, "invalid_code");
    assert!(
        is_good(&app.auth, &stepped).await,
        "a wrong code costs no session"
    );
    let by_recovery = step_up(&app, &stepped, json!({ "code": codes[0] })).await;
    let token = by_recovery.expect(200).token();

    // By the password the second factor is still known to have been used at the sign-in.
    let stepped = step_up(&app, &token, json!({ "password": PASSWORD })).await;
    let ctx = context(&app.auth, &stepped.expect(200).token()).await.unwrap();
    assert!(ctx.authentication().unwrap().used("rcv"));
    let told = trail(&app, ada.id).await;
    assert!(
        told.contains(&("auth.step_up".to_owned(), "used_code".to_owned())),
        "{told:?}"
    );
}

#[tokio::test]
async fn bad_input_steps_nobody_up() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let session = session_of(&app, &ada.token).await;

    for body in [
        json!({}),
        json!({ "password": null, "code": null }),
        json!({ "password": PASSWORD, "code": "123456" }),
        json!({ "password": PASSWORD, "session": "token" }),
        json!({ "password": 7 }),
        json!([PASSWORD]),
    ] {
        let answer = step_up(&app, &ada.token, body.clone()).await;
        answer.refused(422, "invalid_body");
    }
    step_up(&app, &ada.token, json!({ "password": "wrong horse" }))
        .await
        .refused(403, "wrong_password");
    step_up(&app, &ada.token, json!({ "password": "x".repeat(2000) }))
        .await
        .refused(403, "wrong_password");
    let anonymous = Call::post("/api/v1/auth/step-up").at(&place);
    app.send(anonymous.json(&json!({ "password": PASSWORD })))
        .await
        .refused(401, "unauthenticated");

    assert_eq!(session_of(&app, &ada.token).await, session);
}

#[tokio::test]
async fn guessing_at_the_password_is_slowed_down() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let mut answers = Vec::new();
    for _ in 0..11 {
        answers.push(step_up(&app, &ada.token, json!({ "password": "wrong horse" })).await);
    }

    answers.pop().unwrap().refused(429, "too_many_attempts");
    for answer in answers {
        answer.refused(403, "wrong_password");
    }
}

/// A session that ends while its user proves who it is does not live on under another id.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_ended_session_lives_on_by_stepping_up() {
    let app = remembering().await;
    let place = app.place().await;
    let boss = admin(&app, &place, "boss").await;
    for round in 0..5 {
        let ada = user(&app, &place, &format!("ada{round}")).await;
        let end = delete(&format!("/admin/v1/users/{}/sessions", ada.id)).bearer(&boss.token);

        let (stepped, ended) = tokio::join!(
            step_up(&app, &ada.token, json!({ "password": PASSWORD })),
            app.send(end)
        );

        ended.expect(200);
        app.clock.advance(MINUTE);
        assert!(!is_good(&app.auth, &ada.token).await);
        if stepped.status == StatusCode::OK {
            // It was there when the others ended, or it began after that from a session that was live: then it ended that one itself.
            let is_live = is_good(&app.auth, &stepped.token()).await;
            assert_eq!(is_live, ended.json()["sessions_ended"] == 0, "{}", ended.text);
        }
    }
}
