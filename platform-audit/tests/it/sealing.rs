//! Seals and numbers of events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use platform_audit::{AuditLog, Event, LogKey, Outcome, Seal, StoredRow};
use platform_core::Sources;
use serde_json::json;
use sha2::Sha256;

use crate::support::{SENT, context, log, log_key, sealed_log, sent, shared, stored};

/// Made anew from its description: HMAC-SHA256 with a key made by HKDF from the key in the text, over the entry without three members.
fn seal(key: &LogKey, row: &StoredRow) -> Seal {
    let text = key.to_text();
    let seed = text.expose().trim().splitn(5, '+').nth(4).unwrap();
    let seed = STANDARD.decode(seed).unwrap();
    let mut derived = [0; 32];
    Hkdf::<Sha256>::new(None, &seed[1..])
        .expand(b"platform-audit/v1/seal", &mut derived)
        .unwrap();
    let entry = String::from_utf8(row.entry.to_bytes().unwrap()).unwrap();
    let members = entry[1..entry.len() - 1].split(",\"");
    // No string of the event has a comma before a quotation mark.
    let kept = members.filter(|member| {
        !["recorded_at\":", "seal\":", "xid\":"]
            .iter()
            .any(|name| member.starts_with(name))
    });
    let sealed = format!("{{{}}}", kept.collect::<Vec<_>>().join(",\""));
    let mut mac = Hmac::<Sha256>::new_from_slice(&derived).unwrap();
    mac.update(sealed.as_bytes());
    Seal::from_bytes(mac.finalize().into_bytes().into())
}

#[tokio::test]
async fn an_event_carries_the_seal_that_its_description_gives() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let key = log_key();
    let log = AuditLog::new(Sources::system()).sealed_by(&key);
    let event = Event::new(SENT, Outcome::Failure)
        .target("parcel", "p-1")
        .reason("too_heavy")
        .detail(json!({ "weight": 1.50, "huge": 1e30 }));

    log.record_alone(&test.db(), &ctx, event).await.unwrap();
    log.record_alone(&test.db(), &ctx, Event::new(SENT, Outcome::Success))
        .await
        .unwrap();

    let rows = stored(&test, &ctx).await;
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!(row.entry.seal, Some(seal(&key, row)));
        assert_ne!(row.entry.seal, Some(seal(&log_key(), row)));
    }
}

#[tokio::test]
async fn events_of_a_tenant_are_numbered_from_zero() {
    let test = shared().await;
    let (_, ours) = context(&test).await;
    let (_, theirs) = context(&test).await;
    let log = sealed_log();

    for _ in 0..3 {
        log.record_alone(&test.db(), &ours, sent("p")).await.unwrap();
        log.record_alone(&test.db(), &theirs, sent("p")).await.unwrap();
    }

    let producers: Vec<_> = [&stored(&test, &ours).await, &stored(&test, &theirs).await]
        .into_iter()
        .map(|rows| {
            let numbers: Vec<_> = rows.iter().map(|row| row.entry.counter.unwrap()).collect();
            assert_eq!(numbers, [0, 1, 2]);
            rows[0].entry.producer
        })
        .collect();
    assert!(producers[0].is_some() && producers[0] == producers[1]);
}

#[tokio::test]
async fn two_processes_do_not_share_numbers() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let key = log_key();

    for _ in 0..2 {
        let process = AuditLog::new(Sources::system()).sealed_by(&key);
        process.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    }

    let rows = stored(&test, &ctx).await;
    assert_eq!(
        rows.iter().map(|row| row.entry.counter).collect::<Vec<_>>(),
        [Some(0); 2]
    );
    assert_ne!(rows[0].entry.producer, rows[1].entry.producer);
}

#[tokio::test]
async fn a_log_without_a_key_neither_seals_nor_numbers() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;

    log().record_alone(&test.db(), &ctx, sent("p")).await.unwrap();

    let row = &stored(&test, &ctx).await[0];
    assert_eq!(
        (row.entry.producer, row.entry.counter, row.entry.seal),
        (None, None, None)
    );
}
