use platform_audit::{
    Activity, CanonicalJson, ENTRY_BYTES_MAX, Entry, EntryError, EntryInvalid, EventId, JSON_DEPTH_MAX,
    JsonInvalid, Outcome, ProducerId, Retention, Seal, Severity, StoredRow, Target, Visibility,
};
use platform_core::time::Duration;
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestId, TenantId};

use crate::support::entry;

/// Version 1 as it was first sequenced: these bytes can never change, since leaves of real trails are hashes of such.
pub(crate) const GOLDEN: &str = concat!(
    r#"{"action":"order.cancel","action_version":2,"activity":"update","#,
    r#""actor_id":"00000000-0000-0003-0000-000000000009","actor_kind":"system","#,
    r#""changes":{"state":{"after":"open","before":"new"}},"counter":"9","#,
    r#""detail":{"lots":3,"price":"1.50"},"id":"00000000-0000-0002-0000-000000000009","#,
    r#""occurred_at":"2026-01-02T03:04:05.000006Z","on_behalf_of":"00000000-0000-0004-0000-000000000009","#,
    r#""outcome":"failure","producer":"00000000-0000-0007-0000-000000000009","purpose":"end of day","#,
    r#""reason":"already_filled","recorded_at":"2026-01-02T03:04:05.000006Z","#,
    r#""request_id":"00000000-0000-0006-0000-000000000009","retention":"regulatory","#,
    r#""seal":"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5","#,
    r#""session_id":"00000000-0000-0005-0000-000000000009","severity":"low","#,
    r#""source_address":"192.0.2.1","targets":[{"id":"9","kind":"order"},{"id":"7","kind":"account"}],"#,
    r#""tenant_id":"00000000-0000-0001-0000-000000000009","trace_id":"0af7651916cd43dd8448eb211c80319c","#,
    r#""user_agent":"curl/8","v":1,"visibility":"tenant","xid":"780"}"#,
);

fn bare() -> Entry {
    Entry {
        reason: None,
        actor_id: None,
        purpose: None,
        on_behalf_of: None,
        session_id: None,
        targets: Vec::new(),
        source_address: None,
        user_agent: None,
        changes: None,
        detail: None,
        producer: None,
        counter: None,
        seal: None,
        ..entry(9)
    }
}

#[test]
fn the_bytes_of_version_1_stay_what_they_are() {
    assert_eq!(String::from_utf8(entry(9).to_bytes().unwrap()).unwrap(), GOLDEN);
    assert_eq!(Entry::from_bytes(GOLDEN.as_bytes()).unwrap(), entry(9));
    let bytes = bare().to_bytes().unwrap();
    let absent = [
        "reason",
        "actor_id",
        "purpose",
        "on_behalf_of",
        "session_id",
        "source_address",
        "user_agent",
        "changes",
        "detail",
        "producer",
        "counter",
        "seal",
    ];
    for name in absent {
        assert!(
            !String::from_utf8_lossy(&bytes).contains(&format!("\"{name}\"")),
            "{name}"
        );
    }
    assert_eq!(Entry::from_bytes(&bytes).unwrap(), bare());
}

pub(crate) type Change = fn(&mut Entry);

