//! Tiles, the head of the tree, and checkpoints.

use std::time::Duration;

use platform_audit::{Checkpoint, Finding, NodeHash, NoteSigner, TreeHead, VerifyOptions, verify_stored};
use platform_core::Sources;

use crate::support::{Lawless, Trail, altered};

fn tiles(level: u8, first: u64, last: u64) -> Finding {
    Finding::TilesAltered { level, first, last }
}

fn lost_tiles(first: u64, last: u64) -> Finding {
    Finding::CopyLost {
        copy: "tile",
        first,
        last,
    }
}

/// 600 events: two full tiles and a partial one, and above them one with two hashes. Signed up to 550.
async fn large(lawless: &Lawless) -> Trail {
    lawless.trail(&[300, 550, 600], &[600]).await
}

// A4
#[tokio::test]
async fn every_change_of_tiles_is_found_where_it_is() {
    let lawless = Lawless::new().await;
    let level_1 = "level = 1 and idx = 0";
    let each = |first: u64, last: u64, columns: &'static [&'static str]| -> Vec<Finding> {
        (first..=last).map(|seq| altered(seq, columns)).collect()
    };
    let cells: [(&str, String, Vec<Finding>); 17] = [
        ("delete the first", "delete from platform_audit.tile where tenant_id = $1 and level = 0 and idx = 0".into(), vec![lost_tiles(0, 255)]),
        ("delete the middle", "delete from platform_audit.tile where tenant_id = $1 and level = 0 and idx = 1".into(), vec![lost_tiles(256, 511)]),
        ("delete the last", "delete from platform_audit.tile where tenant_id = $1 and level = 0 and idx = 2".into(), vec![lost_tiles(512, 599)]),
        ("delete those above", "delete from platform_audit.tile where tenant_id = $1 and level = 1".into(), vec![tiles(1, 0, 1)]),
        ("delete all", "delete from platform_audit.tile where tenant_id = $1".into(), vec![lost_tiles(0, 599), tiles(1, 0, 1)]),
        ("cut off", "update platform_audit.tile set width = 80, hashes = substring(hashes from 1 for 80 * 32) where tenant_id = $1 and level = 0 and idx = 2".into(), vec![lost_tiles(592, 599)]),
        ("cut off above", format!("update platform_audit.tile set width = 1, hashes = substring(hashes from 1 for 32) where tenant_id = $1 and {level_1}"), vec![tiles(1, 1, 1)]),
        ("a hash", "update platform_audit.tile set hashes = overlay(hashes placing sha256('x') from 32 * 44 + 1) where tenant_id = $1 and level = 0 and idx = 1".into(), vec![altered(300, &["tile"])]),
        ("a hash behind the checkpoint", "update platform_audit.tile set hashes = overlay(hashes placing sha256('x') from 32 * 87 + 1) where tenant_id = $1 and level = 0 and idx = 2".into(), vec![altered(599, &["tile"])]),
        ("a hash above", format!("update platform_audit.tile set hashes = overlay(hashes placing sha256('x') from 33) where tenant_id = $1 and {level_1}"), vec![tiles(1, 1, 1)]),
        ("a width", "update platform_audit.tile set width = 3 where tenant_id = $1 and level = 0 and idx = 1".into(), vec![tiles(0, 256, 511)]),
        ("insert behind", "insert into platform_audit.tile (tenant_id, level, idx, width, hashes) values ($1, 0, 3, 2, sha256('x') || sha256('y'))".into(), vec![tiles(0, 768, 769)]),
        ("insert above", "insert into platform_audit.tile (tenant_id, level, idx, width, hashes) values ($1, 2, 0, 1, sha256('x'))".into(), vec![tiles(2, 0, 255)]),
        ("widen", "update platform_audit.tile set width = 89, hashes = hashes || sha256('x') where tenant_id = $1 and level = 0 and idx = 2".into(), vec![tiles(0, 600, 600)]),
        ("double", "insert into platform_audit.tile select * from platform_audit.tile where tenant_id = $1 and level = 0 and idx = 1".into(), vec![tiles(0, 256, 511)]),
        ("double above", "insert into platform_audit.tile select * from platform_audit.tile where tenant_id = $1 and level = 1".into(), vec![tiles(1, 0, 255)]),
        ("exchange", "update platform_audit.tile set idx = 1 - idx where tenant_id = $1 and level = 0 and idx < 2".into(), each(0, 511, &["tile"])),
    ];
    for (cell, statement, expected) in cells {
        let trail = large(&lawless).await;
        assert_eq!(lawless.findings(&trail).await, []);
        assert!(lawless.run(trail.tenant, &statement).await > 0, "{cell}");
        let report = lawless.verify(&trail).await;
        assert_eq!(report.findings, expected, "{cell}");
        assert_eq!(report.proven, trail.heads.last().copied(), "{cell}");
    }
}

