//! Events that a producer has attested and that are nowhere, and events that were pruned.

use platform_audit::{
    CanonicalJson, CompactRange, Entry, Finding, LeafHash, Position, ProducerId, Report, ResumePoint,
    StoredRow, TreeHead, Verifier,
};
use platform_core::uuid::Uuid;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::entry;

pub(crate) fn producer(number: u128) -> ProducerId {
    ProducerId::from_stored(Uuid::from_u128(number))
}

/// A trail that is signed at chosen sizes.
#[derive(Default)]
pub(crate) struct Trail {
    entries: Vec<Entry>,
    heads: Vec<usize>,
    /// Positions whose event and bytes are deleted.
    deleted: Vec<usize>,
}

impl Trail {
    pub(crate) fn event(&mut self, by: u128, counter: u64) -> &mut Self {
        let mut event = entry(self.entries.len() as u64);
        (event.producer, event.counter) = (Some(producer(by)), Some(counter));
        self.entries.push(event);
        self
    }

    pub(crate) fn events(&mut self, by: u128, counters: impl IntoIterator<Item = u64>) -> &mut Self {
        for counter in counters {
            self.event(by, counter);
        }
        self
    }

    pub(crate) fn told(&mut self, action: &str, detail: &Value) -> &mut Self {
        // By a producer of its own, whose numbers nobody attests.
        let counter = self.entries.len() as u64;
        self.event(99, counter);
        let event = self.entries.last_mut().unwrap();
        action.clone_into(&mut event.action);
        event.detail = Some(CanonicalJson::from_value(detail).unwrap());
        self
    }

    /// Takes the seal off the last event.
    pub(crate) fn unsealed(&mut self) -> &mut Self {
        self.entries.last_mut().unwrap().seal = None;
        self
    }

    pub(crate) fn attested(
        &mut self,
        by: u128,
        from: u64,
        through: u64,
        absent: &[(u64, u64)],
        unknown: &[(u64, u64)],
    ) -> &mut Self {
        let detail = json!({
            "producer": producer(by).to_string(), "from": from, "through": through, "absent": absent, "unknown": unknown,
        });
        self.told("audit.attest", &detail)
    }

    fn pruned(&mut self, detail: &Value) -> &mut Self {
        self.told("audit.prune", detail)
    }

    pub(crate) fn signed(&mut self) -> &mut Self {
        self.heads.push(self.entries.len());
        self
    }

    pub(crate) fn delete(&mut self, seqs: impl IntoIterator<Item = usize>) -> &mut Self {
        self.deleted.extend(seqs);
        self
    }

    fn leaf(&self, seq: usize) -> LeafHash {
        LeafHash::of(&self.entries[seq].to_bytes().unwrap())
    }

    fn head(&self, size: usize) -> TreeHead {
        let mut range = CompactRange::new();
        range.extend((0..size).map(|seq| self.leaf(seq))).unwrap();
        range.head()
    }

    fn verify_with(&self, mut verifier: Verifier, from: usize, rows: bool) -> Report {
        for size in self.heads.iter().filter(|size| **size > from) {
            verifier.head(self.head(*size)).unwrap();
        }
        for (seq, entry) in self.entries.iter().enumerate().skip(from) {
            let bytes = entry.to_bytes().unwrap();
            let row = StoredRow::of(entry.clone());
            let position = Position::new(seq as u64);
            let position = match (self.deleted.contains(&seq), rows) {
                (true, true) => position.tile(LeafHash::of(&bytes)).leaf(LeafHash::of(&bytes)),
                (true, false) => position.leaf(LeafHash::of(&bytes)),
                (false, true) => {
                    let leaf = LeafHash::of(&bytes);
                    verifier.position(&position.tile(leaf).leaf(leaf).entry(&bytes).row(&row));
                    continue;
                }
                (false, false) => {
                    verifier.position(&position.entry(&bytes));
                    continue;
                }
            };
            verifier.position(&position);
        }
        verifier.finish()
    }

    /// From all stored copies and from entries alone, which must not differ.
    pub(crate) fn verify(&self) -> Report {
        let stored = self.verify_with(Verifier::new().every_copy(), 0, true);
        let entries = self.verify_with(Verifier::new().with_accounts(), 0, false);
        assert_eq!(stored, entries);
        stored
    }

