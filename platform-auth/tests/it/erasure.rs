//! Erasing users, and legal holds.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use platform_auth::{AuthConfig, EraseUserError};
use platform_core::{PrincipalId, axum, sqlx};
use serde_json::json;

use crate::support::{Answer, App, Call, PASSWORD, Place};

async fn erase(app: &App, admin: &str, user: PrincipalId) -> Answer {
    app.send(Call::post(&format!("/admin/v1/users/{user}/erasure")).bearer(admin))
        .await
}

async fn place_hold(app: &App, admin: &str, user: PrincipalId, reason: &str) -> Answer {
    let call = Call::post(&format!("/admin/v1/users/{user}/holds")).bearer(admin);
    app.send(call.json(&json!({ "reason": reason }))).await
}

/// Everything that the database holds about a user, but for the id.
async fn traces(app: &App, place: &Place, user: PrincipalId) -> Vec<String> {
    let mut superuser = app.superuser().await;
    let mut traces = Vec::new();
    for sql in [
        "select 'identity' from platform_auth.subject where tenant_id = $1 and id = $2
           and num_nonnulls(email, email_normalized, first_name, last_name, email_sealed, first_name_sealed, last_name_sealed) > 0",
        "select 'password' from platform_auth.password_credential where tenant_id = $1 and subject_id = $2",
        "select 'session' from platform_auth.session where tenant_id = $1 and subject_id = $2
           and (ended_at is null or num_nonnulls(source_address, user_agent) > 0)",
        "select 'tag' from platform_crypto.blind_tag where tenant_id = $1 and row_id = $2",
        "select 'key' from platform_crypto.subject_key where tenant_id = $1 and subject_id = $2 and wrapped is not null",
    ] {
        let found: Vec<String> = sqlx::query_scalar(sql)
            .bind(place.id)
            .bind(user)
            .fetch_all(&mut superuser)
            .await
            .unwrap();
        traces.extend(found);
    }
    traces
}

#[tokio::test]
async fn an_erased_user_is_gone_from_everywhere_and_the_id_stays() {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let body = json!({
        "email": "ada@example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace",
    });
    let register = Call::post("/api/v1/auth/register")
        .at(&place)
        .from("192.0.2.7")
        .json(&body);
    let ada = app.send(register).await;
    let user = ada.user_id();
    assert_eq!(
        traces(&app, &place, user).await,
        ["identity", "password", "session", "tag", "key"]
    );

    let erased = erase(&app, &admin, user).await;

    assert_eq!(erased.status, StatusCode::OK, "{}", erased.text);
    let answer = erased.json();
    assert_eq!(
        (&answer["state"], &answer["user_id"]),
        (&json!("erased"), &json!(user))
    );
    assert_eq!(answer["requested_at"], "2026-01-02T03:04:05Z");
    assert_eq!(traces(&app, &place, user).await, Vec::<String>::new());
    app.me(&ada.token()).await.refused(401, "invalid_token");
    app.sign_in(&place, "ada@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    let listed = app.send(Call::get("/admin/v1/users").bearer(&admin)).await;
    assert!(!listed.text.contains(&user.to_string()), "{}", listed.text);
    // Once more it is the same.
    assert_eq!(erase(&app, &admin, user).await.json(), answer);
    let seen = app
        .send(Call::get(&format!("/admin/v1/users/{user}/erasure")).bearer(&admin))
        .await;
    assert_eq!(seen.json(), answer);
    // The address is free for somebody new, who is somebody else.
    let again = app.register(&place, "ada@example.com").await;
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text);
    assert_ne!(again.user_id(), user);
}

#[tokio::test]
async fn an_erased_user_is_gone_on_other_instances_that_had_the_key() {
    let app = App::new().await;
    let place = app.place().await;
    let other = App::on(app.test.clone(), AuthConfig::default()).await;
    let admin = app.admin(&place).await;
    let ada = app.register(&place, "ada@example.com").await;
    assert_eq!(other.me(&ada.token()).await.status, StatusCode::OK);

    erase(&app, &admin, ada.user_id()).await;

    other.me(&ada.token()).await.refused(401, "invalid_token");
    let listed = other.send(Call::get("/admin/v1/users").bearer(&admin)).await;
    assert_eq!(
        listed.json()["data"].as_array().unwrap().len(),
        1,
        "{}",
        listed.text
    );
}

