//! What an event says was changed.

use platform_audit::{
    AuditError, CHANGED_FIELDS_MAX, CHANGES_BYTES_MAX, Changes, Event, EventId, InvalidEvent, NotComparable,
    Outcome,
};
use platform_core::{Sources, TenantId};
use platform_crypto::Sealed;
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::{SENT, context, events, log, sent, shared, stored};

#[derive(Serialize)]
struct Parcel {
    weight_grams: u32,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    stops: Vec<u32>,
}

fn parcel() -> Parcel {
    Parcel {
        weight_grams: 100,
        state: "packed",
        note: None,
        stops: vec![1, 2],
    }
}

fn checked(changes: Changes) -> Result<(), InvalidEvent> {
    Event::new(SENT, Outcome::Success).changes(changes).check()
}

#[tokio::test]
async fn only_what_differs_is_recorded_with_both_sides() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let after = Parcel {
        state: "sent",
        note: Some("fragile"),
        ..parcel()
    };
    let changes = Changes::between(&parcel(), &after)
        .unwrap()
        .field("price", json!(1.50), Value::Null);

    log()
        .record_alone(&test.db(), &ctx, sent("p").changes(changes))
        .await
        .unwrap();

    let recorded = events(&test, &ctx, "parcel", "p").await;
    assert_eq!(
        recorded[0].changes,
        Some(json!({
            "state": { "before": "packed", "after": "sent" },
            "note": { "after": "fragile" },
            "price": { "before": 1.5, "after": null },
        }))
    );
}

#[test]
fn what_was_made_or_deleted_has_one_side() {
    let made = Changes::between(&json!({}), &json!({ "a": 1 })).unwrap();
    assert_eq!(made.to_value(), json!({ "a": { "after": 1 } }));
    let deleted = Changes::between(&json!({ "a": 1 }), &json!({})).unwrap();
    assert_eq!(deleted.to_value(), json!({ "a": { "before": 1 } }));
    assert!(Changes::between(&parcel(), &parcel()).unwrap().is_empty());
}

#[test]
fn values_without_fields_cannot_be_compared() {
    assert_eq!(Changes::between(&1, &json!({})), Err(NotComparable));
    assert_eq!(Changes::between(&json!({}), &json!([1])), Err(NotComparable));
}

#[tokio::test]
async fn no_changes_at_all_are_not_recorded_as_changes() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;

    log()
        .record_alone(&test.db(), &ctx, sent("p").changes(Changes::new()))
        .await
        .unwrap();

    assert_eq!(stored(&test, &ctx).await[0].entry.changes, None);
}

#[test]
fn a_secret_is_refused_in_the_clear_wherever_it_stands() {
    let sealed: Sealed<String> = Sealed::from_bytes(vec![1; 46]);
    for changes in [
        Changes::new().field("password", "old", "new"),
        Changes::new().field("api_key", Value::Null, "new"),
        Changes::new().field("email", "a@example.com", "b@example.com"),
        Changes::new().field("settings", json!({}), json!({ "smtp": { "password": "x" } })),
        Changes::new().field("settings", json!([{ "clientSecret": "x" }]), json!([])),
        Changes::between(&json!({ "token": "a" }), &json!({ "token": "b" })).unwrap(),
    ] {
        assert_eq!(checked(changes), Err(InvalidEvent::SecretField));
    }
    for changes in [
        Changes::new().sealed("password", Some(&sealed), None),
        Changes::new().field("key_id", "a", "b"),
        Changes::new().field("password_changed_at", 1, 2),
        // That there is none is no secret.
        Changes::new().field("token", Value::Null, Value::Null),
        Changes::new().field("settings", json!({ "password": null }), json!({})),
        // What was compared in the clear is replaced by what is sealed.
        Changes::between(&json!({ "token": "a" }), &json!({ "token": "b" }))
            .unwrap()
            .sealed("token", None, Some(&sealed)),
    ] {
        assert_eq!(checked(changes), Ok(()));
    }
}

