//! Users see their sessions and end them, and administrators those of everybody in their tenant.

use std::collections::BTreeSet;

use platform_auth::{NewGrant, NewRole, RoleRef, SESSIONS_MANAGE};
use serde_json::{Value, json};

use crate::support::{App, Call, PASSWORD};
use crate::world::{MINUTE, SECOND, admin, delete, entered, is_good, remembering, session_of, trail, user};

const NOBODYS: &str = "01900000-0000-7000-8000-000000000000";

async fn listed(app: &App, path: &str, token: &str) -> Vec<Value> {
    let answer = app.send(Call::get(path).bearer(token)).await;
    answer.expect(200).json()["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_user_sees_each_session_that_is_not_over_and_which_one_it_is_in() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    user(&app, &place, "bob").await;
    app.clock.advance(SECOND);
    let login = Call::post("/api/v1/auth/login").at(&place).from("192.0.2.7");
    let login = login.header("user-agent", "curl/8").json(&entered(&ada));
    let phone = app.send(login).await.expect(200).token();
    let over = app
        .sign_in(&place, &ada.email, PASSWORD)
        .await
        .expect(200)
        .token();
    app.send(Call::post("/api/v1/auth/logout").bearer(&over))
        .await
        .expect(204);

    let sessions = listed(&app, "/api/v1/auth/sessions", &phone).await;

    assert_eq!(sessions.len(), 2, "{sessions:?}");
    assert_eq!(sessions[0]["id"], session_of(&app, &ada.token).await);
    assert_eq!(sessions[0]["is_current"], false);
    assert_eq!(
        sessions[1],
        json!({
            "id": session_of(&app, &phone).await,
            "is_current": true,
            "created_at": "2026-01-02T03:04:06Z",
            "last_seen_at": "2026-01-02T03:04:06Z",
            "idle_expires_at": "2026-01-02T03:34:06Z",
            "expires_at": "2026-01-02T15:04:06Z",
            "auth_time": "2026-01-02T03:04:06Z",
            "methods": ["pwd"],
            "source_address": "192.0.2.7",
            "user_agent": "curl/8",
        })
    );
    // What has rested for too long is over although nobody ended it.
    app.clock.advance(30 * MINUTE - SECOND);
    assert!(is_good(&app.auth, &phone).await);
    let sessions = listed(&app, "/api/v1/auth/sessions", &phone).await;
    assert_eq!(sessions.len(), 1, "{sessions:?}");
}

#[tokio::test]
async fn the_list_has_pages_and_refuses_a_cursor_that_it_did_not_make() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    for _ in 0..4 {
        app.sign_in(&place, &ada.email, PASSWORD).await.expect(200);
    }
    let mut seen = BTreeSet::new();
    let mut path = "/api/v1/auth/sessions?limit=2".to_owned();
    for expected in [2, 2, 1] {
        let page = app.send(Call::get(&path).bearer(&ada.token)).await;
        let page = page.expect(200).json();
        let data = page["data"].as_array().unwrap();
        assert_eq!(data.len(), expected);
        seen.extend(data.iter().map(|session| session["id"].to_string()));
        let next = page["next_cursor"].as_str().unwrap_or_default();
        path = format!("/api/v1/auth/sessions?limit=2&cursor={next}");
    }

    assert_eq!(seen.len(), 5);
    for (query, status, code) in [
        ("cursor=x", 400, "invalid_cursor"),
        ("limit=0", 422, "invalid_limit"),
        ("limit=201", 422, "invalid_limit"),
    ] {
        let call = Call::get(&format!("/api/v1/auth/sessions?{query}")).bearer(&ada.token);
        app.send(call).await.refused(status, code);
    }
}

#[tokio::test]
async fn a_user_ends_one_session_and_then_all_others() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(
            app.sign_in(&place, &ada.email, PASSWORD)
                .await
                .expect(200)
                .token(),
        );
    }
    let bob = user(&app, &place, "bob").await;
    let first = session_of(&app, &others[0]).await;
    let end = || delete(&format!("/api/v1/auth/sessions/{first}")).bearer(&ada.token);

    app.send(end()).await.expect(204);
    assert!(!is_good(&app.auth, &others[0]).await);
    app.send(end()).await.refused(404, "not_found");
    let ended = app.post_as(&ada.token, "sessions/end-others", &json!({})).await;

    assert_eq!(ended.expect(200).json(), json!({ "sessions_ended": 2 }));
    for token in &others {
        assert!(!is_good(&app.auth, token).await);
    }
    assert!(is_good(&app.auth, &ada.token).await && is_good(&app.auth, &bob.token).await);
    let again = app.post_as(&ada.token, "sessions/end-others", &json!({})).await;
    assert_eq!(again.expect(200).json(), json!({ "sessions_ended": 0 }));
    let ends = trail(&app, ada.id).await;
    let ends: Vec<_> = ends
        .iter()
        .filter(|(action, _)| action == "auth.session_end")
        .collect();
    assert_eq!(ends.len(), 2, "{ends:?}");
    assert!(ends.iter().all(|(_, reason)| reason == "ended_by_user"));
}