#[tokio::test]
async fn a_legal_hold_keeps_a_user_from_being_erased_until_it_is_released() {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let ada = app.register(&place, "ada@example.com").await;
    let user = ada.user_id();
    let before = traces(&app, &place, user).await;

    let hold = place_hold(&app, &admin, user, "case 2026-118").await;
    assert_eq!(hold.status, StatusCode::CREATED, "{}", hold.text);
    let refused = erase(&app, &admin, user).await;

    refused.refused(409, "legal_hold");
    assert_eq!(refused.json()["holds"], json!([hold.json()["id"]]));
    assert_eq!(traces(&app, &place, user).await, before);
    assert_eq!(app.me(&ada.token()).await.status, StatusCode::OK);
    let path = format!("/admin/v1/users/{user}/holds");
    let listed = app.send(Call::get(&path).bearer(&admin)).await.json();
    assert_eq!(listed["data"], json!([hold.json()]));
    assert_eq!(listed["data"][0]["reason"], "case 2026-118");

    let path = format!("{path}/{}", hold.json()["id"].as_str().unwrap());
    let released = app.send(Call::new(Method::DELETE, &path).bearer(&admin)).await;
    assert_eq!(released.status, StatusCode::OK, "{}", released.text);
    app.send(Call::new(Method::DELETE, &path).bearer(&admin))
        .await
        .refused(404, "not_found");
    assert_eq!(erase(&app, &admin, user).await.status, StatusCode::OK);
    place_hold(&app, &admin, user, "too late")
        .await
        .refused(409, "user_erased");
}

