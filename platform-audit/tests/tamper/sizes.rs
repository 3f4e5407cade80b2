//! Rows of any size, which only the constraints on the tables keep small.

use platform_audit::{Finding, VerifyOptions, verify_stored};

use crate::support::{Lawless, Trail, altered};

/// What a window may take, and how many bytes an event of these tests has in its row and its entry together.
const WINDOW_BYTES: u64 = 8 * 1024 * 1024;
const EVENT_BYTES: u64 = 2 * 15_000;

/// A signed trail of events of 15 kB, most of it in one column.
async fn heavy(lawless: &Lawless, count: u64) -> Trail {
    let tenant = lawless.test.tenant().await;
    lawless.record(tenant, count).await;
    let detail = "update platform_audit.event set detail = jsonb_build_object('text', repeat('x', 15000)) where tenant_id = $1";
    assert_eq!(lawless.run(tenant, detail).await, count);
    let mut trail = Trail {
        tenant,
        ids: Vec::new(),
        heads: Vec::new(),
        notes: Vec::new(),
    };
    lawless.sequence(&mut trail, count / 2, true).await;
    lawless.sequence(&mut trail, count, true).await;
    trail
}

#[tokio::test]
async fn large_events_are_read_a_bounded_number_of_bytes_at_a_time() {
    let lawless = Lawless::new().await;
    let trail = heavy(&lawless, 1_000).await;
    let mut done = vec![0];

    let report = verify_stored(
        &lawless.test.db(),
        &lawless.test.context(trail.tenant),
        &lawless.witnessed(&trail),
        VerifyOptions::new().progress(|progress| done.push(progress.done)),
    )
    .await
    .unwrap();

    assert_eq!((report.findings, report.events), (vec![], 1_000));
    assert_eq!(report.proven, trail.heads.last().copied());
    let most = done.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(most <= WINDOW_BYTES / EVENT_BYTES, "{done:?}");
    assert!(most > WINDOW_BYTES / EVENT_BYTES / 4, "{done:?}");
}

#[tokio::test]
async fn large_events_are_found_where_they_were_altered() {
    let lawless = Lawless::new().await;
    let trail = heavy(&lawless, 600).await;
    for seq in [3, 301, 599] {
        let statement = format!(
            "update platform_audit.event set reason = 'x' where tenant_id = $1 and id = '{}'",
            trail.ids[seq]
        );
        assert_eq!(lawless.run(trail.tenant, &statement).await, 1);
    }
    let width = "update platform_audit.tile set width = 3 where tenant_id = $1 and level = 0 and idx = 1";
    assert_eq!(lawless.run(trail.tenant, width).await, 1);

    let report = lawless.verify(&trail).await;

    let mut expected: Vec<_> = [3, 301, 599].map(|seq| altered(seq, &["reason"])).into();
    expected.push(Finding::TilesAltered {
        level: 0,
        first: 256,
        last: 511,
    });
    assert_eq!(report.findings, expected);
}

#[tokio::test]
async fn a_value_of_any_size_is_found_and_not_read() {
    let lawless = Lawless::new().await;
    let huge = "repeat('x', 50000000)";
    for (statement, columns) in [
        (format!("update platform_audit.event set reason = {huge}"), vec!["reason"]),
        (format!("update platform_audit.event set user_agent = {huge}"), vec!["user_agent"]),
        (
            format!("update platform_audit.event set changes = jsonb_build_object('a', {huge})"),
            vec!["changes"],
        ),
        // Small as it is stored, and large when it is printed.
        (
            "update platform_audit.event set detail = (select jsonb_agg('1e60000'::numeric) from generate_series(1, 40))".to_owned(),
            vec!["detail"],
        ),
        // More than PostgreSQL prints.
        (
            "update platform_audit.event set detail = (select jsonb_agg('1e131000'::numeric) from generate_series(1, 20000))".to_owned(),
            vec!["detail"],
        ),
        (
            "update platform_audit.event set changes = (select jsonb_agg('1e-16000'::numeric) from generate_series(1, 200000))".to_owned(),
            vec!["changes"],
        ),
        (format!("update platform_audit.event set seal = {huge}::bytea"), vec!["seal"]),
        (format!("update platform_audit.entry set bytes = {huge}::bytea"), vec!["entry"]),
    ] {
        let trail = lawless.trail(&[4, 8], &[]).await;
        let statement = format!("{statement} where tenant_id = $1 and id = '{}'", trail.ids[5]);
        assert_eq!(lawless.run(trail.tenant, &statement).await, 1);
        assert_eq!(lawless.findings(&trail).await, [altered(5, &columns)], "{columns:?}");
    }
    let trail = lawless.trail(&[4, 8], &[]).await;
    let leaf =
        format!("update platform_audit.leaf set leaf = {huge}::bytea where tenant_id = $1 and seq = 5");
    assert_eq!(lawless.run(trail.tenant, &leaf).await, 1);
    assert_eq!(lawless.findings(&trail).await, [altered(5, &["leaf"])]);
    let root = format!(
        "update platform_audit.checkpoint set root = {huge}::bytea where tenant_id = $1 and size = 4"
    );
    let trail = lawless.trail(&[4, 8], &[]).await;
    assert_eq!(lawless.run(trail.tenant, &root).await, 1);
    assert_eq!(
        lawless.findings(&trail).await,
        [Finding::CheckpointForged { size: 4 }]
    );
}

