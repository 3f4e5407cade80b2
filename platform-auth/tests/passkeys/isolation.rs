//! What one tenant's passkeys are to another tenant: nothing.

use platform_core::axum::http::Method;
use serde_json::json;

use crate::device::{Device, Quirks};
use crate::support::{App, Call};
use crate::world::{
    app, begin, begin_login, begin_step_up, confirm, confirm_login, enrol, list, login, remove, unthrottled,
};

#[tokio::test]
async fn a_passkey_of_another_tenant_is_an_unknown_one() {
    let app = App::mailing_with(unthrottled()).await;
    let (ours, theirs) = (app.place().await, app.place().await);
    let (mut our, mut their) = (Device::new(), Device::new());
    let us = app.verified_user(&ours, "ada@example.com").await;
    let them = app.verified_user(&theirs, "ada@example.com").await;
    let id = enrol(&app, &us, &mut our).await;
    enrol(&app, &them, &mut their).await;
    let mut stranger = Device::new();
    stranger.handle = vec![3; 16];
    let unknown = login(&app, &theirs, &mut stranger).await.anonymised();

    // Signing in, with our challenge and with theirs.
    let asked = begin_login(&app, &theirs).await;
    let body = asked.with(our.get(&asked.options, &Quirks::default()));
    assert_eq!(confirm_login(&app, &theirs, &body).await.anonymised(), unknown);
    let asked = begin_login(&app, &ours).await;
    let body = asked.with(our.get(&asked.options, &Quirks::default()));
    assert_eq!(confirm_login(&app, &theirs, &body).await.anonymised(), unknown);
    // Even with the handle of their user.
    our.handle.clone_from(&their.handle);
    let asked = begin_login(&app, &theirs).await;
    let body = asked.with(our.get(&asked.options, &Quirks::default()));
    assert_eq!(confirm_login(&app, &theirs, &body).await.anonymised(), unknown);
    // Stepping up and registering with challenges of ours.
    let stepping = begin_step_up(&app, &us).await.json();
    let body = json!({
        "challenge": stepping["challenge"],
        "credential": their.get(&stepping["options"], &Quirks::default()),
    });
    app.post_as(&them, "step-up/passkey/confirm", &body)
        .await
        .refused(403, "invalid_passkey");
    let asked = begin(&app, &us).await;
    let credential = Device::new().create(&asked.options, &Quirks::default());
    confirm(&app, &them, &asked, credential, "Ours")
        .await
        .refused(403, "invalid_passkey");
    // Our passkey by its id.
    let nowhere = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";
    let name = |id: &str| {
        Call::new(Method::PUT, &format!("/api/v1/auth/passkeys/{id}"))
            .bearer(&them)
            .json(&json!({ "name": "Theirs" }))
    };
    let renamed = app.send(name(&id)).await;
    renamed.refused(404, "not_found");
    assert_eq!(renamed.anonymised(), app.send(name(nowhere)).await.anonymised());
    let removed = remove(&app, &them, &id, &json!({})).await;
    removed.refused(404, "not_found");
    let of_nowhere = remove(&app, &them, nowhere, &json!({})).await;
    assert_eq!(removed.anonymised(), of_nowhere.anonymised());
    assert_eq!(list(&app, &us).await[0]["name"], "My key");
}

#[tokio::test]
async fn a_passkey_of_another_user_of_the_tenant_is_an_unknown_one() {
    let app = app().await;
    let place = app.place().await;
    let ada = app.verified_user(&place, "ada@example.com").await;
    let bob = app.verified_user(&place, "bob@example.com").await;
    let id = enrol(&app, &ada, &mut Device::new()).await;

    let rename = Call::new(Method::PUT, &format!("/api/v1/auth/passkeys/{id}"))
        .bearer(&bob)
        .json(&json!({ "name": "Bob's" }));

    app.send(rename).await.refused(404, "not_found");
    remove(&app, &bob, &id, &json!({}))
        .await
        .refused(404, "not_found");
    assert_eq!(list(&app, &bob).await.len(), 0);
    assert_eq!(list(&app, &ada).await[0]["name"], "My key");
}

#[tokio::test]
async fn the_tables_of_passkeys_show_one_tenant_nothing_of_another() {
    let app = app().await;
    let (ours, theirs) = (app.place().await, app.place().await);
    for place in [&ours, &theirs] {
        let token = app.verified_user(place, "ada@example.com").await;
        enrol(&app, &token, &mut Device::new()).await;
    }

    let tables = platform_core::testing::assert_tables_isolated(&app.db, ours.id, theirs.id).await;

    for table in ["webauthn_credential", "webauthn_challenge"] {
        let table = format!("platform_auth.{table}");
        assert!(tables.tried.contains(&table), "{tables:?}");
    }
}
