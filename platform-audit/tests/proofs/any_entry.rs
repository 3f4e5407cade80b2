//! Entries of all kinds.

use platform_audit::{
    Activity, CanonicalJson, Entry, EventId, Outcome, ProducerId, Seal, Severity, Target, Visibility,
};
use platform_core::time::Duration;
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestId, TenantId, Timestamp};
use proptest::prelude::*;

use crate::entries::GOLDEN;
use crate::json::any_value;
use crate::support::entry;

fn any_id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200_000_000..=253_402_300_799_999_999_i64)
        .prop_map(|micros| Timestamp::UNIX_EPOCH + Duration::microseconds(micros))
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let text = || any::<String>();
    let optional = || prop::option::of(any::<String>());
    let ids = (
        any_id(),
        any_id(),
        any_id(),
        prop::option::of(any_id()),
        prop::option::of(any_id()),
        prop::option::of(any_id()),
    );
    let target = (text(), text()).prop_map(|(kind, id)| Target {
        kind: kind.into(),
        id,
    });
    let json = || prop::option::of(any_value().prop_map(|value| CanonicalJson::from_value(&value).unwrap()));
    let words = (
        prop::sample::select(Outcome::ALL),
        prop::sample::select(Activity::ALL),
        prop::sample::select(Severity::ALL),
        prop::sample::select(Visibility::ALL),
        "[a-z][a-z0-9_]{0,31}".prop_map(|class| class.parse().unwrap()),
    );
    let produced = (
        any::<u16>(),
        prop::option::of(any_id()),
        prop::option::of(any::<u64>()),
        prop::option::of(any::<[u8; 32]>()),
    );
    (
        ids,
        (any_time(), any_time(), any::<u64>()),
        words,
        (text(), text(), text()),
        (optional(), optional(), optional(), optional()),
        (prop::collection::vec(target, 0..4), json(), json()),
        produced,
    )
        .prop_map(
            |(
                ids,
                (recorded_at, occurred_at, xid),
                words,
                texts,
                optionals,
                (targets, changes, detail),
                produced,
            )| Entry {
                tenant: TenantId::from_stored(ids.0),
                id: EventId::from_stored(ids.1),
                request_id: RequestId::from_stored(ids.2),
                actor_id: ids.3.map(PrincipalId::from_stored),
                on_behalf_of: ids.4.map(PrincipalId::from_stored),
                session_id: ids.5,
                recorded_at,
                occurred_at,
                xid,
                outcome: words.0,
                activity: words.1,
                severity: words.2,
                visibility: words.3,
                retention: words.4,
                action: texts.0,
                action_version: produced.0,
                actor_kind: texts.1,
                trace_id: texts.2,
                reason: optionals.0,
                purpose: optionals.1,
                source_address: optionals.2,
                user_agent: optionals.3,
                targets,
                changes,
                detail,
                producer: produced.1.map(ProducerId::from_stored),
                counter: produced.2,
                seal: produced.3.map(Seal::from_bytes),
            },
        )
}

proptest! {
    // A5: what is read back whole from its bytes cannot share them with another.
    #[test]
    fn any_entry_is_read_as_it_was_written(entry in any_entry()) {
        let bytes = entry.to_bytes().unwrap();
        prop_assert_eq!(Entry::from_bytes(&bytes).unwrap(), entry);
    }

    // A5
    #[test]
    fn two_different_entries_have_different_bytes(a in any_entry(), b in any_entry(), mix in any::<u32>()) {
        let mut mixed = a.clone();
        let take = |bit: u32| mix >> bit & 1 == 1;
        if take(0) { mixed.reason = b.reason.clone(); }
        if take(1) { mixed.purpose = b.purpose.clone(); }
        if take(2) { mixed.targets = b.targets.clone(); }
        if take(3) { mixed.detail = b.detail.clone(); }
        if take(8) { mixed.changes = b.detail.clone(); mixed.detail = b.changes.clone(); }
        if take(9) { mixed.seal = b.seal; }
        if take(10) { mixed.counter = b.counter; mixed.producer = b.producer; }
        if take(11) { mixed.severity = b.severity; mixed.activity = b.activity; mixed.retention = b.retention.clone(); }
        if take(4) { mixed.action = b.action.clone(); }
        if take(5) { mixed.xid = b.xid; }
        if take(6) { mixed.recorded_at = b.recorded_at; }
        if take(7) { mixed.source_address = a.user_agent.clone(); mixed.user_agent = a.source_address.clone(); }
        prop_assert_eq!(a == mixed, a.to_bytes().unwrap() == mixed.to_bytes().unwrap());
        prop_assert_eq!(a == b, a.to_bytes().unwrap() == b.to_bytes().unwrap());
    }

    #[test]
    fn an_entry_with_one_byte_changed_is_another_or_none(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = GOLDEN.as_bytes().to_vec();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        if let Ok(other) = Entry::from_bytes(&bytes) {
            prop_assert_ne!(&other, &entry(9));
            prop_assert_eq!(other.to_bytes().unwrap(), bytes);
        }
    }
}
