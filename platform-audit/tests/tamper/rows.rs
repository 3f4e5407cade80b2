//! Rows of the events and of what is stored for each: deleted, added, exchanged, doubled, cut off.

use platform_audit::Finding;
use platform_core::uuid::Uuid;

use crate::support::{Lawless, Trail, altered};

/// Stretches before, over and behind the last checkpoint, which is at 8 of 12.
const STRETCHES: [(usize, usize); 9] = [
    (0, 0),
    (2, 5),
    (7, 7),
    (8, 8),
    (11, 11),
    (6, 9),
    (6, 11),
    (10, 11),
    (0, 11),
];

async fn trail(lawless: &Lawless) -> Trail {
    lawless.trail(&[4, 8, 12], &[12]).await
}

/// Deletes rows of a table by the ids of these positions.
async fn delete(lawless: &Lawless, trail: &Trail, table: &str, (first, last): (usize, usize)) {
    let ids: Vec<String> = trail.ids[first..=last]
        .iter()
        .map(|id| format!("'{id}'"))
        .collect();
    let ids = ids.join(", ");
    let statement = format!("delete from platform_audit.{table} where tenant_id = $1 and id in ({ids})");
    assert_eq!(
        lawless.run(trail.tenant, &statement).await,
        (last - first + 1) as u64
    );
}

fn lost(copy: &'static str, (first, last): (usize, usize)) -> Finding {
    Finding::CopyLost {
        copy,
        first: first as u64,
        last: last as u64,
    }
}

fn missing((first, last): (usize, usize)) -> Finding {
    Finding::Missing {
        first: first as u64,
        last: last as u64,
    }
}

fn reordered(seq: u64, belongs_at: u64) -> Finding {
    Finding::Reordered {
        first: seq,
        last: seq,
        belongs_at,
    }
}

// A4
#[tokio::test]
async fn deleted_events_are_missing_with_and_without_their_bytes_and_leaves() {
    let lawless = Lawless::new().await;
    for stretch in STRETCHES {
        let trail = trail(&lawless).await;
        delete(&lawless, &trail, "event", stretch).await;
        assert_eq!(lawless.findings(&trail).await, [missing(stretch)], "{stretch:?}");
        delete(&lawless, &trail, "entry", stretch).await;
        assert_eq!(lawless.findings(&trail).await, [missing(stretch)], "{stretch:?}");
        delete(&lawless, &trail, "leaf", stretch).await;
        assert_eq!(lawless.findings(&trail).await, [missing(stretch)], "{stretch:?}");
    }
}

// A4
#[tokio::test]
async fn a_copy_that_is_deleted_is_named_with_its_positions() {
    let lawless = Lawless::new().await;
    for stretch in STRETCHES {
        for copy in ["entry", "leaf"] {
            let trail = trail(&lawless).await;
            delete(&lawless, &trail, copy, stretch).await;
            let report = lawless.verify(&trail).await;
            assert_eq!(report.findings, [lost(copy, stretch)]);
            assert_eq!(report.proven, trail.heads.last().copied());
        }
        let trail = trail(&lawless).await;
        delete(&lawless, &trail, "entry", stretch).await;
        delete(&lawless, &trail, "leaf", stretch).await;
        let found = lawless.findings(&trail).await;
        assert!(found.contains(&lost("leaf", stretch)), "{found:?}");
    }
}

#[tokio::test]
async fn a_changed_copy_is_named() {
    let lawless = Lawless::new().await;
    for seq in [0, 7, 8, 11] {
        for (copy, change) in [
            ("entry", "update platform_audit.entry set bytes = bytes || ' '"),
            ("entry", "update platform_audit.entry set bytes = ''"),
            (
                "entry",
                "update platform_audit.entry set bytes = decode(repeat('00', 70000), 'hex')",
            ),
            ("leaf", "update platform_audit.leaf set leaf = sha256('x')"),
            ("leaf", "update platform_audit.leaf set leaf = '\\x00'"),
        ] {
            let trail = trail(&lawless).await;
            let statement = format!("{change} where tenant_id = $1 and id = '{}'", trail.ids[seq]);
            assert_eq!(lawless.run(trail.tenant, &statement).await, 1);
            assert_eq!(
                lawless.findings(&trail).await,
                [altered(seq as u64, &[copy])],
                "{change}"
            );
        }
    }
}