#[tokio::test]
async fn rows_that_stand_again_and_again_are_found_without_reading_all_of_them() {
    let lawless = Lawless::new().await;
    let trail = heavy(&lawless, 8).await;
    let again = format!(
        "insert into platform_audit.event select e.* from platform_audit.event e, generate_series(1, 2000)
         where e.tenant_id = $1 and e.id = '{}'",
        trail.ids[5]
    );
    assert_eq!(lawless.run(trail.tenant, &again).await, 2_000);
    assert_eq!(lawless.findings(&trail).await, [Finding::Inserted { seq: 5 }]);

    // Positions of which each row names another large event that has none.
    let trail = heavy(&lawless, 8).await;
    lawless.record(trail.tenant, 1_000).await;
    let large = "update platform_audit.event set detail = jsonb_build_object('text', repeat('x', 15000)) where tenant_id = $1";
    lawless.run(trail.tenant, large).await;
    let name = "insert into platform_audit.leaf (tenant_id, seq, id, leaf) select tenant_id, 5, id, sha256('x') from platform_audit.pending
         where tenant_id = $1";
    assert_eq!(lawless.run(trail.tenant, name).await, 1_000);
    let report = lawless.verify(&trail).await;
    assert!(!report.is_clean());
    assert!(
        report
            .findings
            .iter()
            .all(|finding| *finding == Finding::Inserted { seq: 5 }),
        "{:?}",
        report.findings.first()
    );
}

/// More than any event has, whether it is compressed or not.
const OVERSIZED: &str = "(select jsonb_agg(md5(n::text)) from generate_series(1, 40000) n)";

#[tokio::test]
async fn an_oversized_row_is_not_an_absent_one() {
    let lawless = Lawless::new().await;
    for large in [
        OVERSIZED,
        "(select jsonb_agg(md5(n::text)) from generate_series(1, 3000) n)",
    ] {
        // Beside the event, under its id.
        let trail = lawless.trail(&[4, 8], &[]).await;
        let again = format!(
            "insert into platform_audit.event
             select (jsonb_populate_record(e, jsonb_build_object('detail', {large}))).* from platform_audit.event e
             where tenant_id = $1 and id = '{}'",
            trail.ids[5]
        );
        assert_eq!(lawless.run(trail.tenant, &again).await, 1);
        let findings = lawless.findings(&trail).await;
        assert!(findings.contains(&Finding::Inserted { seq: 5 }), "{findings:?}");

        // In the place of an event whose bytes are gone as well, as those of a pruned one are.
        let trail = lawless.trail(&[4, 8], &[]).await;
        for statement in [
            "delete from platform_audit.entry".to_owned(),
            format!("update platform_audit.event set detail = {large}"),
        ] {
            let statement = format!("{statement} where tenant_id = $1 and id = '{}'", trail.ids[5]);
            assert_eq!(lawless.run(trail.tenant, &statement).await, 1);
        }
        let findings = lawless.findings(&trail).await;
        assert!(
            !findings.contains(&Finding::Missing { first: 5, last: 5 }),
            "{findings:?}"
        );
        assert!(findings.contains(&altered(5, &[])), "{findings:?}");
    }
}

