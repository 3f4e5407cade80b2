use std::panic::catch_unwind;

use platform_audit::{Action, AuditError, DETAIL_BYTES_MAX, Event, InvalidEvent, Outcome, TARGETS_MAX};
use platform_core::{RequestContext, RequestMeta};
use serde_json::{Value, json};

use crate::support::{context, events, log, shared};

const SENT: Action = Action::new("parcel.send");

#[test]
fn an_action_is_named_module_verb_in_lower_case() {
    for name in ["parcel.send", "auth.sign_in", "a.b", "a1.b_2.c3"] {
        assert_eq!(Action::new(name).name(), name);
    }
    let long = "parcel.".to_owned() + &"x".repeat(58);
    let long: &'static str = Box::leak(long.into_boxed_str());
    for name in [
        "",
        ".",
        "parcel",
        "parcel.",
        ".send",
        "parcel..send",
        "Parcel.send",
        "parcel send",
        "1.a",
        "a._b",
        "párcel.send",
        long,
    ] {
        assert!(catch_unwind(|| Action::new(name)).is_err(), "{name}");
    }
}

#[tokio::test]
async fn an_event_at_its_bounds_is_recorded_whole() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let filler = "x".repeat(DETAIL_BYTES_MAX - r#"{"n":""}"#.len());
    let detail = json!({ "n": filler });
    let event = (0..TARGETS_MAX).fold(Event::new(SENT, Outcome::Success), |event, at| {
        event.target(
            "k".repeat(64),
            if at == 0 { "é".repeat(256) } else { at.to_string() },
        )
    });

    log()
        .record_alone(
            &test.db(),
            &ctx,
            event.reason("r".repeat(128)).detail(detail.clone()),
        )
        .await
        .unwrap();

    let found = events(&test, &ctx, &"k".repeat(64), &"é".repeat(256)).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].targets.len(), TARGETS_MAX);
    assert_eq!(found[0].detail, Some(detail));
}

#[tokio::test]
async fn a_detail_that_the_database_prints_wider_still_fits() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let detail = Value::Array(vec![json!(1); DETAIL_BYTES_MAX / 2 - 1]);

    let recorded = log()
        .record_alone(
            &test.db(),
            &ctx,
            Event::new(SENT, Outcome::Success).detail(detail),
        )
        .await;

    assert!(recorded.is_ok());
}

#[tokio::test]
async fn an_event_past_a_bound_is_refused_before_the_database_sees_it() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let event = || Event::new(SENT, Outcome::Success).target("parcel", "p");
    let refused = [
        (
            (0..TARGETS_MAX).fold(event(), |event, at| event.target("parcel", at.to_string())),
            InvalidEvent::TooManyTargets,
        ),
        (event().target("", "x"), InvalidEvent::Target),
        (event().target("parcel", ""), InvalidEvent::Target),
        (event().target("k".repeat(65), "x"), InvalidEvent::Target),
        (event().target("parcel", "x".repeat(257)), InvalidEvent::Target),
        (event().target("parcel", "a\0b"), InvalidEvent::Target),
        (event().reason(""), InvalidEvent::Reason),
        (event().reason("r".repeat(129)), InvalidEvent::Reason),
        (event().reason("a\0b"), InvalidEvent::Reason),
        (
            event().detail(json!("x".repeat(DETAIL_BYTES_MAX))),
            InvalidEvent::DetailTooLarge,
        ),
        (
            event().detail(json!({ "a": [{ "b": "\0" }] })),
            InvalidEvent::DetailText,
        ),
        (event().detail(json!({ "a\0": 1 })), InvalidEvent::DetailText),
    ];

    for (event, expected) in refused {
        let refused = log().record_alone(&test.db(), &ctx, event).await;
        assert!(
            matches!(refused, Err(AuditError::Invalid(invalid)) if invalid == expected),
            "{expected:?}"
        );
    }
    assert_eq!(events(&test, &ctx, "parcel", "p").await.len(), 0);
}

#[tokio::test]
async fn a_detail_may_spell_the_escape_of_the_character_it_cannot_hold() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;

    let event = Event::new(SENT, Outcome::Success).detail(json!({ "text": r"\u0000" }));

    assert!(log().record_alone(&test.db(), &ctx, event).await.is_ok());
}

#[tokio::test]
async fn a_context_or_a_time_that_cannot_be_stored_is_refused() {
    let test = shared().await;
    let tenant = test.tenant().await;
    let system = |purpose| RequestContext::system(tenant, purpose, test.sources());
    let agent = |agent: String| {
        let meta = RequestMeta {
            user_agent: Some(agent),
            ..RequestMeta::internal(test.sources())
        };
        RequestContext::anonymous(tenant, meta)
    };
    let long: &'static str = Box::leak("p".repeat(257).into_boxed_str());
    let ctx = system("test");
    let at = test.sources().now();

    for ctx in [
        system(""),
        system(long),
        system("a\0"),
        agent("a".repeat(257)),
        agent("\0".to_owned()),
    ] {
        let refused = log()
            .record_alone(&test.db(), &ctx, Event::new(SENT, Outcome::Success))
            .await;
        assert!(matches!(refused, Err(AuditError::Invalid(InvalidEvent::Context))));
    }
    for ctx in [system(&long[1..]), agent("é".repeat(256)), agent(String::new())] {
        log()
            .record_alone(&test.db(), &ctx, Event::new(SENT, Outcome::Success))
            .await
            .unwrap();
    }
    for (event, expected) in [
        (
            Event::new(SENT, Outcome::Success).version(0),
            InvalidEvent::Version,
        ),
        (
            Event::new(SENT, Outcome::Success).version(32_768),
            InvalidEvent::Version,
        ),
        (
            Event::new(SENT, Outcome::Success).occurred_at(at.replace_nanosecond(1).unwrap()),
            InvalidEvent::OccurredAt,
        ),
        (
            Event::new(SENT, Outcome::Success).occurred_at(at.replace_year(-1).unwrap()),
            InvalidEvent::OccurredAt,
        ),
    ] {
        let refused = log().record_alone(&test.db(), &ctx, event).await;
        assert!(
            matches!(refused, Err(AuditError::Invalid(invalid)) if invalid == expected),
            "{expected:?}"
        );
    }
    for at in [at.replace_year(0).unwrap(), at.replace_year(9_999).unwrap()] {
        let event = Event::new(SENT, Outcome::Success).version(32_767).occurred_at(at);
        log().record_alone(&test.db(), &ctx, event).await.unwrap();
    }
}
