//! How an export begins, goes on and ends.

use std::sync::Arc;
use std::time::Duration;

use platform_audit::{
    Checkpoint, EXPORT_FINISHED, EXPORTED, EventFilter, EventPage, Export, ExportError, ExportFormat,
    Outcome, Reader, RecordedEvent, ReportFormat, ReportKind, ReportOptions, ReportRange, SignedNote,
    Verifiers,
};
use platform_core::{ManualClock, OsRandom, RequestContext, RequestMeta, Sources, sqlx};
use serde_json::{Value, json};
use time::macros::datetime;

use crate::reading::{assert_ends_well, of_kind, opened, parsed, rebuilt, sha256};
use crate::support::Place;

#[tokio::test]
async fn an_entry_that_was_altered_is_exported_as_it_is_so_that_a_verifier_finds_it() {
    let place = Place::own().await;
    place.record_orders(3).await;
    place.integrate().await;
    let mut superuser = place.superuser().await;
    for sql in [
        "alter table platform_audit.entry disable trigger is_insert_only",
        "do $$ declare part record; begin for part in select inhrelid::regclass as name from pg_inherits
           where inhparent = 'platform_audit.entry'::regclass
         loop execute format('alter table %s disable trigger is_insert_only', part.name); end loop; end $$",
        "update platform_audit.entry set bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'o-1', 'o-9'), 'UTF8')",
        "update platform_audit.entry set bytes = '\\xff00' where convert_from(bytes, 'UTF8') like '%o-2%'",
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&mut superuser)
            .await
            .unwrap();
    }

    let lines = parsed(&place.export(Export::whole()).await);

    assert_ne!(
        rebuilt(&place, &lines).head(),
        opened(&place, &lines[0]["checkpoint"])
    );
    assert!(lines[2]["entry"].as_str().unwrap().contains("o-9"));
    // Every tree has the leaf as it was signed, so that what is wrong is the entry alone.
    for format in [ExportFormat::Csv, ExportFormat::Ocsf] {
        let mut running = place
            .log
            .export(&place.db, &place.key, &place.ctx, Export::whole().format(format))
            .await
            .unwrap();
        let failed = loop {
            match running.next().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        assert!(
            matches!(failed, Err(ExportError::Damaged { seq: 1 })),
            "{failed:?}"
        );
    }
}

async fn trail(place: &Place) -> Vec<RecordedEvent> {
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let filter = EventFilter::new().action("audit.");
    let page = EventPage::newest(10);
    let mut events = place
        .log
        .search(&mut read, Reader::Tenant, &filter, page)
        .await
        .unwrap()
        .events;
    events.reverse();
    events
}

#[tokio::test]
async fn an_export_is_recorded_before_its_first_byte_and_when_it_is_finished() {
    let place = Place::new().await;
    place.record_orders(5).await;
    place.integrate().await;
    let filter = EventFilter::new().action("order.place");

    let mut running = place
        .log
        .export(&place.db, &place.key, &place.ctx, Export::selected(filter))
        .await
        .unwrap();
    let before = trail(&place).await;
    let mut bytes = Vec::new();
    while let Some(chunk) = running.next().await.unwrap() {
        bytes.extend(chunk);
    }
    let after = trail(&place).await;

    assert_eq!(before.len(), 1);
    assert_eq!(before[0].action, EXPORTED.name());
    assert_eq!(before[0].targets[0].id, running.id().to_string());
    let detail = before[0].detail.as_ref().unwrap();
    assert_eq!(
        (&detail["filter"], &detail["size"]),
        (&json!({ "action": "order.place" }), &json!(5))
    );
    assert_eq!(after.len(), 2);
    assert_eq!(
        (after[1].action.as_str(), after[1].outcome),
        (EXPORT_FINISHED.name(), Outcome::Success)
    );
    assert_eq!(
        after[1].detail,
        Some(json!({ "events": 5, "leaves": 0, "bytes": bytes.len(), "sha256": sha256(&bytes) }))
    );
}