#[tokio::test]
async fn every_change_of_the_head_is_found() {
    let lawless = Lawless::new().await;
    let truncated = Finding::Truncated { from: 12, to: 13 };
    for (statement, expected) in [
        (
            "delete from platform_audit.tree where tenant_id = $1",
            Finding::TreeAltered,
        ),
        (
            "update platform_audit.tree set root = sha256('x') where tenant_id = $1",
            Finding::TreeAltered,
        ),
        (
            "update platform_audit.tree set root = '' where tenant_id = $1",
            Finding::TreeAltered,
        ),
        (
            "update platform_audit.tree set size = size - 1 where tenant_id = $1",
            Finding::TreeAltered,
        ),
        (
            "update platform_audit.tree set size = 0 where tenant_id = $1",
            Finding::TreeAltered,
        ),
        (
            "update platform_audit.tree set size = -1 where tenant_id = $1",
            Finding::TreeAltered,
        ),
        (
            "update platform_audit.tree set size = size + 1 where tenant_id = $1",
            truncated,
        ),
        (
            "insert into platform_audit.tree select * from platform_audit.tree where tenant_id = $1",
            Finding::TreeAltered,
        ),
        (
            "insert into platform_audit.tree (tenant_id, size, root) values ($1, 3, sha256('x'))",
            Finding::TreeAltered,
        ),
    ] {
        let trail = lawless.trail(&[4, 8, 12], &[12]).await;
        assert_eq!(lawless.run(trail.tenant, statement).await, 1);
        assert_eq!(lawless.findings(&trail).await, [expected], "{statement}");
    }
    // The head of an earlier round.
    let trail = lawless.trail(&[4, 8, 12], &[12]).await;
    let root = &trail.heads[1].root;
    let statement =
        format!("update platform_audit.tree set size = 8, root = '\\x{root}' where tenant_id = $1");
    assert_eq!(lawless.run(trail.tenant, &statement).await, 1);
    assert_eq!(lawless.findings(&trail).await, [Finding::TreeAltered]);
}