/// Every way to change one field, named by its column.
pub(crate) fn changes() -> Vec<(&'static str, Change)> {
    vec![
        ("tenant_id", |e| {
            e.tenant = TenantId::from_stored(Uuid::from_u128(99))
        }),
        ("id", |e| e.id = EventId::from_stored(Uuid::from_u128(99))),
        ("recorded_at", |e| e.recorded_at += Duration::microseconds(1)),
        ("occurred_at", |e| e.occurred_at -= Duration::microseconds(1)),
        ("xid", |e| e.xid += 1),
        ("action", |e| e.action.push('x')),
        ("action_version", |e| e.action_version += 1),
        ("activity", |e| e.activity = Activity::Other),
        ("severity", |e| e.severity = Severity::Critical),
        ("changes", |e| e.changes = None),
        ("changes", |e| {
            e.changes = Some(CanonicalJson::parse(r#"{"state":{"after":"open","before":null}}"#).unwrap())
        }),
        ("retention", |e| e.retention = Retention::OPERATIONAL),
        ("visibility", |e| e.visibility = Visibility::Platform),
        ("producer", |e| e.producer = None),
        ("producer", |e| {
            e.producer = Some(ProducerId::from_stored(Uuid::from_u128(99)))
        }),
        ("counter", |e| e.counter = None),
        ("counter", |e| e.counter = Some(u64::MAX)),
        ("seal", |e| e.seal = None),
        ("seal", |e| e.seal = Some(Seal::from_bytes([0; 32]))),
        ("outcome", |e| e.outcome = Outcome::Denied),
        ("reason", |e| e.reason = None),
        ("actor_kind", |e| e.actor_kind = "user".into()),
        ("actor_id", |e| e.actor_id = None),
        ("purpose", |e| e.purpose = Some(String::new())),
        ("on_behalf_of", |e| {
            e.on_behalf_of = Some(PrincipalId::from_stored(Uuid::from_u128(99)))
        }),
        ("session_id", |e| e.session_id = None),
        ("targets", |e| e.targets.swap(0, 1)),
        ("targets", |e| e.targets.truncate(1)),
        ("source_address", |e| e.source_address = Some("192.0.2.2".into())),
        ("user_agent", |e| e.user_agent = None),
        ("request_id", |e| {
            e.request_id = RequestId::from_stored(Uuid::from_u128(99))
        }),
        ("trace_id", |e| e.trace_id.replace_range(..1, "1")),
        ("detail", |e| e.detail = None),
        ("detail", |e| {
            e.detail = Some(CanonicalJson::parse("null").unwrap())
        }),
        ("detail", |e| {
            e.detail = Some(CanonicalJson::parse(r#"{"lots":3,"price":1.5}"#).unwrap())
        }),
    ]
}

// A3
#[test]
fn every_field_is_in_the_bytes() {
    for (column, change) in changes() {
        let mut changed = entry(9);
        change(&mut changed);
        assert_ne!(
            changed.to_bytes().unwrap(),
            entry(9).to_bytes().unwrap(),
            "{column}"
        );
        assert_eq!(changed.columns_changed(&entry(9)), [column]);
    }
    assert!(entry(9).columns_changed(&entry(9)).is_empty());
}

#[test]
fn a_derived_column_that_says_something_else_is_named() {
    let mut row = StoredRow::of(entry(9));
    assert!(row.derived_columns_changed().is_empty());
    row.target_id = Some("8".into());
    assert_eq!(row.derived_columns_changed(), ["target_id"]);
    row.target_kind = None;
    assert_eq!(row.columns_changed(&entry(9)), ["target_kind", "target_id"]);
}

// A5
#[test]
fn what_moves_from_one_field_into_the_next_changes_the_bytes() {
    let with = |reason: Option<&str>, purpose: Option<&str>, id: &str, kind: &str| {
        let target = Target {
            kind: kind.to_owned().into(),
            id: id.into(),
        };
        let (reason, purpose) = (reason.map(str::to_owned), purpose.map(str::to_owned));
        Entry {
            reason,
            purpose,
            targets: vec![target],
            ..entry(9)
        }
        .to_bytes()
        .unwrap()
    };
    let all = [
        with(Some("ab"), Some("c"), "1", "2"),
        with(Some("a"), Some("bc"), "1", "2"),
        with(None, Some("abc"), "1", "2"),
        with(Some("abc"), None, "1", "2"),
        with(Some("ab\",\"recorded_at\":\""), Some("c"), "1", "2"),
        with(Some("ab"), Some("c"), "12", ""),
        with(Some("ab"), Some("c"), "", "12"),
        with(Some("ab"), Some("c"), "2", "1"),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
}

#[test]
fn other_spellings_of_an_entry_are_refused() {
    let refused = |text: String| Entry::from_bytes(text.as_bytes()).unwrap_err();
    for (from, to) in [
        ("{\"action\"", " {\"action\""),
        ("\"v\":1", "\"v\": 1"),
        ("\"v\":1", "\"new\":null,\"v\":1"),
        ("\"action\":\"order.cancel\",", ""),
        ("\"action\":\"order.cancel\"", "\"action\":\"order\\u002ecancel\""),
        (
            "00000000-0000-0003-0000-000000000009",
            "00000000000000030000000000000009",
        ),
        (
            "00000000-0000-0005-0000-000000000009",
            "{00000000-0000-0005-0000-000000000009}",
        ),
        ("05.000006Z", "05.0000060Z"),
        ("05.000006Z", "05.000006+00:00"),
        ("03:04:05.000006Z", "04:04:05.000006+01:00"),
        ("\"lots\":3", "\"lots\":3.0"),
        ("\"action_version\":2", "\"action_version\":2.0"),
        ("\"before\":\"new\"", "\"before\": \"new\""),
        ("\"seal\":\"a5", "\"seal\":\"A5"),
        ("\"counter\":\"9\"", "\"counter\":\"09\""),
        ("\"retention\":\"regulatory\",", ""),
        ("\"visibility\":\"tenant\",", ""),
        ("\"lots\":3,\"price\":\"1.50\"", "\"price\":\"1.50\",\"lots\":3"),
        (
            "{\"id\":\"9\",\"kind\":\"order\"}",
            "{\"id\":\"9\",\"kind\":\"order\",\"more\":1}",
        ),
        ("\"xid\":\"780\"}", "\"xid\":\"780\"}\n"),
    ] {
        let text = GOLDEN.replacen(from, to, 1);
        assert_ne!(text, GOLDEN, "{from}");
        let error = refused(text);
        assert!(
            matches!(error, EntryInvalid::NotCanonical | EntryInvalid::Member(_)),
            "{to}: {error}"
        );
    }
}

#[test]
fn bytes_that_say_something_impossible_are_refused() {
    let refused =
        |from: &str, to: &str| Entry::from_bytes(GOLDEN.replacen(from, to, 1).as_bytes()).unwrap_err();
    assert_eq!(refused("\"v\":1", "\"v\":2"), EntryInvalid::UnknownVersion);
    assert_eq!(refused("\"v\":1", "\"v\":\"1\""), EntryInvalid::UnknownVersion);
    assert_eq!(refused(",\"v\":1", ""), EntryInvalid::UnknownVersion);
    assert_eq!(
        refused("\"failure\"", "\"lost\""),
        EntryInvalid::Member("outcome")
    );
    assert_eq!(
        refused("\"update\"", "\"sign\""),
        EntryInvalid::Member("activity")
    );
    assert_eq!(refused("\"low\"", "\"dire\""), EntryInvalid::Member("severity"));
    assert_eq!(
        refused("\"visibility\":\"tenant\"", "\"visibility\":\"all\""),
        EntryInvalid::Member("visibility")
    );
    assert_eq!(
        refused("\"regulatory\"", "\"Regulatory\""),
        EntryInvalid::Member("retention")
    );
    assert_eq!(
        refused("\"action_version\":2", "\"action_version\":65536"),
        EntryInvalid::Member("action_version")
    );
    assert_eq!(
        refused("\"counter\":\"9\"", "\"counter\":9"),
        EntryInvalid::Member("counter")
    );
    assert_eq!(refused("a5a5\"", "a5\""), EntryInvalid::Member("seal"));
    assert_eq!(
        refused("00000000-0000-0007", "00000000-0000"),
        EntryInvalid::Member("producer")
    );
    assert_eq!(refused("\"780\"", "780"), EntryInvalid::Member("xid"));
    assert_eq!(refused("\"780\"", "\"0780\""), EntryInvalid::Member("xid"));
    assert_eq!(
        refused("\"recorded_at\":\"2026-01-02", "\"recorded_at\":\"2026-02-30"),
        EntryInvalid::Member("recorded_at")
    );
    assert_eq!(refused("\"curl/8\"", "null"), EntryInvalid::Member("user_agent"));
    assert_eq!(
        refused("[{\"id\":\"9\"", "[{\"id\":9"),
        EntryInvalid::Member("targets")
    );
    assert_eq!(
        refused("\"v\":1", "\"v\":1,\"v\":1"),
        EntryInvalid::Json(JsonInvalid::RepeatedName)
    );
    assert_eq!(Entry::from_bytes(&[0xff]).unwrap_err(), EntryInvalid::NotText);
    assert_eq!(
        Entry::from_bytes(b"[]").unwrap_err(),
        EntryInvalid::UnknownVersion
    );
    assert_eq!(
        Entry::from_bytes(&vec![b' '; ENTRY_BYTES_MAX + 1]).unwrap_err(),
        EntryInvalid::TooLong
    );
}

#[test]
fn an_entry_is_bounded_in_size() {
    let with = |length: usize| Entry {
        detail: Some(CanonicalJson::parse(&format!("\"{}\"", "a".repeat(length))).unwrap()),
        ..bare()
    };
    let empty = with(0).to_bytes().unwrap().len();
    let largest = with(ENTRY_BYTES_MAX - empty).to_bytes().unwrap();
    assert_eq!(largest.len(), ENTRY_BYTES_MAX);
    assert!(Entry::from_bytes(&largest).is_ok());
    assert_eq!(
        with(ENTRY_BYTES_MAX - empty + 1).to_bytes(),
        Err(EntryError::TooLong)
    );
}

#[test]
fn a_detail_may_be_as_deep_as_json_may_be() {
    let deep = format!("{}{}", "[".repeat(JSON_DEPTH_MAX), "]".repeat(JSON_DEPTH_MAX));
    let entry = Entry {
        detail: Some(CanonicalJson::parse(&deep).unwrap()),
        ..bare()
    };
    assert_eq!(Entry::from_bytes(&entry.to_bytes().unwrap()), Ok(entry));
}

#[test]
fn a_time_that_cannot_be_stored_is_refused() {
    use platform_core::time::macros::datetime;
    for at in [
        datetime!(2026-01-02 03:04:05.000000001 UTC),
        datetime!(-1-01-01 00:00 UTC),
        datetime!(0000-01-01 00:00 +1),
    ] {
        assert_eq!(
            Entry {
                occurred_at: at,
                ..entry(9)
            }
            .to_bytes(),
            Err(EntryError::Time),
            "{at}"
        );
    }
    for at in [
        datetime!(0000-01-01 00:00 UTC),
        datetime!(9999-12-31 23:59:59.999999 UTC),
        datetime!(2026-01-02 03:04 +14),
    ] {
        let entry = Entry {
            recorded_at: at,
            ..entry(9)
        };
        assert_eq!(Entry::from_bytes(&entry.to_bytes().unwrap()).unwrap(), entry);
    }
}
