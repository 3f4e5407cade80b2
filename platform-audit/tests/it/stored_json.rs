//! JSON in events: what is taken can be stored, and comes back as the same value.

use platform_audit::{AuditError, CanonicalJson, Changes, Event, InvalidEvent, JSON_DEPTH_MAX, Outcome};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Number, Value, json};

use crate::support::{SENT, context, log, shared, stored};

fn number(text: &str) -> Value {
    Value::Number(text.parse::<Number>().unwrap())
}

fn with_detail(detail: Value) -> Event {
    Event::new(SENT, Outcome::Success).detail(detail)
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(null), |inner, _| json!([inner]))
}

#[test]
fn json_that_the_database_could_not_store_is_refused() {
    // Written out, 301 digits each.
    let huge = |count: usize| Value::Array(vec![number("1e300"); count]);
    for (detail, expected) in [
        (huge(109), InvalidEvent::DetailTooLarge),
        (number("1e40000"), InvalidEvent::DetailTooLarge),
        (number("1e-16384"), InvalidEvent::Number),
        (number("1.5e-16383"), InvalidEvent::Number),
        (number("1e300000"), InvalidEvent::Number),
        (nested(JSON_DEPTH_MAX + 1), InvalidEvent::TooDeep),
    ] {
        assert_eq!(with_detail(detail).check(), Err(expected));
    }
    assert_eq!(with_detail(huge(108)).check(), Ok(()));
    let changes =
        |value: Value| Event::new(SENT, Outcome::Success).changes(Changes::new().field("a", value, 1));
    assert_eq!(
        changes(nested(JSON_DEPTH_MAX - 1)).check(),
        Err(InvalidEvent::TooDeep)
    );
    assert_eq!(changes(number("1e-16384")).check(), Err(InvalidEvent::Number));
    assert_eq!(
        changes(number("1e65536")).check(),
        Err(InvalidEvent::ChangesTooLarge)
    );
}

#[tokio::test]
async fn json_at_its_bounds_is_stored() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    // A field of its own and its side take two levels.
    let deep = Changes::new().field("a", nested(JSON_DEPTH_MAX - 2), number("1e-16383"));
    let events = [
        with_detail(nested(JSON_DEPTH_MAX)),
        with_detail(number("-1.25e-16381")),
        with_detail(number("1e32767")),
        with_detail(Value::Array(vec![number("1e300"); 108])),
        with_detail(json!("\u{1}".repeat(2_700))),
        with_detail(json!("\u{1f}\u{7f}\u{80}\u{2028}\u{fffe}\u{10ffff}\"\\/\t")),
        Event::new(SENT, Outcome::Success).changes(deep),
    ];

    for event in events {
        let (detail, changes) = (format!("{event:?}"), event.clone());
        let recorded = log().record_alone(&test.db(), &ctx, changes).await;
        assert!(
            recorded.is_ok(),
            "{recorded:?}: {}",
            &detail[..detail.len().min(300)]
        );
    }
    assert!(
        stored(&test, &ctx)
            .await
            .iter()
            .all(|row| row.entry.to_bytes().is_ok())
    );
}

fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        (any::<i32>(), -400..400_i32)
            .prop_map(|(mantissa, exponent)| number(&format!("{mantissa}e{exponent}"))),
        ("-?[1-9][0-9]{0,60}", "[0-9]{1,60}").prop_map(|(whole, rest)| number(&format!("{whole}.{rest}"))),
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|text| text.replace('\0', "")),
        "[\u{1}-\u{20}\"\\\\]{0,40}"
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any_number(),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((any_text(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

#[test]
fn whatever_is_taken_is_stored_and_read_back_as_the_same_value() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (test, ctx) = runtime.block_on(async {
        let test = shared().await;
        let ctx = context(&test).await.1;
        (test, ctx)
    });
    let mut runner = TestRunner::new(Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&any_json(), |detail| {
            let event = with_detail(detail.clone());
            let taken = event.check();
            let recorded = runtime.block_on(async {
                let mut tx = test.db().begin(&ctx).await.unwrap();
                let recorded = log().record(&mut tx, &ctx, event).await;
                let id = match recorded {
                    Ok(id) => id,
                    Err(AuditError::Invalid(invalid)) => {
                        assert_eq!(taken, Err(invalid));
                        return None;
                    }
                    Err(other) => panic!("{other:?}: {detail}"),
                };
                let sql = "select detail::text from platform_audit.event where tenant_id = $1 and id = $2";
                let stored: String = platform_core::sqlx::query_scalar(sql)
                    .bind(ctx.tenant())
                    .bind(id)
                    .fetch_one(&mut tx)
                    .await
                    .unwrap();
                tx.rollback().await.unwrap();
                Some(stored)
            });
            if let Some(stored) = recorded {
                prop_assert_eq!(
                    CanonicalJson::parse(&stored).unwrap(),
                    CanonicalJson::from_value(&detail).unwrap()
                );
            }
            Ok(())
        })
        .unwrap();
}
