//! Trails as an export has them, long ones, and broken input.

use platform_audit::{
    CompactRange, FINDINGS_MAX, Finding, HeadRefused, LeafHash, Position, TreeHead, Verifier, WINDOW,
    verify_entries,
};
use platform_core::uuid::Uuid;
use proptest::prelude::*;

fn entries(count: u64) -> Vec<(u64, Vec<u8>)> {
    (0..count).map(|seq| (seq, seq.to_be_bytes().to_vec())).collect()
}

fn heads(count: u64, every: u64) -> Vec<TreeHead> {
    let mut range = CompactRange::new();
    let mut heads = Vec::new();
    for (_, entry) in entries(count) {
        range.append(LeafHash::of(&entry)).unwrap();
        if range.size().is_multiple_of(every) || range.size() == count {
            heads.push(range.head());
        }
    }
    heads
}

fn findings(entries: Vec<(u64, Vec<u8>)>, heads: &[TreeHead]) -> Vec<Finding> {
    verify_entries(entries, heads.iter().copied()).unwrap().findings
}

#[test]
fn an_export_is_proven_by_its_entries_alone() {
    let report = verify_entries(entries(1_000), heads(1_000, 70)).unwrap();
    assert!(report.is_clean());
    assert_eq!(report.proven, heads(1_000, 70).last().copied());
}

#[test]
fn a_changed_line_is_found_between_two_heads() {
    let mut changed = entries(1_000);
    changed[500].1.push(0);
    assert_eq!(
        findings(changed, &heads(1_000, 100)),
        [Finding::RootMismatch {
            after: 500,
            size: 600
        }]
    );
}

#[test]
fn a_line_that_is_gone_is_missing() {
    for gone in [0, 1, 500, 998] {
        let mut cut = entries(1_000);
        cut.remove(gone);
        let found = findings(cut, &heads(1_000, 100));
        let first = gone as u64;
        assert!(
            found.contains(&Finding::Missing { first, last: first }),
            "{found:?}"
        );
    }
    let mut cut = entries(1_000);
    cut.pop();
    assert_eq!(
        findings(cut, &heads(1_000, 100)),
        [Finding::Truncated { from: 999, to: 1_000 }]
    );
    assert_eq!(
        findings(Vec::new(), &heads(10, 10)),
        [Finding::Truncated { from: 0, to: 10 }]
    );
}

#[test]
fn a_line_that_is_there_twice_is_inserted() {
    let mut twice = entries(1_000);
    twice.insert(501, twice[500].clone());
    assert_eq!(
        findings(twice, &heads(1_000, 100)),
        [Finding::Inserted { seq: 500 }]
    );
    let mut early = entries(20);
    early.insert(3, early[10].clone());
    let found = findings(early, &heads(20, 5));
    assert!(found.contains(&Finding::Inserted { seq: 10 }), "{found:?}");
}

#[test]
fn lines_in_another_order_are_named_and_still_proven() {
    let mut swapped = entries(1_000);
    swapped.swap(99, 100);
    let report = verify_entries(swapped, heads(1_000, 100)).unwrap();
    assert_eq!(report.findings, [Finding::OutOfOrder { seq: 99 }]);
    assert_eq!(report.proven.unwrap().size, 1_000);
}

#[test]
fn a_huge_gap_is_one_finding() {
    let mut gapped = entries(10);
    gapped.push((u64::MAX, b"far away".to_vec()));
    let found = findings(gapped, &heads(10, 10));
    assert_eq!(
        found,
        [Finding::Missing {
            first: 10,
            last: u64::MAX - 1
        }]
    );
    let mut gapped = entries(20_000);
    gapped.drain(10..15_000);
    let found = findings(gapped, &heads(20_000, 1));
    assert!(
        found.contains(&Finding::Missing {
            first: 10,
            last: 14_999
        }),
        "{found:?}"
    );
    assert!(
        found.contains(&Finding::RootMismatch { after: 10, size: 11 }),
        "{found:?}"
    );
}

