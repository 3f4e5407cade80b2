use std::time::{Duration, Instant};

use platform_audit::{Verifiers, verify_event};
use platform_core::sqlx;

use crate::app::App;

#[tokio::test]
async fn what_is_answered_convinces_a_stranger_with_a_key_of_his_own() {
    let app = App::new().await;
    let ids = app.place.record_orders(300).await;
    app.place.integrate().await;
    let trusted = Verifiers::from(app.place.key.verifier(app.place.tenant));
    let origin = app.place.key.origin(app.place.tenant);

    for id in [ids[0], ids[255], ids[256], ids[299]] {
        let entry = app.get(&format!("/events/{id}/entry")).await.ok();
        let proof = app.get(&format!("/events/{id}/proof")).await.ok();

        assert_eq!(entry.header("content-type"), "application/json");
        assert_eq!(proof.header("content-type"), "text/plain; charset=utf-8");
        assert!(proof.text().starts_with("c2sp.org/tlog-proof@v1\nindex "));
        let verified = verify_event(&entry.body, &proof.text(), &origin, &trusted).unwrap();
        assert_eq!(ids[usize::try_from(verified.index).unwrap()], id);
    }
}

#[tokio::test]
async fn until_a_checkpoint_covers_it_an_event_is_pending_and_says_how_far_it_is() {
    let app = App::new().await;
    app.place.record_orders(1).await;
    app.place.integrate().await;
    let id = app.place.record_orders(1).await[0];
    let state = async || app.get(&format!("/events/{id}/state")).await.ok().json()["state"].clone();
    let pending = async |path: &str| {
        let answer = app.get(&format!("/events/{id}/{path}")).await;
        assert_eq!(answer.verdict(), (409, "audit_pending".to_owned()));
        assert_eq!(answer.header("retry-after"), "1");
        answer.json()["state"].clone()
    };

    assert_eq!(state().await, "recorded");
    assert_eq!(
        (pending("proof").await, pending("entry").await),
        ("recorded".into(), "recorded".into())
    );

    app.place.sequence().await;
    assert_eq!(state().await, "sequenced");
    assert_eq!(pending("proof").await, "sequenced");
    app.get(&format!("/events/{id}/entry")).await.ok();

    app.place.sign().await;
    assert_eq!(state().await, "integrated");
    app.get(&format!("/events/{id}/proof")).await.ok();

    publish(&app).await;
    assert_eq!(state().await, "published");
}

async fn publish(app: &App) {
    sqlx::query("update platform_audit.checkpoint set published_at = now() where tenant_id = $1")
        .bind(app.place.tenant)
        .execute(&mut app.place.superuser().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn one_can_wait_until_an_event_has_come_as_far_as_wanted() {
    let app = App::new().await;
    let id = app.place.record_orders(1).await[0];
    let path = format!("/events/{id}/state?wait=published&timeout_ms=9000");

    let began = Instant::now();
    let (answer, ()) = tokio::join!(app.get(&path), async {
        app.place.integrate().await;
        publish(&app).await;
    });

    assert_eq!(answer.ok().json()["state"], "published");
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn whoever_waits_in_vain_is_told_how_far_it_has_come() {
    let app = App::new().await;
    let id = app.place.record_orders(1).await[0];
    app.place.sequence().await;

    let answer = app
        .get(&format!("/events/{id}/state?wait=integrated&timeout_ms=50"))
        .await;

    assert_eq!(answer.ok().json()["state"], "sequenced");
}

#[tokio::test]
async fn a_wait_that_cannot_be_is_refused() {
    let app = App::new().await;
    let id = app.place.record_orders(1).await[0];
    for (query, status, code) in [
        ("wait=forever", 422, "invalid_wait"),
        ("wait=recorded", 422, "invalid_wait"),
        ("wait=published&timeout_ms=10001", 422, "invalid_wait"),
        ("wait=published&timeout_ms=-1", 400, "invalid_query"),
        ("wait=published&timeout=5", 400, "invalid_query"),
    ] {
        let answer = app.get(&format!("/events/{id}/state?{query}")).await;
        assert_eq!(answer.verdict(), (status, code.to_owned()), "{query}");
    }
    let unknown = platform_core::uuid::Uuid::from_u128(7);
    for path in ["state?wait=published", "proof", "entry"] {
        let answer = app.get(&format!("/events/{unknown}/{path}")).await;
        assert_eq!(answer.verdict(), (404, "not_found".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_tree_that_was_altered_is_said_to_be_damaged_and_proves_nothing() {
    let app = App::new().await;
    let ids = app.place.record_orders(3).await;
    app.place.integrate().await;
    sqlx::query("update platform_audit.tile set hashes = decode(repeat('00', 32 * width), 'hex') where tenant_id = $1")
        .bind(app.place.tenant)
        .execute(&mut app.place.superuser().await)
        .await
        .unwrap();

    let answer = app.get(&format!("/events/{}/proof", ids[0])).await;

    assert_eq!(answer.verdict(), (500, "trail_damaged".to_owned()));
}
