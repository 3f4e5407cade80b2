//! A stranger who registers the address of somebody else first, and waits for the owner to come (Sudhodanan and Paverd, "Pre-hijacked
//! accounts", USENIX Security 2022).

use std::time::Duration;

use platform_auth::AuthConfig;
use platform_core::sqlx;
use serde_json::{Value, json};

use crate::support::{Answer, App, Authenticator, PASSWORD, Place};

const OWN: &str = "battery horse correct";
const EMAIL: &str = "victim@example.com";

async fn verify(app: &App, place: &Place, body: &Value) -> Answer {
    app.post(place, "email/verify", body).await
}

/// The token of the newest mail.
async fn mailed(app: &App) -> String {
    app.mails().await.last().unwrap().token()
}

#[tokio::test]
async fn whoever_confirms_an_address_chooses_the_password_and_the_stranger_keeps_nothing() {
    for verified_email in [false, true] {
        let mut config = AuthConfig::default();
        config.verified_email = verified_email;
        let app = App::mailing_with(config).await;
        let place = app.place().await;
        let registered = app.register(&place, EMAIL).await;
        let stranger = (!verified_email).then(|| registered.token());
        let token = mailed(&app).await;

        let without = verify(&app, &place, &json!({ "token": token })).await;
        without.refused(422, "invalid_body");
        let error = &without.json()["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!("new_password"), &json!("required"))
        );
        let weak = json!({ "token": token, "new_password": "password1" });
        verify(&app, &place, &weak).await.refused(422, "invalid_body");
        let body = json!({ "token": token, "new_password": OWN });
        verify(&app, &place, &body).await.expect(204);

        verify(&app, &place, &body)
            .await
            .refused(422, "invalid_one_time_token");
        app.sign_in(&place, EMAIL, PASSWORD)
            .await
            .refused(401, "invalid_credentials");
        if let Some(stranger) = stranger {
            app.me(&stranger).await.refused(401, "invalid_token");
        }
        app.sign_in(&place, EMAIL, OWN).await.expect(200);
    }
}

#[tokio::test]
async fn whoever_is_signed_in_as_somebody_else_confirms_nothing_for_itself() {
    let app = App::mailing().await;
    let place = app.place().await;
    let stranger = app.user(&place, EMAIL).await;
    let token = mailed(&app).await;
    let other = app.user(&place, "other@example.com").await;

    let body = json!({ "token": token });
    app.post_as(&other, "email/verify", &body)
        .await
        .refused(422, "invalid_body");
    // As its user the session goes on.
    app.post_as(&stranger, "email/verify", &body).await.expect(204);
    app.me(&stranger).await.expect(200);
    app.sign_in(&place, EMAIL, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn there_is_no_second_factor_for_an_address_that_nobody_has_verified() {
    let app = App::mailing().await;
    let place = app.place().await;
    let token = app.user(&place, EMAIL).await;
    let password = json!({ "password": PASSWORD });

    app.post_as(&token, "totp", &password)
        .await
        .refused(403, "email_unverified");

    let body = json!({ "token": mailed(&app).await });
    app.post_as(&token, "email/verify", &body).await.expect(204);
    app.post_as(&token, "totp", &password).await.expect(201);
}

#[tokio::test]
async fn a_factor_from_before_the_address_was_verified_keeps_no_owner_out() {
    for by_reset in [true, false] {
        // Of a time when the service sent no mail.
        let before = App::new().await;
        let place = before.place().await;
        let stranger = before.user(&place, EMAIL).await;
        let (_, stranger, _) = Authenticator::set_up(&before, &stranger).await;
        let app = App::mailing_on(before.test.clone(), AuthConfig::default()).await;
        let (ask, show) = match by_reset {
            true => ("password/reset", "password/reset/confirm"),
            false => ("email/verification", "email/verify"),
        };

        app.post(&place, ask, &json!({ "email": EMAIL }))
            .await
            .expect(202);
        let body = json!({ "token": mailed(&app).await, "new_password": OWN });
        app.post(&place, show, &body).await.expect(204);

        app.sign_in(&place, EMAIL, OWN).await.expect(200);
        app.me(&stranger).await.refused(401, "invalid_token");
        let mut superuser = app.superuser().await;
        let left: i64 = sqlx::query_scalar(
            "select (select count(*) from platform_auth.totp_credential where tenant_id = $1)
                  + (select count(*) from platform_auth.recovery_code where tenant_id = $1)",
        )
        .bind(place.id)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        assert_eq!(left, 0);
        let recorded: i64 = sqlx::query_scalar(
            "select count(*) from platform_audit.event
             where tenant_id = $1 and action = 'auth.credential_change' and detail->>'how' = 'unproven'",
        )
        .bind(place.id)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        assert_eq!(recorded, 1);
    }
}

/// A factor of who has shown to read the mail stays: whoever reads the mail alone does not get past it.
#[tokio::test]
async fn a_factor_of_an_owner_outlives_a_reset() {
    let app = App::mailing().await;
    let place = app.place().await;
    let owner = app.verified_user(&place, EMAIL).await;
    Authenticator::set_up(&app, &owner).await;
    app.mails().await;
    app.post(&place, "password/reset", &json!({ "email": EMAIL }))
        .await
        .expect(202);

    let body = json!({ "token": mailed(&app).await, "new_password": OWN });
    app.post(&place, "password/reset/confirm", &body)
        .await
        .expect(204);

    app.sign_in(&place, EMAIL, OWN).await.expect(202);
}

#[tokio::test]
async fn a_token_of_verification_sets_no_password_once_the_address_is_verified() {
    let app = App::mailing().await;
    let place = app.place().await;
    app.user(&place, EMAIL).await;
    let verification = mailed(&app).await;
    app.post(&place, "password/reset", &json!({ "email": EMAIL }))
        .await
        .expect(202);
    let body = json!({ "token": mailed(&app).await, "new_password": OWN });
    app.post(&place, "password/reset/confirm", &body)
        .await
        .expect(204);

    let body = json!({ "token": verification, "new_password": "another horse correct" });
    verify(&app, &place, &body)
        .await
        .refused(422, "invalid_one_time_token");
}

/// A thief of the password who has no second factor.
#[tokio::test]
async fn whoever_used_up_the_challenges_does_not_keep_the_owner_out_after_a_reset() {
    let app = App::mailing().await;
    let place = app.place().await;
    let owner = app.verified_user(&place, EMAIL).await;
    let (authenticator, _, _) = Authenticator::set_up(&app, &owner).await;
    for _ in 0..30 {
        app.sign_in(&place, EMAIL, PASSWORD).await.expect(202);
    }
    app.sign_in(&place, EMAIL, PASSWORD)
        .await
        .refused(429, "too_many_attempts");
    app.mails().await;
    app.post(&place, "password/reset", &json!({ "email": EMAIL }))
        .await
        .expect(202);
    let body = json!({ "token": mailed(&app).await, "new_password": OWN });
    app.post(&place, "password/reset/confirm", &body)
        .await
        .expect(204);

    let challenge = app.sign_in(&place, EMAIL, OWN).await.expect(202).json();

    app.clock.advance(Duration::from_secs(30));
    let body = json!({ "challenge": challenge["challenge"], "code": authenticator.code(&app) });
    app.post(&place, "login/second-factor", &body).await.expect(200);
}
