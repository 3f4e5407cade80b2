//! Events taken out, put in and moved, by somebody with every right on the database.

use platform_audit::{Finding, LeafHash};

use crate::trail::{COUNT, Stored, Trail, altered};

// A4
#[test]
fn deleted_events_are_missing() {
    for (first, last) in [(0, 0), (150, 150), (299, 299), (98, 203), (200, 299), (0, 299)] {
        let mut trail = Trail::new();
        for seq in first..=last {
            (trail.at(seq).entry, trail.at(seq).row) = (None, None);
        }
        let gone = Finding::Missing {
            first: first as u64,
            last: last as u64,
        };
        assert_eq!(trail.findings(), std::slice::from_ref(&gone));
        for seq in first..=last {
            trail.at(seq).leaf = None;
        }
        assert_eq!(trail.findings(), [gone]);
    }
}

// A4
#[test]
fn an_event_deleted_and_the_others_moved_up_is_missing() {
    for deleted in [0, 150, 298] {
        let trail = Trail::new();
        let mut moved = trail.rows_and_leaves();
        moved.remove(deleted);
        let first = deleted as u64;
        let expected = [
            Finding::Missing { first, last: first },
            Finding::Reordered {
                first,
                last: 298,
                belongs_at: first + 1,
            },
        ];
        let mut found = trail.with_rows_and_leaves(moved).findings();
        found.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn an_event_put_in_and_the_others_moved_down_is_inserted() {
    for at in [0, 150, 299] {
        let trail = Trail::new();
        let mut moved = trail.rows_and_leaves();
        moved.insert(
            at,
            Stored {
                tile: None,
                ..Stored::of(9_999)
            },
        );
        let seq = at as u64;
        let expected = [
            Finding::Inserted { seq },
            Finding::Reordered {
                first: seq + 1,
                last: 300,
                belongs_at: seq,
            },
        ];
        assert_eq!(trail.with_rows_and_leaves(moved).findings(), expected);
    }
}

#[test]
fn an_event_put_at_the_end_is_inserted() {
    let mut trail = Trail::new();
    trail.positions.push(Stored {
        tile: None,
        ..Stored::of(9_999)
    });
    assert_eq!(trail.findings(), [Finding::Inserted { seq: 300 }]);
}

#[test]
fn tiles_that_are_gone_are_named() {
    let mut trail = Trail::new();
    for seq in 150..153 {
        trail.at(seq).tile = None;
    }
    let gone = Finding::CopyLost {
        copy: "tile",
        first: 150,
        last: 152,
    };
    assert_eq!(trail.findings(), std::slice::from_ref(&gone));
    trail.at(151).leaf = Some(LeafHash::of(b"other"));
    assert_eq!(trail.findings(), [gone, altered(151, &["leaf"])]);
}

#[test]
fn exchanged_events_are_reordered() {
    for (a, b) in [(0, 299), (10, 20), (150, 151)] {
        let trail = Trail::new();
        let mut moved = trail.rows_and_leaves();
        moved.swap(a, b);
        let (a, b) = (a as u64, b as u64);
        let expected = [
            Finding::Reordered {
                first: a,
                last: a,
                belongs_at: b,
            },
            Finding::Reordered {
                first: b,
                last: b,
                belongs_at: a,
            },
        ];
        assert_eq!(trail.with_rows_and_leaves(moved).findings(), expected);
    }
}

#[test]
fn an_event_in_the_place_of_another_is_found() {
    let trail = Trail::new();
    let mut copied = trail.rows_and_leaves();
    copied[150] = copied[20].clone();
    let found = trail.with_rows_and_leaves(copied).findings();
    assert_eq!(found, [altered(150, &["entry", "leaf"])]);
}

// A4
#[test]
fn a_trail_cut_off_is_truncated_before_and_after_its_heads() {
    for kept in [0, 99, 100, 150, 299] {
        let mut trail = Trail::new();
        trail.positions.truncate(kept);
        let report = trail.verify();
        assert_eq!(
            report.findings,
            [Finding::Truncated {
                from: kept as u64,
                to: COUNT
            }]
        );
        assert_eq!(report.proven.map_or(0, |head| head.size), kept as u64 / 100 * 100);
    }
}