#[tokio::test]
async fn a_sound_event_is_read_however_large_its_numbers_are_stored() {
    let lawless = Lawless::new().await;
    let tenant = lawless.test.tenant().await;
    lawless.record(tenant, 4).await;
    // 24 kB of digits, and 96 kB as PostgreSQL stores them.
    let detail = "update platform_audit.event set detail = (select jsonb_agg(n % 10) from generate_series(1, 8000) n),
         changes = (select jsonb_object_agg('k' || n, n) from generate_series(1, 3000) n) where tenant_id = $1";
    lawless
        .run(
            tenant,
            "alter table platform_audit.event alter column detail set storage external",
        )
        .await;
    assert_eq!(lawless.run(tenant, detail).await, 4);
    let mut trail = Trail {
        tenant,
        ids: Vec::new(),
        heads: Vec::new(),
        notes: Vec::new(),
    };

    lawless.sequence(&mut trail, 4, true).await;

    assert_eq!(lawless.findings(&trail).await, []);
}

#[tokio::test]
async fn positions_at_the_end_of_all_numbers_are_findings_and_no_error() {
    let lawless = Lawless::new().await;
    let last_tile = (1_u64 << 55) - 1;
    let tile = |level: u8, index: u64| Finding::TilesAltered {
        level,
        first: index * 256,
        last: index * 256 + 255,
    };
    for index in ["36028797018963968", "9223372036854775807", "-1"] {
        let trail = lawless.trail(&[4, 8], &[]).await;
        let statement = format!(
            "insert into platform_audit.tile (tenant_id, level, idx, width, hashes) values ($1, 0, {index}, 1, sha256('x'))"
        );
        assert_eq!(lawless.run(trail.tenant, &statement).await, 1);
        let first = index.parse::<u64>().unwrap_or(0).saturating_mul(256);
        let last = first.saturating_add(255);
        assert_eq!(
            lawless.findings(&trail).await,
            [Finding::TilesAltered {
                level: 0,
                first,
                last
            }],
            "{index}"
        );
    }
    let trail = lawless.trail(&[4, 8], &[]).await;
    let statement = format!(
        "insert into platform_audit.tile (tenant_id, level, idx, width, hashes)
         select $1, 0, {last_tile}, 256, decode(repeat('0a', 8192), 'hex')"
    );
    assert_eq!(lawless.run(trail.tenant, &statement).await, 1);
    let findings = lawless.findings(&trail).await;
    assert_eq!(findings, [tile(0, last_tile)]);

    let trail = lawless.trail(&[4, 8], &[]).await;
    let leaf = "insert into platform_audit.leaf (tenant_id, seq, id, leaf) values ($1, 9223372036854775807, gen_random_uuid(), sha256('x'))";
    assert_eq!(lawless.run(trail.tenant, leaf).await, 1);
    let report = lawless.verify(&trail).await;
    assert!(!report.is_clean());
    assert_eq!(report.proven, trail.heads.last().copied());
    for statement in [
        "insert into platform_audit.tree (tenant_id, size, root) values ($1, 9223372036854775807, sha256('x'))",
        "insert into platform_audit.checkpoint (tenant_id, size, root, note) values ($1, 9223372036854775807, sha256('x'), 'x')",
        "insert into platform_audit.checkpoint (tenant_id, size, root, note) values ($1, -9223372036854775808, sha256('x'), 'x')",
    ] {
        let trail = lawless.trail(&[4, 8], &[]).await;
        assert_eq!(lawless.run(trail.tenant, statement).await, 1);
        lawless.verify(&trail).await;
    }
}

#[tokio::test]
async fn made_up_reasons_of_any_length_and_number_do_not_keep_a_verification_busy() {
    let lawless = Lawless::new().await;
    let trail = lawless.trail(&[4], &[]).await;
    let id = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";
    let statement = format!(
        "insert into platform_audit.rejected (tenant_id, id, reason)
         select $1, '{id}', repeat('x', 100) || n from generate_series(1, 2500) n"
    );
    assert_eq!(lawless.run(trail.tenant, &statement).await, 2_500);

    let verifying = tokio::time::timeout(std::time::Duration::from_secs(60), lawless.findings(&trail));

    let rejected = Finding::Rejected {
        id: id.parse().unwrap(),
        reason: "x".repeat(64).into(),
    };
    assert!(verifying.await.unwrap().contains(&rejected));
}
