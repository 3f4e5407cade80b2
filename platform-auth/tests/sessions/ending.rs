//! A session gets another id and token whenever somebody proves who it is, and the old one is dead (AUTH-S1).

use serde_json::json;

use crate::support::{App, Authenticator, Call, PASSWORD, Place};
use crate::world::{Person, delete, entered, is_good, remembering, session_of, user};

const OTHER_PASSWORD: &str = "battery horse correct";

/// The old token is dead and the new one is another session.
async fn renewed(app: &App, old: (&str, &str), new: &str) {
    let (token, session) = old;
    assert!(!is_good(&app.auth, token).await);
    assert!(is_good(&app.auth, new).await);
    assert_ne!(session_of(app, new).await, session);
}

async fn begun(app: &App) -> (Place, Person, String) {
    let place = app.place().await;
    let ada = user(app, &place, "ada").await;
    // Asked for, so that it is remembered.
    let session = session_of(app, &ada.token).await;
    (place, ada, session)
}

#[tokio::test]
async fn signing_in_again_replaces_the_session_also_as_somebody_else() {
    let app = remembering().await;
    let (place, ada, session) = begun(&app).await;
    let bob = user(&app, &place, "bob").await;
    let login = |token: &str, person: &Person| {
        app.send(
            Call::post("/api/v1/auth/login")
                .bearer(token)
                .json(&entered(person)),
        )
    };

    let again = login(&ada.token, &ada).await.expect(200).token();
    renewed(&app, (&ada.token, &session), &again).await;
    let session = session_of(&app, &again).await;
    let as_bob = login(&again, &bob).await.expect(200).token();
    renewed(&app, (&again, &session), &as_bob).await;
}

#[tokio::test]
async fn a_second_factor_and_another_password_replace_the_session() {
    let app = remembering().await;
    let (_, ada, session) = begun(&app).await;

    let (_, confirmed, _) = Authenticator::set_up(&app, &ada.token).await;
    renewed(&app, (&ada.token, &session), &confirmed).await;

    let session = session_of(&app, &confirmed).await;
    let passwords = json!({ "old_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let changed = app
        .post_as(&confirmed, "password", &passwords)
        .await
        .expect(200)
        .token();
    renewed(&app, (&confirmed, &session), &changed).await;
}

#[tokio::test]
async fn a_code_after_the_password_replaces_the_session() {
    let app = remembering().await;
    let (_, ada, _) = begun(&app).await;
    let (authenticator, token, _) = Authenticator::set_up(&app, &ada.token).await;
    app.clock.advance(std::time::Duration::from_secs(60));
    let session = session_of(&app, &token).await;

    let challenge = app.post_as(&token, "login", &entered(&ada)).await;
    let challenge = challenge.expect(202).json()["challenge"].clone();
    assert!(is_good(&app.auth, &token).await, "nobody has signed in yet");
    let code = json!({ "challenge": challenge, "code": authenticator.code(&app) });
    let signed_in = app.post_as(&token, "login/second-factor", &code).await;

    renewed(&app, (&token, &session), &signed_in.expect(200).token()).await;
}

#[tokio::test]
async fn stepping_up_replaces_the_session() {
    let app = remembering().await;
    let (_, ada, session) = begun(&app).await;

    let stepped = app
        .post_as(&ada.token, "step-up", &json!({ "password": PASSWORD }))
        .await
        .expect(200)
        .token();

    renewed(&app, (&ada.token, &session), &stepped).await;
}

/// Going over to another tenant is signing in there: a session is of one tenant.
#[tokio::test]
async fn a_session_of_one_tenant_opens_none_in_another() {
    let app = remembering().await;
    let (_, ada, _) = begun(&app).await;
    let other = app.place().await;
    user(&app, &other, "ada").await;

    let login = Call::post("/api/v1/auth/login").at(&other).bearer(&ada.token);
    let stayed = app.send(login.json(&entered(&ada))).await.expect(200).token();

    let tenant = app.me(&stayed).await.json()["tenant"]["slug"].clone();
    assert_ne!(tenant, other.slug);
    assert!(!is_good(&app.auth, &ada.token).await);
}

/// Every way of ending a session takes effect at this instance with its answer, whatever is remembered.
#[tokio::test]
async fn erasing_somebody_ends_what_is_remembered() {
    let app = remembering().await;
    let (place, ada, _) = begun(&app).await;
    let admin = app.admin(&place).await;
    assert!(is_good(&app.auth, &ada.token).await);

    let erase = Call::post(&format!("/admin/v1/users/{}/erasure", ada.id)).bearer(&admin);
    app.send(erase).await.expect(200);
    assert!(!is_good(&app.auth, &ada.token).await);
}

#[tokio::test]
async fn another_password_ends_the_other_sessions_that_are_remembered() {
    let app = remembering().await;
    let (place, ada, _) = begun(&app).await;
    let other = app
        .sign_in(&place, &ada.email, PASSWORD)
        .await
        .expect(200)
        .token();
    assert!(is_good(&app.auth, &other).await);

    let passwords = json!({ "old_password": PASSWORD, "new_password": OTHER_PASSWORD });
    app.post_as(&ada.token, "password", &passwords).await.expect(200);

    assert!(!is_good(&app.auth, &other).await);
}

/// Of ending every session and changing the password one comes first, and either way nothing is left that is live.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_ended_session_lives_on_by_another_password() {
    let app = remembering().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    for round in 0..5 {
        let ada = user(&app, &place, &format!("ada{round}")).await;
        let passwords = json!({ "old_password": PASSWORD, "new_password": OTHER_PASSWORD });
        let end = delete(&format!("/admin/v1/users/{}/sessions", ada.id)).bearer(&admin);

        let (changed, ended) = tokio::join!(app.post_as(&ada.token, "password", &passwords), app.send(end));

        assert_eq!(ended.expect(200).json()["sessions_ended"], 1);
        assert!(!is_good(&app.auth, &ada.token).await);
        match changed.status.as_u16() {
            200 => assert!(!is_good(&app.auth, &changed.token()).await),
            // The session was over when the request came, or when the password had been verified.
            status => assert!(matches!(status, 401 | 404), "{}", changed.text),
        }
    }
}