    pub(crate) fn gaps(&self) -> Vec<(u128, u64, u64)> {
        let gap = |finding: &Finding| match finding {
            Finding::ProducerGap {
                producer,
                first,
                last,
            } => Some((producer.as_uuid().as_u128(), *first, *last)),
            _ => None,
        };
        self.verify().findings.iter().filter_map(gap).collect()
    }
}

#[test]
fn an_attested_event_that_is_nowhere_is_a_gap() {
    let mut trail = Trail::default();
    trail
        .events(1, [0, 1, 3, 4, 8])
        .events(2, [0])
        .attested(1, 0, 9, &[], &[])
        .signed();

    assert_eq!(trail.gaps(), [(1, 2, 2), (1, 5, 7), (1, 9, 9)]);
}

#[test]
fn numbers_that_were_not_committed_are_no_gap_and_those_of_unknown_fate_are_counted() {
    let mut trail = Trail::default();
    trail
        .events(1, [0, 3, 6])
        .attested(1, 0, 7, &[(1, 2), (7, 7)], &[(4, 6)])
        .signed();

    let report = trail.verify();

    assert_eq!(report.findings, []);
    // 4 and 5: of 6 there is an event. And the numbers of the producer that attests, below its own.
    assert_eq!(report.unattested, 2 + 3);
}

#[test]
fn an_event_that_its_producer_says_was_rolled_back_contradicts_it_whenever_it_comes() {
    let contradicted = |number| Finding::ProducerContradicted {
        producer: producer(1),
        first: number,
        last: number,
    };
    let mut trail = Trail::default();
    trail
        .events(1, [0, 2])
        .attested(1, 0, 3, &[(1, 1), (3, 3)], &[])
        .signed();
    assert_eq!(trail.verify().findings, []);

    trail.events(1, [3]).signed();
    assert_eq!(trail.verify().findings, [contradicted(3)]);

    let mut together = Trail::default();
    together
        .events(1, [0, 1, 2])
        .attested(1, 0, 2, &[(1, 1)], &[])
        .signed();
    assert_eq!(together.verify().findings, [contradicted(1)]);
}

#[test]
fn holes_that_nobody_attests_are_counted() {
    let mut trail = Trail::default();
    trail.events(1, [0, 1, 5, 9]).signed();

    let report = trail.verify();

    assert!(report.is_clean());
    assert_eq!(report.unattested, 6);
}

#[test]
fn an_event_may_come_after_it_was_attested() {
    let mut trail = Trail::default();
    trail.events(1, [0, 2]).attested(1, 0, 3, &[], &[]).signed();
    assert_eq!(trail.gaps(), [(1, 1, 1), (1, 3, 3)]);
    trail.event(1, 3).signed();
    assert_eq!(trail.gaps(), [(1, 1, 1)]);
    // Behind the last head, but there.
    trail.event(1, 1);
    assert_eq!(trail.gaps(), []);
}

#[test]
fn what_is_not_proven_attests_nothing() {
    let mut trail = Trail::default();
    trail.events(1, [0]).signed().attested(1, 0, 3, &[], &[]);
    assert_eq!(trail.gaps(), []);
    trail.signed();
    assert_eq!(trail.gaps(), [(1, 1, 3)]);
}

#[test]
fn an_altered_attestation_is_not_believed_and_its_signed_bytes_are() {
    let mut trail = Trail::default();
    trail.events(1, [0]).attested(1, 0, 1, &[], &[]).signed();
    let signed = trail.entries[1].to_bytes().unwrap();
    let leaf = LeafHash::of(&signed);
    let mut forged = trail.entries[1].clone();
    forged.detail = None;
    let forged = StoredRow::of(forged);
    let verify = |entry: Option<&[u8]>| {
        let mut verifier = Verifier::new().with_accounts();
        verifier.head(trail.head(2)).unwrap();
        verifier.position(&Position::new(0).entry(&trail.entries[0].to_bytes().unwrap()));
        let position = Position {
            entry,
            ..Position::new(1).leaf(leaf).row(&forged)
        };
        verifier.position(&position);
        verifier.finish().findings
    };
    let altered = |columns: &[&'static str]| Finding::Altered {
        seq: 1,
        columns: columns.to_vec(),
    };
    let gap = Finding::ProducerGap {
        producer: producer(1),
        first: 1,
        last: 1,
    };

    assert_eq!(verify(Some(&signed)), [altered(&["detail"]), gap]);
    assert_eq!(verify(None), [altered(&[])]);
}

