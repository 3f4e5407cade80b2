use platform_audit::{AUDIT_PLATFORM, AUDIT_READ, Action, Activity, Event, Outcome, ReportKind, Visibility};
use platform_core::axum::http::Method;
use serde_json::{Value, json};

use crate::app::{Answer, App, token};

const RANGE: &str = "from=2026-01-01T00:00:00Z&to=2126-01-01T00:00:00Z";
const KEY_ROTATED: Action = Action::new("key.rotate");

async fn filled(count: usize) -> App {
    let app = App::new().await;
    for n in 0..count {
        app.place.record(rotated(format!("k-{n}"))).await;
    }
    app
}

fn rotated(key: String) -> Event {
    Event::new(KEY_ROTATED, Outcome::Success)
        .activity(Activity::Update)
        .target("key", key)
}

#[tokio::test]
async fn cursors_lead_through_a_whole_report() {
    let app = filled(5).await;

    let (mut keys, mut path) = (vec![], format!("/reports/key-operations?{RANGE}&limit=2"));
    loop {
        let page = app.get(&path).await.ok().json();
        let rows = page["data"].as_array().unwrap();
        assert!(rows.len() <= 2);
        keys.extend(
            rows.iter()
                .map(|row| row["target_id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/reports/key-operations?{RANGE}&limit=2&cursor={next}"),
            None => break,
        }
    }

    assert_eq!(keys, ["k-0", "k-1", "k-2", "k-3", "k-4"]);
}

#[tokio::test]
async fn a_table_is_all_of_it_in_one_stream() {
    let app = filled(1_100).await;

    let answer = app
        .get(&format!("/reports/key-operations?{RANGE}&format=csv"))
        .await
        .ok();

    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"key-operations.csv\""
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = answer.text();
    assert_eq!(text.matches("\r\n").count(), 1 + 1_100);
    assert!(text.starts_with("id,recorded_at,actor_kind,"), "{text}");
}

#[tokio::test]
async fn every_report_can_be_read_and_that_is_recorded_once() {
    let app = filled(1).await;
    app.place.integrate().await;

    for kind in ReportKind::ALL {
        let range = if kind == ReportKind::Integrity { "" } else { RANGE };
        app.get(&format!("/reports/{kind}?{range}")).await.ok();
        app.get(&format!("/reports/{kind}?{range}&format=csv")).await.ok();
    }

    let read = app.get("/events?action=audit.report&limit=200").await.ok().json();
    assert_eq!(read["data"].as_array().unwrap().len(), 2 * ReportKind::ALL.len());
}

#[tokio::test]
async fn the_attestation_says_who_has_signed_what() {
    let app = filled(3).await;
    app.place.integrate().await;

    let page = app.get("/reports/integrity").await.ok().json();

    let row = &page["data"][0];
    assert_eq!(row["checkpoint_size"], 3);
    assert_eq!(row["is_clean"], true, "{row}");
    assert_eq!(row["signer"], app.place.key.origin(app.place.tenant).to_string());
    assert_eq!(page["next_cursor"], Value::Null);
}

#[tokio::test]
async fn what_is_hidden_from_the_tenant_is_for_the_platform() {
    let app = filled(1).await;
    app.place
        .record(rotated("hidden".to_owned()).visibility(Visibility::Platform))
        .await;
    let path = format!("/reports/key-operations?{RANGE}");

    let seen = app.get(&path).await.ok().json();
    let all = app.get_as(&[AUDIT_READ, AUDIT_PLATFORM], &path).await.ok().json();

    assert_eq!(seen["data"].as_array().unwrap().len(), 1);
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_no_report_or_no_range_is_refused_by_name() {
    let app = App::new().await;
    for (path, status, code) in [
        (format!("/reports/everything?{RANGE}"), 404, "not_found"),
        ("/reports/exports".to_owned(), 422, "invalid_range"),
        (
            "/reports/exports?from=2026-01-01T00:00:00Z".to_owned(),
            422,
            "invalid_range",
        ),
        (
            "/reports/exports?to=2026-01-01T00:00:00Z".to_owned(),
            422,
            "invalid_range",
        ),
        (
            "/reports/exports?from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z".to_owned(),
            422,
            "invalid_range",
        ),
        (format!("/reports/integrity?{RANGE}"), 422, "invalid_range"),
        (
            "/reports/exports?from=today&to=tomorrow".to_owned(),
            400,
            "invalid_query",
        ),
        (
            format!("/reports/exports?{RANGE}&fromat=csv"),
            400,
            "invalid_query",
        ),
        (
            format!("/reports/exports?{RANGE}&format=pdf"),
            422,
            "invalid_report",
        ),
        (
            format!("/reports/exports?{RANGE}&format=csv&limit=3"),
            422,
            "invalid_report",
        ),
        (format!("/reports/exports?{RANGE}&limit=0"), 422, "invalid_limit"),
        (
            format!("/reports/exports?{RANGE}&cursor=x"),
            400,
            "invalid_cursor",
        ),
        // One of another list.
        (
            format!("/reports/exports?{RANGE}&cursor=ImEi"),
            400,
            "invalid_cursor",
        ),
    ] {
        assert_eq!(
            app.get(&path).await.verdict(),
            (status, code.to_owned()),
            "{path}"
        );
    }
    let credential = token(app.place.tenant, &[AUDIT_READ]);
    let path = format!("/reports/exports?{RANGE}");
    let head = Answer::of(app.send(Method::HEAD, Some(&credential), &path).await).await;
    assert_eq!(head.status, 405);
    // Nothing was read, so nothing was recorded.
    assert_eq!(app.get("/events").await.ok().json()["data"], json!([]));
}