#[tokio::test]
async fn a_checkpoint_that_is_not_what_was_signed_is_forged() {
    let lawless = Lawless::new().await;
    let forged = |size| Finding::CheckpointForged { size };
    for (statement, expected) in [
        (
            "update platform_audit.checkpoint set note = replace(note, E'\\n8\\n', E'\\n9\\n') where tenant_id = $1 and size = 8",
            vec![forged(8)],
        ),
        (
            "update platform_audit.checkpoint set note = '' where tenant_id = $1 and size = 4",
            vec![forged(4)],
        ),
        (
            "update platform_audit.checkpoint set note = null where tenant_id = $1 and size = 4",
            vec![forged(4)],
        ),
        (
            "update platform_audit.checkpoint set note = repeat('x', 300000) where tenant_id = $1 and size = 12",
            vec![forged(12)],
        ),
        (
            "update platform_audit.checkpoint set root = sha256('x') where tenant_id = $1 and size = 8",
            vec![forged(8)],
        ),
        (
            "update platform_audit.checkpoint set size = 5 where tenant_id = $1 and size = 4",
            vec![forged(5)],
        ),
        (
            "update platform_audit.checkpoint set size = 40 where tenant_id = $1 and size = 4",
            vec![forged(40)],
        ),
        (
            "update platform_audit.checkpoint set size = 9000000000000 where tenant_id = $1 and size = 4",
            vec![forged(9_000_000_000_000)],
        ),
        (
            "update platform_audit.checkpoint c set note = o.note from platform_audit.checkpoint o
          where c.tenant_id = $1 and o.tenant_id = $1 and c.size = 12 - o.size and c.size in (4, 8)",
            vec![forged(4), forged(8)],
        ),
        (
            "insert into platform_audit.checkpoint select * from platform_audit.checkpoint where tenant_id = $1 and size = 4",
            vec![Finding::CheckpointRepeated { size: 4 }],
        ),
    ] {
        let trail = lawless.trail(&[4, 8, 12], &[]).await;
        assert!(lawless.run(trail.tenant, statement).await > 0);
        assert_eq!(lawless.findings(&trail).await, expected, "{statement}");
    }
}

// A2
#[tokio::test]
async fn a_checkpoint_by_another_key_or_of_another_log_is_forged() {
    let lawless = Lawless::new().await;
    let trail = lawless.trail(&[4, 8], &[8]).await;
    let other_key = NoteSigner::generate(lawless.origin(trail.tenant), &Sources::system());
    let root = sqlx::query_scalar::<_, Vec<u8>>("select root from platform_audit.tree where tenant_id = $1")
        .bind(trail.tenant)
        .fetch_one(&lawless.superuser)
        .await
        .unwrap();
    let head = TreeHead {
        size: 8,
        root: NodeHash::from_slice(&root).unwrap(),
    };
    lawless.sign(trail.tenant, head, &other_key).await;
    let report = lawless.verify(&trail).await;
    assert_eq!(report.findings, [Finding::CheckpointForged { size: 8 }]);
    assert_eq!(report.proven, Some(trail.heads[0]));

    // By the same key in the name of another tenant.
    let trail = lawless.trail(&[4, 8], &[8]).await;
    let other = lawless.test.tenant().await;
    let note = Checkpoint::new(lawless.origin(other), trail.heads[0])
        .sign(&lawless.signer(other))
        .unwrap();
    let statement = format!("update platform_audit.checkpoint set note = '{note}' where tenant_id = $1");
    lawless.run(trail.tenant, &statement).await;
    let report = lawless.verify(&trail).await;
    assert_eq!(report.findings, [Finding::CheckpointForged { size: 4 }]);
    assert_eq!(report.proven, None);
}

// A4
#[tokio::test]
async fn deleted_checkpoints_prove_less_and_are_missing_when_they_were_published() {
    let lawless = Lawless::new().await;
    for (deleted, proven) in [
        (&[4][..], Some(2)),
        (&[8], Some(2)),
        (&[12], Some(1)),
        (&[8, 12], Some(0)),
        (&[4, 8, 12], None),
    ] {
        let trail = lawless.trail(&[4, 8, 12], &[]).await;
        for size in deleted {
            let statement =
                format!("delete from platform_audit.checkpoint where tenant_id = $1 and size = {size}");
            assert_eq!(lawless.run(trail.tenant, &statement).await, 1);
        }
        let report = lawless.verify(&trail).await;
        assert_eq!(report.proven, proven.map(|at| trail.heads[at]));
        assert!(report.is_clean());

        let report = lawless
            .verify_with(&lawless.witnessed(&trail), trail.tenant)
            .await;
        let missing: Vec<_> = deleted
            .iter()
            .map(|size| Finding::CheckpointMissing { size: *size })
            .collect();
        assert_eq!(report.findings, missing);
        assert_eq!(report.proven, Some(trail.heads[2]));
    }
}