#[tokio::test]
async fn the_trail_tells_of_holds_refusals_and_the_erasure_and_names_nobody() {
    let app = App::own().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let user = app.register(&place, "ada@example.com").await.user_id();
    let hold = place_hold(&app, &admin, user, "case 2026-118").await.json();
    erase(&app, &admin, user).await.refused(409, "legal_hold");
    let path = format!("/admin/v1/users/{user}/holds/{}", hold["id"].as_str().unwrap());
    app.send(Call::new(Method::DELETE, &path).bearer(&admin)).await;
    erase(&app, &admin, user).await;

    let mut superuser = app.superuser().await;
    let trail: Vec<(String, String, Option<String>, String)> = sqlx::query_as(
        "select action, outcome, reason, actor_kind from platform_audit.event
         where target_id = $1 and action <> 'auth.register' order by recorded_at",
    )
    .bind(user.to_string())
    .fetch_all(&mut superuser)
    .await
    .unwrap();

    let told: Vec<_> = trail
        .iter()
        .map(|(action, outcome, reason, actor)| {
            (
                action.as_str(),
                outcome.as_str(),
                reason.as_deref(),
                actor.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("subject.hold_place", "success", None, "user"),
            ("subject.erase_refused", "denied", Some("legal_hold"), "user"),
            ("subject.hold_release", "success", None, "user"),
            ("subject.erase_request", "success", None, "user"),
            ("auth.erase_user", "success", None, "user"),
            ("subject.erase", "success", None, "user"),
        ]
    );
    let dump = app.dump().await;
    assert!(!dump.contains("ada@example.com"));
}

#[tokio::test]
async fn an_erasure_that_breaks_off_shows_nothing_any_more_and_is_finished_later() {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let ada = app.register(&place, "ada@example.com").await;
    let user = ada.user_id();
    app.erasures.set_away(true);

    let broken = erase(&app, &admin, user).await;

    broken.refused(503, "keys_unavailable");
    app.me(&ada.token()).await.refused(401, "invalid_token");
    app.sign_in(&place, "ada@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    let path = format!("/admin/v1/users/{user}/erasure");
    let seen = app.send(Call::get(&path).bearer(&admin)).await.json();
    assert_eq!(
        (&seen["state"], &seen["destroyed_at"]),
        (&json!("erasing"), &json!(null))
    );

    app.erasures.set_away(false);
    app.keys.maintain(&app.test.context(place.id)).await.unwrap();
    let seen = app.send(Call::get(&path).bearer(&admin)).await.json();
    assert_eq!(seen["state"], "erased");
    assert_eq!(traces(&app, &place, user).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_session_that_is_opened_while_its_user_is_erased_is_worth_nothing() {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    for round in 0..5 {
        let email = format!("ada{round}@example.com");
        let user = app.register(&place, &email).await.user_id();

        let (erased, signed_in) =
            tokio::join!(erase(&app, &admin, user), app.sign_in(&place, &email, PASSWORD));

        assert_eq!(erased.status, StatusCode::OK, "{}", erased.text);
        if signed_in.status == StatusCode::OK {
            app.me(&signed_in.token()).await.refused(401, "invalid_token");
        } else {
            signed_in.refused(401, "invalid_credentials");
        }
        assert_eq!(traces(&app, &place, user).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_user_and_another_tenants_admin_erase_nobody() {
    let app = App::new().await;
    let (acme, globex) = (app.place().await, app.place().await);
    let ada = app.register(&acme, "ada@example.com").await;
    let their_admin = app.admin(&globex).await;
    let user = ada.user_id();
    let nobody = PrincipalId::generate(app.test.sources());

    for (token, id, verdict) in [
        (ada.token(), user, (403, "forbidden")),
        (their_admin.clone(), user, (404, "not_found")),
        (their_admin, nobody, (404, "not_found")),
    ] {
        erase(&app, &token, id).await.refused(verdict.0, verdict.1);
        place_hold(&app, &token, id, "mine")
            .await
            .refused(verdict.0, verdict.1);
        for path in ["erasure", "holds"] {
            let call = Call::get(&format!("/admin/v1/users/{id}/{path}")).bearer(&token);
            app.send(call).await.refused(verdict.0, verdict.1);
        }
    }
    assert_eq!(app.me(&ada.token()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_hold_without_a_reason_is_refused() {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let user = app.register(&place, "ada@example.com").await.user_id();

    for reason in ["", "  ", &"x".repeat(201)] {
        let answer = place_hold(&app, &admin, user, reason).await;
        answer.refused(422, "invalid_body");
        assert_eq!(answer.json()["errors"][0]["field"], "reason");
    }
}

#[tokio::test]
async fn a_user_who_comes_back_with_a_backup_is_nobody_and_is_erased_again() {
    let app = App::own().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let ada = app.register(&place, "ada@example.com").await;
    let user = ada.user_id();
    let ctx = app.test.context(place.id);
    // What a backup holds.
    let mut superuser = app.superuser().await;
    for table in [
        "platform_auth.subject",
        "platform_auth.password_credential",
        "platform_crypto.subject_key",
        "platform_crypto.blind_tag",
    ] {
        let sql = format!("create table public.{} as table {table}", table.replace('.', "_"));
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&mut superuser)
            .await
            .unwrap();
    }
    erase(&app, &admin, user).await;
    for (table, sql) in [
        (
            "platform_auth.subject",
            "update platform_auth.subject s set status = b.status, erased_at = null, email_sealed = b.email_sealed
               from public.platform_auth_subject b where b.id = s.id and s.erased_at is not null",
        ),
        (
            "platform_auth.password_credential",
            "insert into platform_auth.password_credential select * from public.platform_auth_password_credential
               on conflict do nothing",
        ),
        (
            "platform_auth.session",
            "update platform_auth.session set ended_at = null, end_reason = null where end_reason = 'erased'",
        ),
    ] {
        assert!(app.by_hand(table, sql).await > 0, "{sql}");
    }
    for sql in [
        "update platform_crypto.subject_key k set state = b.state, wrapped = b.wrapped, wrapped_by = b.wrapped_by,
             erase_requested_at = null, destroyed_at = null
           from public.platform_crypto_subject_key b where b.subject_id = k.subject_id and k.state = 'destroyed'",
        "insert into platform_crypto.blind_tag select * from public.platform_crypto_blind_tag on conflict do nothing",
        "drop table public.platform_auth_subject, public.platform_auth_password_credential,
           public.platform_crypto_subject_key, public.platform_crypto_blind_tag",
    ] {
        sqlx::query(sql).execute(&mut superuser).await.unwrap();
    }
    app.clock.advance(Duration::from_secs(1));

    let listed = app.send(Call::get("/admin/v1/users").bearer(&admin)).await;
    assert!(!listed.text.contains("ada@example.com"), "{}", listed.text);
    app.me(&ada.token()).await.refused(404, "not_found");
    app.sign_in(&place, "ada@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");

    let replayed = app.keys.replay_erasures(&ctx).await.unwrap();
    let users = app.auth.replay_erasures(&ctx).await.unwrap();

    assert_eq!((replayed, users), (1, 1));
    app.me(&ada.token()).await.refused(401, "invalid_token");
    assert_eq!(traces(&app, &place, user).await, Vec::<String>::new());
    assert!(matches!(
        app.auth.erase_user(&ctx, user).await,
        Ok(erasure) if erasure.destroyed_at.is_some()
    ));
    assert!(matches!(
        app.auth
            .erase_user(&ctx, PrincipalId::generate(app.test.sources()))
            .await,
        Err(EraseUserError::NotFound)
    ));
}