#[test]
fn nothing_in_the_clear_can_be_taken_for_a_sealed_value() {
    let forged = json!({ "sealed": "AAAA" });
    assert_eq!(
        checked(Changes::new().field("state", &forged, 1)),
        Err(InvalidEvent::ChangedField)
    );
    assert_eq!(
        checked(Changes::new().field("state", 1, json!({ "deep": [forged] }))),
        Err(InvalidEvent::ChangedField)
    );
    assert_eq!(
        checked(Changes::new().field("state", json!({ "sealed": true, "by": 1 }), 1)),
        Ok(())
    );
}

#[test]
fn sealed_values_are_stored_as_their_bytes() {
    let sealed: Sealed<String> = Sealed::from_bytes(vec![0xfb; 3]);
    let changes = Changes::new().sealed("email", None, Some(&sealed));
    assert_eq!(
        changes.to_value(),
        json!({ "email": { "after": { "sealed": "+/v7" } } })
    );
}

#[test]
fn changes_past_a_bound_are_refused() {
    let fields = |count: usize| {
        (0..count).fold(Changes::new(), |changes, at| {
            changes.field(format!("f{at}"), 1, 2)
        })
    };
    // {"f": {"after": "…"}} as PostgreSQL prints it, with null before.
    let frame = r#"{"f": {"after": "", "before": null}}"#.len();
    let sized = |bytes: usize| Changes::new().field("f", Value::Null, "x".repeat(bytes));
    for (changes, expected) in [
        (fields(CHANGED_FIELDS_MAX + 1), InvalidEvent::ChangesTooLarge),
        (
            sized(CHANGES_BYTES_MAX - frame + 1),
            InvalidEvent::ChangesTooLarge,
        ),
        (Changes::new().field("", 1, 2), InvalidEvent::ChangedField),
        (
            Changes::new().field("n".repeat(65), 1, 2),
            InvalidEvent::ChangedField,
        ),
        (Changes::new().field("a\0", 1, 2), InvalidEvent::ChangesText),
        (Changes::new().field("a", "\0", 2), InvalidEvent::ChangesText),
        (
            Changes::new().field("a", json!({ "b": [{ "c\0": 1 }] }), 2),
            InvalidEvent::ChangesText,
        ),
        (
            Changes::new().field("a", f64::MAX, Broken),
            InvalidEvent::ChangedField,
        ),
    ] {
        assert_eq!(checked(changes), Err(expected), "{expected:?}");
    }
    for changes in [fields(CHANGED_FIELDS_MAX), sized(CHANGES_BYTES_MAX - frame)] {
        assert_eq!(checked(changes), Ok(()));
    }
}

struct Broken;

impl Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

#[tokio::test]
async fn parts_within_their_bounds_that_are_too_much_together_are_refused() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let event = |bytes: usize| {
        sent("p")
            .changes(Changes::new().field("f", Value::Null, "x".repeat(bytes)))
            .detail(json!("x".repeat(16_000)))
    };

    let refused = log().record_alone(&test.db(), &ctx, event(49_500)).await;
    assert!(
        matches!(refused, Err(AuditError::Invalid(InvalidEvent::TooLarge))),
        "{refused:?}"
    );

    log().record_alone(&test.db(), &ctx, event(48_500)).await.unwrap();
    let row = &stored(&test, &ctx).await[0];
    assert!(row.entry.to_bytes().is_ok());
}

#[tokio::test]
async fn changes_that_were_sealed_for_an_event_give_it_their_id_and_go_into_no_other() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    let id = EventId::generate(&Sources::system());
    let other = EventId::generate(&Sources::system());
    let foreign = TenantId::generate(&Sources::system());
    let changes = |tenant| Changes::for_event(tenant, id).field("state", 1, 2);

    for event in [
        sent("p").changes(changes(foreign)),
        sent("p").id(other).changes(changes(tenant)),
    ] {
        let refused = log().record_alone(&test.db(), &ctx, event).await;
        assert!(matches!(
            refused,
            Err(AuditError::Invalid(InvalidEvent::SealedElsewhere))
        ));
    }
    let recorded = log()
        .record_alone(&test.db(), &ctx, sent("p").changes(changes(tenant)))
        .await;

    assert_eq!(recorded.unwrap(), id);
}