#[tokio::test]
async fn nobody_ends_a_session_of_another_user_and_learns_nothing_of_it() {
    let app = remembering().await;
    let (place, elsewhere) = (app.place().await, app.place().await);
    let (ada, bob) = (user(&app, &place, "ada").await, user(&app, &place, "bob").await);
    let eve = user(&app, &elsewhere, "eve").await;
    let bobs = session_of(&app, &bob.token).await;
    let unknown = app
        .send(delete(&format!("/api/v1/auth/sessions/{NOBODYS}")).bearer(&ada.token))
        .await;

    unknown.refused(404, "not_found");
    for thief in [&ada, &eve] {
        let end = delete(&format!("/api/v1/auth/sessions/{bobs}")).bearer(&thief.token);
        assert_eq!(app.send(end).await.anonymised(), unknown.anonymised());
    }
    let malformed = delete("/api/v1/auth/sessions/x").bearer(&ada.token);
    app.send(malformed).await.refused(400, "invalid_path");
    assert!(is_good(&app.auth, &bob.token).await);
}

#[tokio::test]
async fn an_admin_sees_and_ends_the_sessions_of_a_user_of_the_tenant() {
    let app = remembering().await;
    let place = app.place().await;
    let (boss, ada) = (admin(&app, &place, "boss").await, user(&app, &place, "ada").await);
    let second = app
        .sign_in(&place, &ada.email, PASSWORD)
        .await
        .expect(200)
        .token();
    let path = format!("/admin/v1/users/{}/sessions", ada.id);

    let sessions = listed(&app, &path, &boss.token).await;
    assert_eq!(sessions.len(), 2);
    assert!(sessions.iter().all(|session| session["is_current"] == false));
    let one = format!("{path}/{}", sessions[0]["id"].as_str().unwrap());
    app.send(delete(&one).bearer(&boss.token)).await.expect(204);
    assert!(!is_good(&app.auth, &ada.token).await && is_good(&app.auth, &second).await);
    app.send(delete(&one).bearer(&boss.token))
        .await
        .refused(404, "not_found");
    let all = app.send(delete(&path).bearer(&boss.token)).await;

    assert_eq!(all.expect(200).json(), json!({ "sessions_ended": 1 }));
    assert!(!is_good(&app.auth, &second).await);
    let ends = trail(&app, ada.id).await;
    let ends = ends.iter().filter(|(action, _)| action == "auth.session_end");
    assert_eq!(
        ends.map(|(_, reason)| reason.as_str()).collect::<Vec<_>>(),
        ["ended_by_admin"; 2]
    );
}

#[tokio::test]
async fn the_permission_to_manage_sessions_is_needed_and_can_be_given_away() {
    let app = remembering().await;
    let place = app.place().await;
    let (ada, bob) = (user(&app, &place, "ada").await, user(&app, &place, "bob").await);
    let path = format!("/admin/v1/users/{}/sessions", bob.id);
    let session = session_of(&app, &bob.token).await;
    for call in [
        Call::get(&path),
        delete(&path),
        delete(&format!("{path}/{session}")),
        Call::post(&format!("/admin/v1/users/{}/disable", bob.id)),
        Call::post(&format!("/admin/v1/users/{}/enable", bob.id)),
    ] {
        app.send(call.bearer(&ada.token)).await.refused(403, "forbidden");
    }
    assert!(is_good(&app.auth, &bob.token).await);

    let job = app.test.context(place.id);
    let role = NewRole {
        name: "Warden".to_owned(),
        permissions: vec![SESSIONS_MANAGE.name().to_owned()],
    };
    let role = app.auth.create_role(&job, role).await.unwrap();
    let grant = NewGrant {
        principal: platform_auth::GrantPrincipal::User(ada.id),
        role: RoleRef::Custom(role.id),
        on: None,
        valid_from: None,
        valid_until: None,
        reason: None,
    };
    app.auth.grant_role(&job, grant).await.unwrap();

    app.send(delete(&path).bearer(&ada.token)).await.expect(200);
    assert!(!is_good(&app.auth, &bob.token).await);
}

#[tokio::test]
async fn a_user_of_another_tenant_is_as_unknown_as_nobody() {
    let app = remembering().await;
    let (place, elsewhere) = (app.place().await, app.place().await);
    let (boss, ada) = (
        admin(&app, &elsewhere, "boss").await,
        user(&app, &place, "ada").await,
    );
    let session = session_of(&app, &ada.token).await;
    let calls = |user: &str, session: &str| {
        let user = format!("/admin/v1/users/{user}");
        [
            Call::get(&format!("{user}/sessions")),
            delete(&format!("{user}/sessions")),
            delete(&format!("{user}/sessions/{session}")),
            Call::post(&format!("{user}/disable")),
            Call::post(&format!("{user}/enable")),
        ]
    };

    let known = calls(&ada.id.to_string(), &session);
    for (theirs, nobodys) in known.into_iter().zip(calls(NOBODYS, NOBODYS)) {
        let theirs = app.send(theirs.bearer(&boss.token)).await;
        let nobodys = app.send(nobodys.bearer(&boss.token)).await;
        theirs.refused(404, "not_found");
        assert_eq!(theirs.anonymised(), nobodys.anonymised());
    }
    // One's own session under another user's name is not that user's.
    let mine = session_of(&app, &boss.token).await;
    let other = user(&app, &elsewhere, "other").await;
    let mixed = delete(&format!("/admin/v1/users/{}/sessions/{mine}", other.id));
    app.send(mixed.bearer(&boss.token))
        .await
        .refused(404, "not_found");
    assert!(is_good(&app.auth, &ada.token).await && is_good(&app.auth, &boss.token).await);
}