#[tokio::test]
async fn the_manifest_of_a_finished_export_is_signed_by_the_log_and_says_what_was_given_out() {
    let place = Place::new().await;
    place.record_orders(5).await;
    place.integrate().await;
    place.record_orders(1).await;

    let mut running = place
        .log
        .export(&place.db, &place.key, &place.ctx, Export::whole())
        .await
        .unwrap();
    let mut bytes = running.next().await.unwrap().unwrap();
    let mut read = place.db.read(&place.ctx).await.unwrap();
    assert_eq!(
        place.log.export_manifest(&mut read, running.id()).await.unwrap(),
        None
    );
    while let Some(chunk) = running.next().await.unwrap() {
        bytes.extend(chunk);
    }
    let manifest = place
        .log
        .export_manifest(&mut read, running.id())
        .await
        .unwrap()
        .unwrap();

    let note: SignedNote = manifest.note.parse().unwrap();
    let trusted = Verifiers::from(place.key.verifier(place.tenant));
    let verified = note.verify(&trusted).unwrap();
    let lines: Vec<&str> = verified.text().lines().collect();
    assert_eq!(
        lines[..2],
        [
            "platform-audit-manifest@v1",
            place.key.origin(place.tenant).as_str()
        ]
    );
    let said: Value = serde_json::from_str(lines[2]).unwrap();
    assert_eq!(said["export_id"], running.id().to_string());
    assert_eq!(said["sha256"], sha256(&bytes));
    assert_eq!(said["bytes"], bytes.len());
    for (member, wanted) in [
        ("events", 5),
        ("withheld", 0),
        ("pruned", 0),
        ("pending", 1),
        ("checkpoint_size", 5),
    ] {
        assert_eq!(said[member], wanted, "{member}");
    }
    assert_eq!(said["format"], "platform-audit-export@v1");
    // It cannot be taken for a checkpoint.
    let origin = place.key.origin(place.tenant);
    assert!(Checkpoint::of_note(&note, &origin, &trusted).is_err());
    // Nor is it there for another tenant.
    let other = Place::new().await;
    let mut read = other.db.read(&other.ctx).await.unwrap();
    assert_eq!(
        other.log.export_manifest(&mut read, running.id()).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn without_a_checkpoint_that_the_log_has_signed_nothing_is_exported() {
    let place = Place::new().await;
    place.record_orders(2).await;
    place.sequence().await;
    let try_it = async || {
        place
            .log
            .export(&place.db, &place.key, &place.ctx, Export::whole())
            .await
            .map(|_| ())
    };

    assert!(matches!(try_it().await, Err(ExportError::NoCheckpoint)));

    place.sign().await;
    sqlx::query("update platform_audit.checkpoint set note = replace(note, E'\\n2\\n', E'\\n3\\n') where tenant_id = $1")
        .bind(place.tenant)
        .execute(&mut place.superuser().await)
        .await
        .unwrap();

    assert!(matches!(try_it().await, Err(ExportError::Unproven(_))));
    assert_eq!(trail(&place).await, []);
}

#[tokio::test]
async fn an_export_that_cannot_be_is_refused_and_not_recorded() {
    let place = Place::new().await;
    place.record_orders(2).await;
    place.integrate().await;
    let behind = place
        .log
        .export(&place.db, &place.key, &place.ctx, Export::whole_from(3))
        .await;
    assert!(matches!(behind, Err(ExportError::FirstSeq { size: 2 })));

    let filter = EventFilter::new().action("%");
    let malformed = place
        .log
        .export(&place.db, &place.key, &place.ctx, Export::selected(filter))
        .await;
    assert!(matches!(malformed, Err(ExportError::Filter(_))));
    assert_eq!(trail(&place).await, []);
}

#[tokio::test]
async fn an_export_of_a_tree_that_grows_is_that_of_its_checkpoint() {
    let place = Place::new().await;
    place.record_orders(300).await;
    place.integrate().await;
    let mut running = place
        .log
        .export(&place.db, &place.key, &place.ctx, Export::whole())
        .await
        .unwrap();
    let mut bytes = running.next().await.unwrap().unwrap();
    while let Some(chunk) = running.next().await.unwrap() {
        bytes.extend(chunk);
        place.record_orders(20).await;
        place.integrate().await;
    }

    let export = String::from_utf8(bytes).unwrap();
    let lines = parsed(&export);
    assert_eq!(
        rebuilt(&place, &lines).head(),
        opened(&place, &lines[0]["checkpoint"])
    );
    assert_eq!(of_kind(&lines, "event").len(), 300);
    assert_ends_well(&export, &lines);
}

#[tokio::test]
async fn a_chunk_that_nobody_waited_for_comes_again() {
    let place = Place::new().await;
    place.record_orders(400).await;
    place.integrate().await;
    let mut running = place
        .log
        .export(
            &place.db,
            &place.key,
            &place.ctx,
            Export::selected(EventFilter::new()),
        )
        .await
        .unwrap();
    let mut bytes = Vec::new();
    let mut polls = 0_usize;
    while !bytes.ends_with(b"\n") || bytes.iter().filter(|byte| **byte == b'\n').count() < 390 {
        polls = (polls + 1) % 40;
        // Polled a few times and dropped, in the middle of whatever it does.
        let mut next = Box::pin(running.next());
        let mut left = polls;
        let chunk = std::future::poll_fn(|cx| match next.as_mut().poll(cx) {
            std::task::Poll::Ready(chunk) => std::task::Poll::Ready(Some(chunk)),
            std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
            std::task::Poll::Pending => {
                left -= 1;
                std::task::Poll::Pending
            }
        });
        if let Some(chunk) = chunk.await {
            bytes.extend(chunk.unwrap().unwrap());
        }
    }
    while let Some(chunk) = running.next().await.unwrap() {
        bytes.extend(chunk);
    }

    let export = String::from_utf8(bytes).unwrap();
    let lines = parsed(&export);
    assert_eq!(of_kind(&lines, "event").len(), 400);
    assert_ends_well(&export, &lines);
}

#[tokio::test]
async fn an_export_that_takes_too_long_is_broken_off_and_says_so_in_the_trail() {
    let clock = Arc::new(ManualClock::starting_at(datetime!(2026-06-01 00:00 UTC)));
    let place = Place::with_sources(Sources::shared(clock.clone(), Arc::new(OsRandom))).await;
    place.record_orders(300).await;
    place.integrate().await;
    let mut running = place
        .log
        .export(&place.db, &place.key, &place.ctx, Export::whole())
        .await
        .unwrap();
    running.next().await.unwrap().unwrap();

    clock.advance(Duration::from_secs(59 * 60));
    assert!(running.next().await.unwrap().is_some());
    clock.advance(Duration::from_secs(120));

    assert!(matches!(running.next().await, Err(ExportError::TooLong)));
    assert_eq!(running.next().await.unwrap(), None);
    let trail = trail(&place).await;
    assert_eq!(trail.len(), 2);
    assert_eq!(
        (trail[1].outcome, trail[1].reason.as_deref()),
        (Outcome::Failure, Some("too_long"))
    );
    let mut read = place.db.read(&place.ctx).await.unwrap();
    assert_eq!(
        place.log.export_manifest(&mut read, running.id()).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn what_goes_on_after_its_request_is_not_bound_by_the_deadline_of_the_request() {
    let clock = Arc::new(ManualClock::starting_at(datetime!(2026-06-01 00:00 UTC)));
    let place = Place::with_sources(Sources::shared(clock.clone(), Arc::new(OsRandom))).await;
    place.record_orders(300).await;
    place.integrate().await;
    let meta = RequestMeta {
        deadline: Some(datetime!(2026-06-01 00:00:10 UTC)),
        ..place.ctx.meta().clone()
    };
    let ctx = RequestContext::authenticated(place.tenant, place.ctx.principal().clone(), meta);
    let recorded = ReportRange::new(datetime!(2020-01-01 00:00 UTC), datetime!(2100-01-01 00:00 UTC));
    let options = ReportOptions {
        kind: ReportKind::AccessByUser,
        range: Some(recorded.unwrap()),
        format: ReportFormat::Csv,
        reader: Reader::Tenant,
    };
    let (db, log, key) = (&place.db, &place.log, &place.key);
    let mut export = log.export(db, key, &ctx, Export::whole()).await.unwrap();
    let mut report = log.report(db, key, &ctx, options).await.unwrap();

    clock.advance(Duration::from_secs(60));

    // The line of names takes no database; who has no time left for the rows gives up the moment the timers move.
    assert!(report.next().await.unwrap().is_some());
    let mut rows = Box::pin(report.next());
    assert!(futures::poll!(&mut rows).is_pending());
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(5)).await;
    tokio::time::resume();
    rows.await.unwrap();
    while report.next().await.unwrap().is_some() {}
    while export.next().await.unwrap().is_some() {}
}