// A4
#[tokio::test]
async fn an_altered_event_is_named_whatever_else_of_it_is_gone_or_altered() {
    let lawless = Lawless::new().await;
    let alter = |id: Uuid| {
        format!("update platform_audit.event set outcome = 'success' where tenant_id = $1 and id = '{id}'")
    };
    for seq in [2, 11] {
        let trail = trail(&lawless).await;
        lawless.run(trail.tenant, &alter(trail.ids[seq])).await;
        delete(&lawless, &trail, "leaf", (seq, seq)).await;
        let seq = seq as u64;
        assert_eq!(
            lawless.findings(&trail).await,
            [
                altered(seq, &["outcome"]),
                lost("leaf", (seq as usize, seq as usize))
            ]
        );
    }
    for seq in [2, 11] {
        let trail = trail(&lawless).await;
        lawless.run(trail.tenant, &alter(trail.ids[seq])).await;
        delete(&lawless, &trail, "entry", (seq, seq)).await;
        // Without the bytes nobody can say which column.
        assert_eq!(
            lawless.findings(&trail).await,
            [altered(seq as u64, &[]), lost("entry", (seq, seq))]
        );
    }
}

#[tokio::test]
async fn added_rows_are_found() {
    let lawless = Lawless::new().await;
    let copy_event = "insert into platform_audit.event select (e).* from (
         select jsonb_populate_record(e, jsonb_build_object('id', $2)) as e from platform_audit.event e where tenant_id = $1 limit 1) e";
    let added = Uuid::from_u128(0x018f_2b6e_7c1a_7d3e_9b1a_2f4e_6d8c_0a12);

    let trail = trail(&lawless).await;
    let add = |statement: &'static str| {
        let (superuser, tenant) = (lawless.superuser.clone(), trail.tenant);
        async move {
            sqlx::query(statement)
                .bind(tenant)
                .bind(added)
                .execute(&superuser)
                .await
                .unwrap()
                .rows_affected()
        }
    };
    assert_eq!(add(copy_event).await, 1);
    assert_eq!(
        lawless.findings(&trail).await,
        [Finding::Unsequenced { id: added }]
    );
    add("insert into platform_audit.entry (tenant_id, id, bytes) values ($1, $2, 'x')").await;
    assert_eq!(
        lawless.findings(&trail).await,
        [Finding::Unsequenced { id: added }]
    );
    // A position below the first, or behind the last.
    add("insert into platform_audit.leaf (tenant_id, seq, id, leaf) values ($1, -1, $2, sha256('x'))").await;
    assert_eq!(
        lawless.findings(&trail).await,
        [Finding::Unsequenced { id: added }]
    );
    add("update platform_audit.leaf set seq = 12 where tenant_id = $1 and id = $2").await;
    assert_eq!(lawless.findings(&trail).await, [Finding::Inserted { seq: 12 }]);
    add("update platform_audit.leaf set seq = 5 where tenant_id = $1 and id = $2").await;
    assert_eq!(lawless.findings(&trail).await, [Finding::Inserted { seq: 5 }]);
    add("update platform_audit.leaf set seq = 9000000000000 where tenant_id = $1 and id = $2").await;
    let found = lawless.findings(&trail).await;
    assert!(
        found.contains(&Finding::Missing {
            first: 12,
            last: 8_999_999_999_999
        }),
        "{found:?}"
    );
    add("delete from platform_audit.leaf where tenant_id = $1 and id = $2").await;
    add("delete from platform_audit.event where tenant_id = $1 and id = $2").await;
    assert_eq!(
        lawless.findings(&trail).await,
        [Finding::EntryWithoutEvent { id: added }]
    );
    add("delete from platform_audit.entry where tenant_id = $1 and id = $2").await;
    add("insert into platform_audit.leaf (tenant_id, seq, id, leaf) values ($1, 12, $2, sha256('x'))").await;
    assert_eq!(lawless.findings(&trail).await, [Finding::Inserted { seq: 12 }]);
    add("delete from platform_audit.leaf where tenant_id = $1 and id = $2").await;
    add("insert into platform_audit.pending (tenant_id, id) values ($1, $2)").await;
    let report = lawless.verify(&trail).await;
    assert_eq!(report.findings, [Finding::PendingWithoutEvent { id: added }]);
    assert_eq!(report.pending, 1);
}

