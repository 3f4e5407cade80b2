use std::sync::Arc;

use platform_audit::{
    AUDIT_EXPORT, AUDIT_HOLD, AUDIT_PLATFORM, AUDIT_READ, Audit, Event, MIGRATIONS, Outcome, Trust,
    verify_export,
};
use platform_core::Sources;
use platform_core::axum::http::Method;
use platform_core::testing::TestDb;
use platform_crypto::{FileErasureStore, Keyring, LocalRoot, SubjectId};
use tempfile::TempDir;

use crate::app::{Answer, App, token};
use crate::support::{Place, SENT};

/// A service with the keys of data subjects.
async fn app() -> (App, TempDir) {
    let test = Box::pin(TestDb::shared(&[&MIGRATIONS, &platform_crypto::MIGRATIONS])).await;
    let place = Place::on(test, Sources::system()).await;
    let folder = tempfile::tempdir().unwrap();
    let root = LocalRoot::insecure_for_tests(place.db.sources());
    let keyring = Keyring::builder(&place.db, Arc::new(root))
        .erasure(Arc::new(FileErasureStore::open(folder.path()).unwrap()))
        .log(Arc::new(place.log.clone()))
        .open()
        .await
        .unwrap();
    let audit = Audit::new(&place.db, &place.log, &place.key).keyring(&keyring);
    (App::with(place, &audit), folder)
}

#[tokio::test]
async fn what_the_trail_has_about_a_person_is_a_stream_that_can_be_verified() {
    let (app, _folder) = app().await;
    let who = SubjectId::generate(&Sources::system());
    for _ in 0..150 {
        app.place
            .record(Event::new(SENT, Outcome::Success).target("customer", who.to_string()))
            .await;
    }
    app.place
        .record(Event::new(SENT, Outcome::Success).target("customer", "somebody else"))
        .await;
    app.place.integrate().await;

    let answer = app.get(&format!("/subjects/{who}/export")).await.ok();

    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert_eq!(answer.header("cache-control"), "no-store");
    let tenant = app.place.tenant;
    let trust = Trust::new(app.place.key.origin(tenant), app.place.key.verifier(tenant));
    let report = verify_export(&*answer.body, &trust).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(report.events, 150);
    let manifest = format!("/exports/{}", answer.header("audit-export-id"));
    assert!(app.get(&manifest).await.ok().text().contains(&who.to_string()));
}

#[tokio::test]
async fn nobody_is_given_it_without_the_permission_and_no_word_is_a_person() {
    let (app, _folder) = app().await;
    let path = format!("/subjects/{}/export", SubjectId::generate(&Sources::system()));
    let others = [AUDIT_READ, AUDIT_HOLD, AUDIT_PLATFORM];

    assert_eq!(
        app.get_as(&others, &path).await.verdict(),
        (403, "forbidden".to_owned())
    );
    let nobody = Answer::of(app.send(Method::GET, None, &path).await).await;
    assert_eq!(nobody.verdict(), (401, "unauthenticated".to_owned()));
    // Nothing was signed yet.
    assert_eq!(app.get(&path).await.verdict(), (409, "no_checkpoint".to_owned()));
    assert!([400, 404].contains(&app.get("/subjects/ann/export").await.verdict().0));
    assert_eq!(app.get(&format!("{path}?more=1")).await.verdict().0, 400);
    let credential = token(app.place.tenant, &[AUDIT_EXPORT]);
    let head = Answer::of(app.send(Method::HEAD, Some(&credential), &path).await).await;
    assert_eq!(head.status, 405);
}

#[tokio::test]
async fn without_keys_the_route_is_not_there() {
    let app = App::new().await;
    let path = format!("/subjects/{}/export", SubjectId::generate(&Sources::system()));

    assert_eq!(app.get(&path).await.verdict(), (404, "not_found".to_owned()));
    assert!(
        !app.openapi
            .paths
            .paths
            .keys()
            .any(|path| path.contains("subjects"))
    );
}
