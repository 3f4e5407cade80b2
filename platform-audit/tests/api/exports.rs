use std::time::Duration;

use futures::StreamExt as _;
use platform_audit::{
    AUDIT_EXPORT, AUDIT_PLATFORM, AUDIT_READ, Changes, Event, Outcome, SignedNote, Verifiers, Visibility,
};
use platform_core::axum::body::to_bytes;
use platform_core::axum::http::Method;
use platform_core::sqlx;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::app::{Answer, App, token};
use crate::support::{PLACED, SENT};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

async fn exported(app: &App) -> i64 {
    sqlx::query_scalar(
        "select count(*) from platform_audit.event where tenant_id = $1 and action = 'audit.export'",
    )
    .bind(app.place.tenant)
    .fetch_one(&mut app.place.superuser().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn every_format_is_streamed_under_its_type_and_has_a_signed_manifest() {
    let app = App::new().await;
    app.place.record_orders(300).await;
    app.place.integrate().await;

    for (query, media_type, ending, lines) in [
        ("", "application/x-ndjson", ".jsonl", 302),
        (
            "?format=jsonl&selection=whole",
            "application/x-ndjson",
            ".jsonl",
            302,
        ),
        ("?format=csv", "text/csv; charset=utf-8", ".csv", 301),
        ("?format=ocsf", "application/x-ndjson", ".ocsf.jsonl", 300),
        ("?first_seq=290", "application/x-ndjson", ".jsonl", 12),
        (
            "?action=order.&format=jsonl",
            "application/x-ndjson",
            ".jsonl",
            302,
        ),
        (
            "?selection=selected&format=csv&target_kind=order&target_id=o-7",
            "text/csv; charset=utf-8",
            ".csv",
            2,
        ),
    ] {
        let answer = app.get(&format!("/export{query}")).await.ok();

        assert_eq!(answer.header("content-type"), media_type, "{query}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let id = answer.header("audit-export-id");
        let disposition = format!("attachment; filename=\"audit-{id}{ending}\"");
        assert_eq!(answer.header("content-disposition"), disposition);
        assert_eq!(answer.text().lines().count(), lines, "{query}");
        let manifest = app.get(&format!("/exports/{id}")).await.ok();
        assert_eq!(manifest.header("content-type"), "text/plain; charset=utf-8");
        let note: SignedNote = manifest.text().parse().unwrap();
        let trusted = Verifiers::from(app.place.key.verifier(app.place.tenant));
        let verified = note.verify(&trusted).unwrap();
        let said: Value = serde_json::from_str(verified.text().lines().nth(2).unwrap()).unwrap();
        let digest: String = Sha256::digest(&answer.body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(said["sha256"], digest, "{query}");
    }
}

#[tokio::test]
async fn an_export_that_cannot_be_is_refused_and_nothing_is_recorded() {
    let app = App::new().await;
    assert_eq!(
        app.get("/export").await.verdict(),
        (409, "no_checkpoint".to_owned())
    );
    app.place.record_orders(3).await;
    app.place.integrate().await;
    for (query, status, code) in [
        ("format=pdf", 422, "invalid_export"),
        ("selection=some", 422, "invalid_export"),
        ("selection=whole&outcome=denied", 422, "invalid_export"),
        ("selection=selected&first_seq=1", 422, "invalid_export"),
        ("outcome=denied&first_seq=1", 422, "invalid_export"),
        ("first_seq=4", 422, "not_signed"),
        ("first_seq=18446744073709551615", 422, "not_signed"),
        ("first_seq=-1", 400, "invalid_query"),
        ("limit=3", 400, "invalid_query"),
        ("fromat=csv", 400, "invalid_query"),
        ("outcome=maybe", 400, "invalid_query"),
        ("action=%25", 422, "invalid_filter"),
        (
            "occurred_from=2026-01-02T00:00:00Z&occurred_to=2026-01-01T00:00:00Z",
            422,
            "invalid_filter",
        ),
    ] {
        let answer = app.get(&format!("/export?{query}")).await;
        assert_eq!(answer.verdict(), (status, code.to_owned()), "{query}");
    }
    let head = token(app.place.tenant, &[AUDIT_EXPORT]);
    let answer = app.send(Method::HEAD, Some(&head), "/export").await;
    assert_eq!(answer.status(), 405);
    assert_eq!(
        app.get_as(&[AUDIT_READ], "/export").await.verdict(),
        (403, "forbidden".to_owned())
    );
    assert_eq!(exported(&app).await, 0);
}

#[tokio::test]
async fn an_export_is_recorded_even_if_nobody_reads_it_and_has_no_manifest_then() {
    let app = App::new().await;
    app.place.record_orders(300).await;
    app.place.integrate().await;

    let given_up = app
        .send(
            Method::GET,
            Some(&token(app.place.tenant, &[AUDIT_EXPORT])),
            "/export",
        )
        .await;
    let id = given_up.headers()["audit-export-id"].to_str().unwrap().to_owned();
    assert_eq!(exported(&app).await, 1);
    drop(given_up);

    assert_eq!(
        app.get(&format!("/exports/{id}")).await.verdict(),
        (404, "not_found".to_owned())
    );
}

#[tokio::test]
async fn more_exports_than_there_are_places_for_are_told_to_come_again() {
    let app = App::new().await;
    app.place.record_orders(3).await;
    app.place.integrate().await;
    let token = token(app.place.tenant, &[AUDIT_EXPORT]);
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(app.send(Method::GET, Some(&token), "/export").await);
    }

    let answer = app.get("/export").await;
    assert_eq!(answer.verdict(), (503, "exports_busy".to_owned()));
    assert_eq!(answer.header("retry-after"), "10");
    // Another tenant has places of its own.
    let theirs = self::token(app.place.test.tenant().await, &[AUDIT_EXPORT]);
    let answer = Answer::of(app.send(Method::GET, Some(&theirs), "/export").await).await;
    assert_eq!(answer.verdict(), (409, "no_checkpoint".to_owned()));
    drop(open.pop());
    let free = async {
        while app.get("/export").await.status != 200 {
            yield_now().await;
        }
    };
    timeout(PATIENCE, free).await.unwrap();
    for answer in open {
        Answer::of(answer).await.ok();
    }
}

/// Why exports of the tenant did not come to their end.
async fn broken_off(app: &App) -> Vec<String> {
    sqlx::query_scalar(
        "select reason from platform_audit.event
         where tenant_id = $1 and action = 'audit.export_finish' and outcome = 'failure' order by id",
    )
    .bind(app.place.tenant)
    .fetch_all(&mut app.place.superuser().await)
    .await
    .unwrap()
}

/// The same, when there are so many.
async fn all_broken_off(app: &App, count: usize) -> Vec<String> {
    let all = async { while broken_off(app).await.len() < count {} };
    timeout(PATIENCE, all).await.unwrap();
    broken_off(app).await
}

#[tokio::test]
async fn an_export_whose_client_is_gone_leaves_an_event_of_its_end() {
    let app = App::new().await;
    app.place.record_orders(300).await;
    app.place.integrate().await;
    let token = token(app.place.tenant, &[AUDIT_EXPORT]);

    drop(app.send(Method::GET, Some(&token), "/export").await);

    assert_eq!(all_broken_off(&app, 1).await, ["abandoned"]);
}

#[tokio::test]
async fn an_export_that_nobody_takes_for_a_minute_is_broken_off_and_gives_its_place_back() {
    let app = App::new().await;
    app.place.record_orders(300).await;
    app.place.integrate().await;
    let token = token(app.place.tenant, &[AUDIT_EXPORT]);
    let mut stalled = Vec::new();
    for _ in 0..2 {
        stalled.push(app.send(Method::GET, Some(&token), "/export").await);
    }
    // Until each has written what it may write ahead.
    for _ in 0..300 {
        app.get("/checkpoint").await;
    }

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();

    assert_eq!(all_broken_off(&app, 2).await, ["stalled", "stalled"]);
    app.get("/export").await.ok();
    for answer in stalled {
        let taken = to_bytes(answer.into_body(), usize::MAX).await;
        assert!(taken.is_err(), "it looks like a whole one");
    }
}

#[tokio::test]
async fn a_client_that_is_gone_is_noticed_though_nothing_is_there_for_it() {
    let app = App::new().await;
    // Several steps, so that a client can go between two of them.
    app.place.record_orders(600).await;
    app.place.integrate().await;
    let token = token(app.place.tenant, &[AUDIT_EXPORT]);
    let ended = async || -> i64 {
        sqlx::query_scalar(
            "select count(*) from platform_audit.event where tenant_id = $1 and action = 'audit.export_finish'",
        )
        .bind(app.place.tenant)
        .fetch_one(&mut app.place.superuser().await)
        .await
        .unwrap()
    };

    let going = async {
        for tried in 1.. {
            let answer = app
                .send(Method::GET, Some(&token), "/export?format=csv&action=parcel.none")
                .await;
            let mut parts = answer.into_body().into_data_stream();
            // The names of the columns are there, and the first positions are being looked at; or all have been by now, where the machine
            // was busy with something else, and another client goes.
            parts.next().await.unwrap().unwrap();
            drop(parts);
            while ended().await < tried {}
            if !broken_off(&app).await.is_empty() {
                break;
            }
        }
    };
    timeout(PATIENCE, going).await.unwrap();

    assert_eq!(broken_off(&app).await, ["abandoned"]);
}

#[tokio::test]
async fn a_client_that_takes_a_small_part_every_minute_has_its_place_for_an_hour() {
    let app = App::new().await;
    for _ in 0..110 {
        let changes = Changes::new().field("text", "", "x".repeat(50_000));
        app.place
            .record(Event::new(PLACED, Outcome::Success).changes(changes))
            .await;
    }
    app.place.integrate().await;
    let token = token(app.place.tenant, &[AUDIT_EXPORT]);
    let answer = app.send(Method::GET, Some(&token), "/export").await;
    let mut parts = answer.into_body().into_data_stream();
    let mut taken = 0;

    while let Some(Ok(part)) = parts.next().await {
        assert!(part.len() <= 64 << 10, "{}", part.len());
        taken += 1;
        // Behind the head all events are one chunk, so that nothing but the client is waited for until the hour is over.
        if (2..=67).contains(&taken) {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(55)).await;
            tokio::time::resume();
        }
    }

    assert!((67..70).contains(&taken), "{taken}");
    assert_eq!(all_broken_off(&app, 1).await, ["too_long"]);
}

#[tokio::test]
async fn a_manifest_is_for_its_tenant_alone() {
    let (app, other) = (App::new().await, App::new().await);
    app.place.record_orders(1).await;
    app.place.integrate().await;
    let id = app.get("/export").await.ok().header("audit-export-id").to_owned();

    app.get(&format!("/exports/{id}")).await.ok();
    assert_eq!(
        other.get(&format!("/exports/{id}")).await.verdict(),
        (404, "not_found".to_owned())
    );
    assert_eq!(
        app.get("/exports/x").await.verdict(),
        (400, "invalid_path".to_owned())
    );
}

#[tokio::test]
async fn what_is_hidden_is_exported_for_the_platform_alone() {
    let app = App::new().await;
    app.place
        .record(Event::new(SENT, Outcome::Success).visibility(Visibility::Platform))
        .await;
    app.place.record(Event::new(PLACED, Outcome::Success)).await;
    app.place.integrate().await;
    let platform = [AUDIT_EXPORT, AUDIT_PLATFORM];

    for query in [
        "/export",
        "/export?format=csv",
        "/export?format=ocsf",
        "/export?selection=selected",
    ] {
        assert!(
            !app.get(query).await.ok().text().contains("parcel.send"),
            "{query}"
        );
        assert!(
            app.get_as(&platform, query)
                .await
                .ok()
                .text()
                .contains("parcel.send"),
            "{query}"
        );
    }
}
