//! What somebody with every right on the database can do to events, and what the verifier says of it.

use platform_audit::{CompactRange, Finding, LeafHash, Position, TreeHead, Verifier};

use crate::entries::changes;
use crate::trail::{COUNT, Stored, Trail, altered};

#[test]
fn an_untouched_trail_is_proven_up_to_its_last_head() {
    let report = Trail::new().verify();
    assert!(report.is_clean());
    assert_eq!(report.proven, Trail::new().heads.last().copied());
    assert_eq!(report.size, COUNT);
}

// A3
#[test]
fn every_changed_column_is_named() {
    for seq in [0, 150, 299] {
        for (column, change) in changes() {
            let mut trail = Trail::new();
            change(&mut trail.at(seq).row.as_mut().unwrap().entry);
            assert_eq!(trail.findings(), [altered(seq as u64, &[column])], "{column}");
            assert_eq!(trail.verify().proven, trail.heads.last().copied());
        }
        let mut trail = Trail::new();
        trail.at(seq).row.as_mut().unwrap().target_kind = None;
        trail.at(seq).row.as_mut().unwrap().target_id = Some("other".into());
        assert_eq!(
            trail.findings(),
            [altered(seq as u64, &["target_kind", "target_id"])]
        );
    }
}

// A3
#[test]
fn every_changed_copy_is_named() {
    let other = LeafHash::of(b"other");
    let mut trail = Trail::new();
    trail.at(7).entry = Some(b"other".to_vec());
    trail.at(107).leaf = Some(other);
    trail.at(207).tile = Some(other);
    let named = [
        altered(7, &["entry"]),
        altered(107, &["leaf"]),
        altered(207, &["tile"]),
    ];
    assert_eq!(trail.findings(), named);
    assert_eq!(trail.verify().proven, trail.heads.last().copied());
}

// A4
#[test]
fn a_changed_event_with_all_its_hashes_but_one_is_found() {
    for kept in ["tile", "leaf"] {
        let mut trail = Trail::new();
        let (tile, leaf) = (trail.at(150).tile, trail.at(150).leaf);
        *trail.at(150) = Stored::of(9_999);
        if kept == "tile" {
            trail.at(150).tile = tile;
            assert_eq!(trail.findings(), [altered(150, &["entry", "leaf"])]);
        } else {
            trail.at(150).leaf = leaf;
            assert_eq!(trail.findings(), [altered(150, &["entry", "tile"])]);
        }
    }
}

// A12
#[test]
fn a_trail_rewritten_with_all_its_hashes_does_not_fit_the_signed_heads() {
    for (seq, after, size) in [
        (0, 0, 100),
        (99, 0, 100),
        (100, 100, 200),
        (150, 100, 200),
        (299, 200, 300),
    ] {
        let mut trail = Trail::new();
        *trail.at(seq) = Stored::of(9_999);
        let report = trail.verify();
        assert_eq!(report.findings, [Finding::RootMismatch { after, size }]);
        assert_eq!(report.proven.map_or(0, |head| head.size), after);
    }
}

#[test]
fn what_is_behind_the_last_head_is_not_said_to_be_proven() {
    let mut trail = Trail::new();
    trail.heads.pop();
    let report = trail.verify();
    assert!(report.is_clean());
    assert_eq!(report.proven.unwrap().size, 200);
    assert_eq!(report.size, COUNT);
    trail.heads.clear();
    assert_eq!(trail.verify().proven, None);
}

// A10, A12
#[test]
fn a_signed_head_of_another_past_is_a_fork() {
    let mut foreign = CompactRange::new();
    foreign
        .extend((0..150_u64).map(|n| LeafHash::of(&n.to_be_bytes())))
        .unwrap();
    let mut trail = Trail::new();
    trail.heads.push(foreign.head());
    assert_eq!(trail.findings(), [Finding::Forked { size: 150 }]);
    let same_size = TreeHead {
        size: 200,
        root: foreign.root(),
    };
    for first in [true, false] {
        let mut trail = Trail::new();
        trail.heads.insert(if first { 1 } else { 2 }, same_size);
        assert_eq!(trail.findings(), [Finding::Forked { size: 200 }]);
    }
}

#[test]
fn findings_in_one_part_do_not_hide_those_in_another() {
    let mut trail = Trail::new();
    trail.at(5).row.as_mut().unwrap().entry.xid += 1;
    *trail.at(150) = Stored {
        tile: trail.at(150).tile,
        ..Stored::of(9_999)
    };
    (trail.at(160).entry, trail.at(160).row) = (None, None);
    trail.at(250).leaf = Some(LeafHash::of(b"other"));
    let expected = [
        altered(5, &["xid"]),
        altered(150, &["entry", "leaf"]),
        Finding::Missing {
            first: 160,
            last: 160,
        },
        altered(250, &["leaf"]),
    ];
    assert_eq!(trail.findings(), expected);
}

// A16
#[test]
fn pruned_events_are_not_missing_while_their_hashes_stand() {
    let mut trail = Trail::new();
    for seq in 0..120 {
        (trail.at(seq).entry, trail.at(seq).row) = (None, None);
    }
    let verify = |trail: &Trail, below| {
        let mut verifier = Verifier::new().pruned_below(below);
        for head in &trail.heads {
            verifier.head(*head).unwrap();
        }
        for (seq, stored) in (0..).zip(&trail.positions) {
            let position = Position {
                entry: stored.entry.as_deref(),
                ..Position::new(seq).leaf(stored.leaf.unwrap())
            };
            verifier.position(&position);
        }
        verifier.finish()
    };
    assert!(verify(&trail, 120).is_clean());
    assert_eq!(
        verify(&trail, 119).findings,
        [Finding::Missing {
            first: 119,
            last: 119
        }]
    );
    trail.at(50).leaf = Some(LeafHash::of(b"other"));
    assert_eq!(
        verify(&trail, 120).findings,
        [Finding::RootMismatch { after: 0, size: 100 }]
    );
}

#[test]
fn a_row_with_values_no_event_can_have_is_altered() {
    let mut trail = Trail::new();
    trail.at(3).row.as_mut().unwrap().entry.reason = Some("a".repeat(70_000));
    assert_eq!(trail.findings(), [altered(3, &["reason"])]);
}