#[test]
fn any_number_of_findings_takes_a_bounded_report() {
    let count = 20_000;
    let mut verifier = Verifier::new();
    let head = heads(count, count)[0];
    verifier.head(head).unwrap();
    for (seq, entry) in entries(count) {
        verifier.position(
            &Position::new(seq)
                .leaf(LeafHash::of(&entry))
                .entry(b"overwritten"),
        );
    }
    let report = verifier.finish();
    assert_eq!(report.findings.len(), FINDINGS_MAX);
    assert_eq!(report.findings.len() as u64 + report.suppressed, count);
    assert_eq!(report.proven, Some(head));
    assert!(!report.is_clean());
}

// A21
#[test]
fn the_end_of_a_trail_is_verified_from_a_trusted_tree() {
    let all = entries(1_000);
    let mut trusted = CompactRange::new();
    trusted
        .extend(all[..900].iter().map(|(_, entry)| LeafHash::of(entry)))
        .unwrap();
    let verify = |tail: &[(u64, Vec<u8>)], heads: &[TreeHead]| {
        let mut verifier = Verifier::resume(trusted.clone());
        for head in heads {
            verifier.head(*head).unwrap();
        }
        for (seq, entry) in tail {
            verifier.position(&Position::new(*seq).entry(entry));
        }
        verifier.finish()
    };
    let heads = heads(1_000, 100);
    let report = verify(&all[900..], &heads[8..]);
    assert!(report.is_clean());
    assert_eq!(report.proven.unwrap().size, 1_000);
    let mut changed = all[900..].to_vec();
    changed[50].1.push(1);
    assert_eq!(
        verify(&changed, &heads[9..]).findings,
        [Finding::RootMismatch {
            after: 900,
            size: 1_000
        }]
    );
}

#[test]
fn an_event_without_a_position_is_named() {
    let mut verifier = Verifier::new();
    verifier.unsequenced(Uuid::from_u128(5));
    assert_eq!(
        verifier.finish().findings,
        [Finding::Unsequenced {
            id: Uuid::from_u128(5)
        }]
    );
}

#[test]
fn a_head_at_the_wrong_time_is_refused_instead_of_overlooked() {
    let heads = heads(10, 1);
    let mut verifier = Verifier::new();
    for (seq, entry) in entries(10) {
        verifier.position(&Position::new(seq).entry(&entry));
    }
    assert_eq!(
        verifier.head(heads[4]),
        Err(HeadRefused::TooLate { size: 5, next: 10 })
    );
    assert_eq!(verifier.head(heads[9]), Ok(()));
    let ahead = |size| TreeHead {
        size,
        root: heads[0].root,
    };
    for size in 0..WINDOW as u64 {
        verifier.head(ahead(100 + size)).unwrap();
    }
    assert_eq!(verifier.head(ahead(50)), Err(HeadRefused::TooManyAhead));
}

proptest! {
    #[test]
    fn one_change_anywhere_is_never_overlooked(
        count in 1..60_u64,
        at in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        kind in 0..5_u8,
        every in 1..20_u64,
    ) {
        let mut tampered = entries(count);
        let (at, to) = (at.index(tampered.len()), to.index(tampered.len()));
        match kind {
            0 => tampered[at].1.push(0),
            1 => { tampered.remove(at); }
            2 => tampered.insert(at, tampered[to].clone()),
            3 => {
                prop_assume!(at != to);
                let moved = tampered[at].1.clone();
                tampered[at].1 = std::mem::replace(&mut tampered[to].1, moved);
            }
            _ => tampered.truncate(at),
        }
        let report = verify_entries(tampered, heads(count, every)).unwrap();
        prop_assert!(!report.is_clean());
    }

    #[test]
    fn no_positions_make_verifying_panic(
        positions in prop::collection::vec((prop_oneof![0..20_u64, any::<u64>()], any::<Option<u8>>(), any::<Option<u8>>()), 0..60),
        heads in prop::collection::vec((prop_oneof![0..20_u64, any::<u64>()], any::<u8>()), 0..10),
    ) {
        let hash = |byte: u8| LeafHash::from_bytes([byte; 32]);
        let mut verifier = Verifier::new();
        let mut heads = heads.into_iter();
        for (at, (seq, tile, leaf)) in positions.into_iter().enumerate() {
            if at % 5 == 0 && let Some((size, root)) = heads.next() {
                let _refused = verifier.head(TreeHead { size, root: hash(root).into() });
            }
            verifier.position(&Position { tile: tile.map(hash), leaf: leaf.map(hash), ..Position::new(seq) });
        }
        let _report = verifier.finish();
    }
}