#[test]
fn a_malformed_attestation_attests_nothing() {
    for detail in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "producer": "x", "from": 0, "through": 3, "absent": [], "unknown": [] }),
        json!({ "producer": producer(1).to_string(), "from": "0", "through": 3 }),
        json!({ "producer": producer(1).to_string(), "from": 0, "through": 3, "absent": [[2, 1]] }),
        json!({ "producer": producer(1).to_string(), "from": 0, "through": 3, "absent": [[1, 2, 3]] }),
        json!({ "producer": producer(1).to_string(), "from": 0, "through": -3 }),
        json!({ "producer": producer(1).to_string(), "from": 3, "through": 0 }),
    ] {
        let mut trail = Trail::default();
        trail.event(1, 0).told("audit.attest", &detail).signed();
        assert_eq!(trail.gaps(), [], "{detail}");
    }
}

// A16
#[test]
fn pruned_positions_are_no_findings_and_others_are() {
    let mut trail = Trail::default();
    trail
        .events(1, 0..20)
        .signed()
        .pruned(&json!({ "class": "operational", "ranges": [[0, 4], [7, 7], [10, 12]] }))
        .signed();
    trail.delete([0, 1, 2, 3, 4, 7, 10, 11, 12]);
    let report = trail.verify();
    assert_eq!(report.findings, []);
    assert_eq!((report.pruned, report.events), (9, 12));
    assert_eq!(report.proven, Some(trail.head(21)));

    trail.delete([5, 13]);
    let missing = |seq| Finding::Missing {
        first: seq,
        last: seq,
    };
    assert_eq!(trail.verify().findings, [missing(5), missing(13)]);
}

// A16
#[test]
fn a_prune_event_that_is_not_proven_or_names_later_positions_excuses_nothing() {
    let mut trail = Trail::default();
    trail
        .events(1, 0..5)
        .signed()
        .pruned(&json!({ "class": "a", "ranges": [[0, 9]] }));
    trail.events(1, 5..9).delete([2, 7]);
    let missing = |seq| Finding::Missing {
        first: seq,
        last: seq,
    };
    assert_eq!(trail.verify().findings, [missing(2), missing(7)]);
    trail.signed();
    assert_eq!(trail.verify().findings, [missing(7)]);
}

#[test]
fn what_is_kept_after_all_is_not_pruned() {
    let mut trail = Trail::default();
    trail
        .events(1, 0..10)
        .pruned(&json!({ "class": "a", "ranges": [[0, 9]] }))
        .signed();
    trail
        .pruned(&json!({ "class": "a", "ranges": [], "kept": [[3, 5]] }))
        .signed();
    trail.delete([0, 4, 9]);
    assert_eq!(trail.verify().findings, [Finding::Missing { first: 4, last: 4 }]);
    trail
        .pruned(&json!({ "class": "a", "ranges": [[4, 4]] }))
        .signed();
    assert!(trail.verify().is_clean());
}

#[test]
fn the_numbers_of_pruned_events_are_no_gap() {
    let mut trail = Trail::default();
    trail.events(1, 0..10).attested(1, 0, 9, &[], &[]).signed();
    trail
        .pruned(
            &json!({ "class": "a", "ranges": [[2, 5]], "counters": { producer(1).to_string(): [[2, 4]] } }),
        )
        .signed();
    trail.delete([2, 3, 4, 5]);
    // The last number is one that the prune event does not name.
    assert_eq!(trail.gaps(), [(1, 5, 5)]);
}

