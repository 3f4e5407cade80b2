use std::collections::{BTreeMap, BTreeSet};

use platform_core::{Random, SeededRandom, Sources, SystemClock, TenantId};
use platform_crypto::{PuncturableKey, SegmentId, Slot};
use proptest::prelude::*;

fn sources(seed: u64) -> Sources {
    Sources::new(SystemClock, SeededRandom::new(seed))
}

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

fn all_slots() -> impl Iterator<Item = Slot> {
    (0..PuncturableKey::SLOTS).map(slot)
}

fn segment(number: u32) -> SegmentId {
    SegmentId {
        tenant: TenantId::generate(&sources(u64::from(number))),
        number,
    }
}

#[derive(Debug)]
struct Sevens;

impl Random for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// No more nodes than slots that the punctured ones stand beside: `n · log2(SLOTS / n)`, for a power of two.
fn nodes_max(punctured: usize) -> usize {
    let slots = usize::from(PuncturableKey::SLOTS);
    match punctured {
        0 => 1,
        count => {
            let count = count.next_power_of_two();
            count * usize::try_from((slots / count).ilog2().max(1)).unwrap()
        }
    }
}

#[test]
fn every_slot_has_a_key_of_its_own() {
    let key = PuncturableKey::generate(&sources(1));

    let keys = all_slots().map(|slot| *key.slot_key(slot).unwrap().expose_bytes());
    let different: BTreeSet<[u8; 32]> = keys.collect();

    assert_eq!(different.len(), usize::from(PuncturableKey::SLOTS));
}

#[test]
fn a_key_that_is_punctured_everywhere_is_empty() {
    let mut key = PuncturableKey::generate(&sources(2));

    for slot in all_slots() {
        assert!(key.puncture(slot));
    }

    assert_eq!(key.nodes(), 0);
    assert!(all_slots().all(|slot| key.slot_key(slot).is_none()));
}

#[test]
fn the_worst_choice_of_slots_keeps_a_segment_below_its_bound() {
    let mut key = PuncturableKey::generate(&sources(3));
    let id = segment(0);
    let mut largest = 0;

    for slot in all_slots().filter(|slot| slot.number() % 2 == 0) {
        key.puncture(slot);
        largest = largest.max(key.nodes());
    }

    assert_eq!(key.nodes(), usize::from(PuncturableKey::SLOTS / 2));
    assert!(largest <= usize::from(PuncturableKey::SLOTS / 2));
    assert!(key.encode(id).len() <= 290_000);
}

#[test]
fn a_number_past_the_last_slot_is_none() {
    assert!(Slot::new(PuncturableKey::SLOTS).is_none());
    assert!(Slot::new(PuncturableKey::SLOTS - 1).is_some());
}

/// The slot's key was computed by another program from the description of the tree alone.
#[test]
fn the_keys_of_slots_and_their_written_form_stay_the_same() {
    let id = SegmentId {
        tenant: "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12".parse().unwrap(),
        number: 3,
    };
    let mut key = PuncturableKey::generate(&Sources::new(SystemClock, Sevens));
    key.puncture(slot(5));

    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let written = key.encode(id);

    assert_eq!(written.len(), 28 + 14 * 35 + 32);
    assert_eq!(
        hex(&written[..28]),
        "7063656b010e018f2b6e7c1a7d3e9b1a2f4e6d8c0a1200000003000e"
    );
    assert_eq!(
        hex(key.slot_key(slot(4)).unwrap().expose_bytes()),
        "c4a2ec10e7fbc3d8b1a872a66edb12a59f7b9c9dc95a92897aec659891d1ddf9"
    );
}

#[test]
fn a_segment_is_read_back_for_its_own_tenant_and_number_only() {
    let key = PuncturableKey::generate(&sources(4));
    let (id, other) = (segment(1), segment(2));
    let written = key.encode(id);

    assert!(PuncturableKey::decode(id, &written).is_ok());
    assert!(PuncturableKey::decode(SegmentId { number: 2, ..id }, &written).is_err());
    let elsewhere = SegmentId {
        tenant: other.tenant,
        ..id
    };
    assert!(PuncturableKey::decode(elsewhere, &written).is_err());
}

#[test]
fn a_segment_with_any_bit_flipped_or_cut_off_is_refused() {
    let id = segment(1);
    let mut key = PuncturableKey::generate(&sources(5));
    key.puncture(slot(9));
    let written = key.encode(id);

    for at in 0..written.len() {
        let mut damaged = written.to_vec();
        damaged[at] ^= 1 << (at % 8);
        assert!(PuncturableKey::decode(id, &damaged).is_err(), "byte {at}");
        assert!(PuncturableKey::decode(id, &written[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn nothing_of_a_key_is_shown() {
    let key = PuncturableKey::generate(&sources(6));

    assert_eq!(format!("{key:?}"), "PuncturableKey(1 nodes)");
    assert_eq!(format!("{:?}", key.slot_key(slot(1)).unwrap()), "SlotKey(..)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The naive model: a map of slots to their keys, from which the punctured ones are removed. Of the slots that stay, those around
    /// the punctured ones and some others are compared.
    #[test]
    fn puncturing_takes_away_exactly_the_punctured_slots(
        seed in any::<u64>(),
        punctured in prop::collection::vec(0..PuncturableKey::SLOTS, 0..200),
    ) {
        let mut key = PuncturableKey::generate(&sources(seed));
        let near = punctured.iter().flat_map(|number| [number.saturating_sub(1), *number, number + 1, number ^ 1]);
        let compared: BTreeSet<u16> = near
            .chain((0..PuncturableKey::SLOTS).step_by(331))
            .filter(|number| *number < PuncturableKey::SLOTS)
            .collect();
        let keys_of = |key: &PuncturableKey| -> BTreeMap<u16, [u8; 32]> {
            let found = compared.iter().filter_map(|number| Some((*number, *key.slot_key(slot(*number))?.expose_bytes())));
            found.collect()
        };
        let mut model = keys_of(&key);
        let id = segment(0);

        for number in &punctured {
            prop_assert_eq!(key.puncture(slot(*number)), model.remove(number).is_some());
        }

        let gone = compared.len() - model.len();
        prop_assert!(key.nodes() <= nodes_max(gone), "{} nodes for {gone}", key.nodes());
        prop_assert!(punctured.iter().all(|number| key.is_punctured(slot(*number))));
        prop_assert_eq!(&keys_of(&key), &model);
        let read = PuncturableKey::decode(id, &key.encode(id)).unwrap();
        prop_assert_eq!(read.encode(id), key.encode(id));
        prop_assert_eq!(&keys_of(&read), &model);
    }

    #[test]
    fn what_is_left_after_puncturing_a_run_is_what_stands_beside_it(first in 0..PuncturableKey::SLOTS - 64, count in 1..64_u16) {
        let mut key = PuncturableKey::generate(&sources(1));
        for number in first..first + count {
            key.puncture(slot(number));
        }

        // On each side of the run at most one for each level.
        prop_assert!(key.nodes() <= 2 * 14);
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(PuncturableKey::decode(segment(0), &bytes).is_err());
    }
}
