//! Disabling users, and enabling them again.

use std::sync::Arc;

use platform_auth::Role;
use serde_json::json;

use crate::support::{Answer, App, Call, PASSWORD};
use crate::world::{Person, admin, entered, is_good, remembering, trail, user};

async fn say(app: &App, by: &Person, of: &Person, what: &str) -> Answer {
    let call = Call::post(&format!("/admin/v1/users/{}/{what}", of.id));
    app.send(call.bearer(&by.token)).await
}

#[tokio::test]
async fn a_disabled_user_is_shut_out_and_an_enabled_one_signs_in_again() {
    let app = remembering().await;
    let place = app.place().await;
    let (boss, ada) = (admin(&app, &place, "boss").await, user(&app, &place, "ada").await);
    let second = app
        .sign_in(&place, &ada.email, PASSWORD)
        .await
        .expect(200)
        .token();

    let disabled = say(&app, &boss, &ada, "disable").await;
    let expected =
        |status: &str, ended: u64| json!({ "user_id": ada.id, "status": status, "sessions_ended": ended });
    assert_eq!(disabled.expect(200).json(), expected("disabled", 2));
    for token in [&ada.token, &second] {
        assert!(!is_good(&app.auth, token).await);
    }
    app.sign_in(&place, &ada.email, PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    let again = say(&app, &boss, &ada, "disable").await;
    assert_eq!(again.expect(200).json(), expected("disabled", 0));
    for _ in 0..2 {
        let enabled = say(&app, &boss, &ada, "enable").await;
        assert_eq!(enabled.expect(200).json(), expected("active", 0));
    }

    // What ended stays over.
    assert!(!is_good(&app.auth, &ada.token).await);
    app.sign_in(&place, &ada.email, PASSWORD).await.expect(200);
    let told = trail(&app, ada.id).await;
    let told: Vec<_> = told
        .iter()
        .map(|(action, reason)| (action.as_str(), reason.as_str()))
        .collect();
    assert_eq!(
        told.iter()
            .filter(|(action, _)| action.starts_with("auth.user_"))
            .collect::<Vec<_>>(),
        [
            &("auth.user_disable", "success"),
            &("auth.user_enable", "success")
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_admins_who_disable_each_other_at_once_one_is_left() {
    let app = Arc::new(remembering().await);
    for _ in 0..5 {
        let place = app.place().await;
        let (ada, bob) = (admin(&app, &place, "ada").await, admin(&app, &place, "bob").await);
        let each = [(&ada, &bob), (&bob, &ada)].map(|(by, of)| {
            let (app, by, of) = (Arc::clone(&app), by.clone(), of.clone());
            tokio::spawn(async move { say(&app, &by, &of, "disable").await.status.as_u16() })
        });
        let mut statuses = Vec::new();
        for answer in each {
            statuses.push(answer.await.unwrap());
        }

        // The other one's session, or the right with which it asked, was gone before.
        let done = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(done, 1, "{statuses:?}");
        assert!(
            statuses.iter().all(|status| matches!(status, 200 | 401 | 403)),
            "{statuses:?}"
        );
        let left = match is_good(&app.auth, &ada.token).await {
            true => &ada,
            false => &bob,
        };
        assert!(is_good(&app.auth, &left.token).await);
    }
}

#[tokio::test]
async fn the_last_admin_is_not_disabled() {
    let app = remembering().await;
    let place = app.place().await;
    let (ada, bob) = (admin(&app, &place, "ada").await, admin(&app, &place, "bob").await);
    say(&app, &ada, &bob, "disable").await.expect(200);

    say(&app, &ada, &ada, "disable").await.refused(409, "last_admin");
    assert!(is_good(&app.auth, &ada.token).await);
    say(&app, &ada, &bob, "enable").await.expect(200);
    say(&app, &ada, &ada, "disable").await.expect(200);

    assert!(!is_good(&app.auth, &ada.token).await);
}

#[tokio::test]
async fn an_erased_user_is_not_enabled() {
    let app = remembering().await;
    let place = app.place().await;
    let (boss, ada) = (admin(&app, &place, "boss").await, user(&app, &place, "ada").await);
    let erase = Call::post(&format!("/admin/v1/users/{}/erasure", ada.id)).bearer(&boss.token);
    app.send(erase).await.expect(200);

    for what in ["disable", "enable"] {
        say(&app, &boss, &ada, what).await.refused(404, "not_found");
    }
}

/// A sign-in that is under way when its user is disabled leaves no session that is live.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_sign_in_slips_past_being_disabled() {
    let app = Arc::new(remembering().await);
    let place = app.place().await;
    let boss = admin(&app, &place, "boss").await;
    for round in 0..5 {
        let email = format!("ada{round}@example.com");
        let made = app
            .auth
            .ensure_user(place.id, &email, PASSWORD.into(), Role::User)
            .await;
        let ada = Person {
            id: made.unwrap().id(),
            email,
            token: String::new(),
        };
        let signing_in: Vec<_> = (0..4)
            .map(|_| {
                let (app, place, ada) = (Arc::clone(&app), place.clone(), ada.clone());
                tokio::spawn(async move {
                    let login = Call::post("/api/v1/auth/login").at(&place).json(&entered(&ada));
                    let answer = app.send(login).await;
                    (answer.status.as_u16() == 200).then(|| answer.token())
                })
            })
            .collect();

        say(&app, &boss, &ada, "disable").await.expect(200);

        for token in signing_in {
            if let Some(token) = token.await.unwrap() {
                assert!(!is_good(&app.auth, &token).await);
            }
        }
    }
}