// A21
#[test]
fn a_verification_that_goes_on_finds_what_one_from_the_beginning_finds() {
    let mut trail = Trail::default();
    trail
        .events(1, [0, 1, 4])
        .attested(1, 0, 3, &[(3, 3)], &[])
        .signed();
    trail
        .events(1, [5, 8])
        .events(2, [1])
        .attested(1, 4, 6, &[], &[])
        .signed()
        .event(1, 2)
        .signed();
    let before = Trail {
        entries: trail.entries[..4].to_vec(),
        heads: vec![4],
        deleted: Vec::new(),
    };
    let point = before.verify().resume.unwrap();
    let point: ResumePoint = point.to_string().parse().unwrap();
    assert_eq!(point.head(), trail.head(4));

    let whole = trail.verify();
    let resumed = trail.verify_with(Verifier::resume(point).every_copy(), 4, true);

    assert_eq!(resumed.findings, whole.findings);
    assert_eq!(
        whole.findings,
        [Finding::ProducerGap {
            producer: producer(1),
            first: 6,
            last: 6
        }]
    );
    assert_eq!(
        (resumed.unattested, resumed.proven),
        (whole.unattested, whole.proven)
    );
    assert_eq!(resumed.resume, whole.resume);
    // From the tree alone nobody can say what is lacking.
    let bare = trail.verify_with(
        Verifier::resume(before.verify().resume.unwrap().range().clone()),
        4,
        true,
    );
    assert!(bare.is_clean());
    assert_eq!(bare.unattested, 0);
}

#[test]
fn a_point_to_go_on_from_has_one_text() {
    let mut trail = Trail::default();
    trail
        .events(1, [0, 2])
        .attested(1, 0, 5, &[(1, 1)], &[(4, 4)])
        .signed();
    let point = trail.verify().resume.unwrap();
    let text = point.to_string();
    assert_eq!(text.parse(), Ok(point.clone()));
    let bare = ResumePoint::from(point.range().clone());
    assert_eq!(bare.to_string().parse(), Ok(bare));

    let lines: Vec<&str> = text.lines().collect();
    for line in 0..lines.len() {
        let mut cut = lines.clone();
        cut.remove(line);
        assert!(
            format!("{}\n", cut.join("\n")).parse::<ResumePoint>().is_err(),
            "{line}"
        );
    }
    for other in [
        text.replace("@v1", "@v2"),
        text.replace("0-5", "0-5,6-6"),
        text.replace("0-5", "00-5"),
        text.replace(" 3-3", " 3"),
        text.trim_end().to_owned(),
        format!("{text}\n"),
        text.replace("producers 2", "producers 3"),
        String::new(),
    ] {
        assert_ne!(other, text);
        assert!(other.parse::<ResumePoint>().is_err(), "{other}");
    }
}

proptest! {
    /// However events, attestations and heads are mixed: the gaps are the numbers attested as committed, in a proven event, of which
    /// there is no event.
    #[test]
    fn gaps_are_what_was_attested_and_is_not_there(
        steps in prop::collection::vec((0..3_u8, 1..3_u128, 0..12_u64, 0..5_u64), 0..40),
        split in any::<prop::sample::Index>(),
    ) {
        use std::collections::BTreeSet;
        let mut trail = Trail::default();
        let (mut here, mut attested, mut absent, mut proven) = (BTreeSet::new(), Vec::new(), Vec::new(), 0);
        for (kind, by, counter, more) in steps {
            match kind {
                0 => { trail.event(by, counter); here.insert((by, counter)); }
                1 => {
                    let without = (counter + 1).min(counter + more);
                    trail.attested(by, counter, counter + more, &[(without, without)], &[]);
                    let at = trail.entries.len();
                    absent.push(((by, without), at));
                    attested.extend((counter..=counter + more).map(|number| ((by, number), at)));
                }
                _ => { trail.signed(); proven = trail.entries.len(); }
            }
        }
        // What one attestation calls absent no other makes a gap.
        let absent: BTreeSet<_> = absent.iter().filter(|(_, at)| *at <= proven).map(|(number, _)| *number).collect();
        let owed = attested.iter().filter(|(number, at)| *at <= proven && !here.contains(number) && !absent.contains(number));
        let owed: BTreeSet<_> = owed.map(|(number, _)| *number).collect();
        let found: BTreeSet<_> = trail.gaps().into_iter().flat_map(|(by, first, last)| (first..=last).map(move |n| (by, n))).collect();
        prop_assert_eq!(found, owed);

        // Going on from any proven point finds the same.
        let heads: Vec<usize> = trail.heads.iter().copied().filter(|size| *size > 0).collect();
        if !heads.is_empty() {
            let size = heads[split.index(heads.len())];
            let before = Trail { entries: trail.entries[..size].to_vec(), heads: vec![size], deleted: Vec::new() };
            let point = before.verify().resume.unwrap();
            let resumed = trail.verify_with(Verifier::resume(point).every_copy(), size, true);
            prop_assert_eq!(resumed.findings, trail.verify().findings);
        }
    }
}