#[tokio::test]
async fn what_was_kept_out_of_the_tree_is_reported_with_the_reason() {
    let lawless = Lawless::new().await;
    let trail = trail(&lawless).await;
    let id = trail.ids[3];
    let other = Uuid::from_u128(7);
    for (id, reason) in [(id, "sequenced_already"), (other, "event_missing")] {
        sqlx::query("insert into platform_audit.rejected (tenant_id, id, reason) values ($1, $2, $3)")
            .bind(trail.tenant)
            .bind(id)
            .bind(reason)
            .execute(&lawless.superuser)
            .await
            .unwrap();
    }
    let rejected = |id, reason: &str| Finding::Rejected {
        id,
        reason: reason.into(),
    };
    let mut expected = [
        rejected(id, "sequenced_already"),
        rejected(other, "event_missing"),
    ];
    expected.sort();
    assert_eq!(lawless.findings(&trail).await, expected);
}

#[tokio::test]
async fn rows_that_stand_twice_are_found_at_their_position() {
    let lawless = Lawless::new().await;
    for seq in [0, 5, 7, 8, 11] {
        for table in ["event", "entry", "leaf"] {
            let trail = trail(&lawless).await;
            let statement = format!(
                "insert into platform_audit.{table} select * from platform_audit.{table} where tenant_id = $1 and id = '{}'",
                trail.ids[seq]
            );
            assert_eq!(lawless.run(trail.tenant, &statement).await, 1);
            let seq = seq as u64;
            assert_eq!(
                lawless.findings(&trail).await,
                [Finding::Inserted { seq }],
                "{table}"
            );
        }
    }
}

/// Exchanges a column of two rows.
fn exchange(table: &str, column: &str, [a, b]: [Uuid; 2]) -> String {
    format!(
        "update platform_audit.{table} t set {column} = o.{column} from platform_audit.{table} o
         where t.tenant_id = $1 and o.tenant_id = $1
           and ((t.id = '{a}' and o.id = '{b}') or (t.id = '{b}' and o.id = '{a}'))"
    )
}

#[tokio::test]
async fn exchanged_rows_are_found_at_both_places() {
    let lawless = Lawless::new().await;
    for (a, b) in [(2, 6), (0, 11), (9, 10), (7, 8)] {
        let exchanged = |table: &'static str, column: &'static str| {
            let lawless = &lawless;
            async move {
                let trail = trail(lawless).await;
                let statement = exchange(table, column, [trail.ids[a], trail.ids[b]]);
                assert_eq!(lawless.run(trail.tenant, &statement).await, 2);
                lawless.findings(&trail).await
            }
        };
        let (first, second) = (a as u64, b as u64);
        let both = |column| [altered(first, &[column]), altered(second, &[column])];

        assert_eq!(exchanged("entry", "bytes").await, both("entry"));
        assert_eq!(exchanged("leaf", "leaf").await, both("leaf"));
        // With the number the event moves.
        assert_eq!(
            exchanged("leaf", "seq").await,
            [reordered(first, second), reordered(second, first)]
        );
        assert_eq!(
            exchanged("leaf", "id").await,
            [reordered(first, second), reordered(second, first)]
        );
        let found = exchanged("event", "id").await;
        let [
            Finding::Altered { seq: one, columns },
            Finding::Altered {
                seq: two,
                columns: same,
            },
        ] = &found[..]
        else {
            panic!("{found:?}");
        };
        assert_eq!((*one, *two, columns), (first, second, same));
        assert!(
            columns.contains(&"counter") && columns.contains(&"detail") && !columns.contains(&"id"),
            "{columns:?}"
        );
    }
}

#[tokio::test]
async fn a_leaf_that_names_another_event_is_altered() {
    let lawless = Lawless::new().await;
    for seq in [0, 7, 11] {
        let trail = trail(&lawless).await;
        let statement = format!(
            "update platform_audit.leaf set id = gen_random_uuid() where tenant_id = $1 and seq = {seq}"
        );
        assert_eq!(lawless.run(trail.tenant, &statement).await, 1);
        assert_eq!(lawless.findings(&trail).await, [altered(seq, &["leaf"])]);
    }
}

#[tokio::test]
async fn an_attestation_that_is_in_the_tree_is_left_to_the_verification() {
    let live = crate::live::Live::new().await;
    live.recorded(2).await;
    live.attest().await;
    assert_eq!(
        (
            live.work().await.missing,
            live.audit.counts().attestations_missing
        ),
        (0, 0)
    );
    live.tamper("delete from platform_audit.event where action = 'audit.attest'")
        .await;

    assert_eq!(live.work().await.missing, 0);

    assert!(!live.findings().await.is_empty());
    // One that has no place yet.
    live.record(1).await;
    assert_eq!(live.work().await.attested, 1);
    live.tamper("delete from platform_audit.event where action = 'audit.attest'")
        .await;
    live.sequence().await;
    assert_eq!(live.work().await.missing, 1);
}