// A10
#[tokio::test]
async fn a_head_of_another_past_that_the_log_itself_has_signed_is_a_fork() {
    let lawless = Lawless::new().await;
    for size in [2, 6, 8] {
        let trail = lawless.trail(&[4, 8, 12], &[8]).await;
        let head = TreeHead {
            size,
            root: trail.heads[0].root,
        };
        lawless
            .sign(trail.tenant, head, &lawless.signer(trail.tenant))
            .await;
        assert_eq!(lawless.findings(&trail).await, [Finding::Forked { size }]);
    }
}

/// Lets the leaves look as if they had been sequenced an hour ago.
async fn age(lawless: &Lawless, trail: &Trail) {
    let aged = lawless.run(
        trail.tenant,
        "update platform_audit.leaf set sequenced_at = sequenced_at - interval '1 hour' where tenant_id = $1",
    );
    assert!(aged.await > 0);
}

// A4
#[tokio::test]
async fn positions_whose_checkpoints_were_all_deleted_are_found_unsigned() {
    let lawless = Lawless::new().await;
    let trail = lawless.trail(&[4, 8, 12], &[]).await;
    age(&lawless, &trail).await;
    assert_eq!(lawless.findings(&trail).await, []);

    let delete = "delete from platform_audit.checkpoint where tenant_id = $1";
    assert_eq!(lawless.run(trail.tenant, delete).await, 3);

    let report = lawless.verify(&trail).await;
    assert_eq!(report.findings, [Finding::Unsigned { first: 0, last: 11 }]);
    assert_eq!(
        (report.proven, report.first, report.unsigned, report.size),
        (None, None, 12, 12)
    );
    assert!(!report.is_clean());
}

// A4
#[tokio::test]
async fn positions_behind_the_newest_checkpoint_that_is_left_are_found_unsigned() {
    let lawless = Lawless::new().await;
    let trail = lawless.trail(&[4, 8, 12], &[]).await;
    age(&lawless, &trail).await;
    let delete = "delete from platform_audit.checkpoint where tenant_id = $1 and size > 4";
    assert_eq!(lawless.run(trail.tenant, delete).await, 2);

    let report = lawless.verify(&trail).await;

    assert_eq!(report.findings, [Finding::Unsigned { first: 4, last: 11 }]);
    assert_eq!(
        (report.proven, report.first, report.unsigned),
        (Some(trail.heads[0]), Some(0), 8)
    );
    // A head that is known from outside covers them, and the checkpoints are missing.
    let report = lawless
        .verify_with(&lawless.witnessed(&trail), trail.tenant)
        .await;
    let missing = [8, 12].map(|size| Finding::CheckpointMissing { size });
    assert_eq!((report.findings.as_slice(), report.unsigned), (&missing[..], 0));
}

#[tokio::test]
async fn positions_that_were_just_sequenced_are_counted_and_become_a_finding_when_their_time_is_over() {
    let lawless = Lawless::new().await;
    let trail = lawless.trail(&[4, 8], &[8]).await;
    let verify = async |options| {
        let ctx = lawless.test.context(trail.tenant);
        let trust = lawless.trust(trail.tenant);
        verify_stored(&lawless.test.db(), &ctx, &trust, options)
            .await
            .unwrap()
    };

    let report = verify(VerifyOptions::new()).await;
    assert_eq!((report.findings, report.unsigned), (vec![], 4));
    let report = verify(VerifyOptions::new().signed_within(Duration::ZERO)).await;
    assert_eq!(report.findings, [Finding::Unsigned { first: 4, last: 7 }]);

    // Neither a time to come nor none at all hides them.
    for at in ["'infinity'", "clock_timestamp() + interval '1 hour'", "null"] {
        let statement = format!("update platform_audit.leaf set sequenced_at = {at} where tenant_id = $1");
        lawless.run(trail.tenant, &statement).await;
        assert_eq!(
            verify(VerifyOptions::new()).await.findings,
            [Finding::Unsigned { first: 4, last: 7 }],
            "{at}"
        );
    }
}
