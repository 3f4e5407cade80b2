//! What an operator has looked at, and what only looks as if one had.

use platform_audit::{
    ACKNOWLEDGED, AcknowledgeError, Acknowledged, AuditLog, EventId, EventPage, Finding, LogKey, ProducerId,
    ProducerNumbers, Report, ResumePoint, VerifyOptions,
};
use platform_core::Sources;
use serde_json::json;

use crate::live::Live;
use crate::support::{Lawless, Trail};

/// One event of two that was altered before it was sequenced, and what is found of it.
async fn altered_before_sequencing(live: &Live) -> (EventId, [Finding; 2]) {
    live.recorded(3).await;
    let ids = live.record(2).await;
    let producer: ProducerId = live
        .value(&format!(
            "select producer from platform_audit.event where id = '{}'",
            ids[0]
        ))
        .await;
    live.tamper(&format!(
        "update platform_audit.event set outcome = 'failure' where id = '{}'",
        ids[1]
    ))
    .await;
    live.sequence().await;
    live.attest().await;
    let rejected = Finding::Rejected {
        id: ids[1].as_uuid(),
        reason: "seal_wrong".into(),
    };
    let gap = Finding::ProducerGap {
        producer,
        first: 4,
        last: 4,
    };
    (ids[1], [rejected, gap])
}

fn numbers(gap: &Finding) -> ProducerNumbers {
    match gap {
        Finding::ProducerGap {
            producer,
            first,
            last,
        } => ProducerNumbers {
            producer: *producer,
            first: *first,
            last: *last,
        },
        other => panic!("{other:?} is no gap"),
    }
}

async fn acknowledge(live: &Live, what: Acknowledged) -> Result<EventId, AcknowledgeError> {
    let reason = "the row was mended by hand, case 7";
    live.audit
        .acknowledge(&live.test.db(), &live.ctx, what, reason)
        .await
}

fn told(report: &Report) -> (&[Finding], &[Finding]) {
    (&report.findings, &report.acknowledged)
}

#[tokio::test]
async fn what_an_operator_has_acknowledged_is_listed_and_no_finding_once_that_is_signed() {
    let live = Live::new().await;
    let (id, [rejected, gap]) = altered_before_sequencing(&live).await;
    assert_eq!(
        told(&live.verify().await),
        (&[rejected.clone(), gap.clone()][..], &[][..])
    );

    let event = acknowledge(&live, Acknowledged::Rejected(id)).await.unwrap();
    assert_eq!(
        live.findings().await,
        [rejected.clone(), gap.clone()],
        "it is not signed yet"
    );
    live.sequence().await;
    assert_eq!(
        told(&live.verify().await),
        (&[gap.clone()][..], &[rejected.clone()][..])
    );
    acknowledge(&live, Acknowledged::Gap(numbers(&gap)))
        .await
        .unwrap();
    live.sequence().await;

    let report = live.verify_with(&live.witnessed(), VerifyOptions::new()).await;
    assert_eq!(told(&report), (&[][..], &[rejected.clone(), gap.clone()][..]));
    assert!(report.is_clean());
    // A verification that goes on knows it too.
    live.recorded(2).await;
    let point: ResumePoint = report.resume.unwrap().to_string().parse().unwrap();
    let report = live
        .verify_with(&live.trust(), VerifyOptions::new().since(point))
        .await;
    assert_eq!(told(&report), (&[][..], &[rejected, gap][..]));
    assert_eq!(report.resume, live.verify().await.resume);
    // For good, and for the tenant to see.
    let mut read = live.test.db().read(&live.ctx).await.unwrap();
    let page = EventPage::newest(10);
    let listed = live
        .audit
        .events_for_target(&mut read, "audit_event", &id.to_string(), page)
        .await
        .unwrap();
    assert_eq!(
        (listed[0].id, listed[0].action.as_str()),
        (event, ACKNOWLEDGED.name())
    );
    assert_eq!(listed[0].retention.as_str(), "permanent");
    assert_eq!(
        listed[0].detail.as_ref().unwrap()["reason"],
        "the row was mended by hand, case 7"
    );
}

#[tokio::test]
async fn an_event_that_is_altered_after_it_was_acknowledged_is_a_finding_again() {
    let live = Live::new().await;
    let (id, [rejected, _]) = altered_before_sequencing(&live).await;
    acknowledge(&live, Acknowledged::Rejected(id)).await.unwrap();
    live.sequence().await;
    assert_eq!(live.verify().await.acknowledged, std::slice::from_ref(&rejected));

    for change in [
        "update platform_audit.event set reason = 'another'",
        "update platform_audit.event set reason = null, target_id = 'another'",
        "update platform_audit.event set target_id = '1', seal = null",
        "create table public.gone as select * from platform_audit.event where tenant_id is null; delete from platform_audit.event",
    ] {
        live.tamper(&format!("{change} where id = '{id}'")).await;
        let report = live.verify().await;
        assert!(report.findings.contains(&rejected), "{change}");
        assert_eq!(report.acknowledged, [], "{change}");
    }
}

#[tokio::test]
async fn an_event_that_was_acknowledged_as_missing_and_comes_back_is_a_finding_again() {
    let live = Live::new().await;
    live.recorded(3).await;
    let ids = live.record(2).await;
    live.tamper(&format!(
        "create table public.kept as select * from platform_audit.event where id = '{0}'; delete from platform_audit.event where id = '{0}'",
        ids[1]
    ))
    .await;
    live.sequence().await;
    let rejected = Finding::Rejected {
        id: ids[1].as_uuid(),
        reason: "event_missing".into(),
    };
    acknowledge(&live, Acknowledged::Rejected(ids[1])).await.unwrap();
    live.sequence().await;
    assert_eq!(told(&live.verify().await), (&[][..], &[rejected.clone()][..]));

    live.tamper("insert into platform_audit.event select * from public.kept")
        .await;

    assert!(live.findings().await.contains(&rejected));
}

#[tokio::test]
async fn an_acknowledgement_that_a_superuser_writes_silences_nothing() {
    let live = Live::new().await;
    let (id, findings) = altered_before_sequencing(&live).await;
    let event = acknowledge(&live, Acknowledged::Rejected(id)).await.unwrap();
    // The same event under another id, with its seal and without.
    let copy = |copied: &str, seal: &str| {
        format!(
            "insert into platform_audit.event select (jsonb_populate_record(e, jsonb_build_object('id', '{copied}', 'seal', {seal}))).*
             from platform_audit.event e where id = '{event}';
             insert into platform_audit.pending (tenant_id, id) values ('{}', '{copied}')",
            live.tenant
        )
    };
    let (sealed, bare) = (
        "018f2b6e-7c1a-7d3e-9b1a-000000000001",
        "018f2b6e-7c1a-7d3e-9b1a-000000000002",
    );
    live.tamper(&copy(sealed, "e.seal")).await;
    live.tamper(&copy(bare, "null")).await;
    live.tamper(&format!(
        "delete from platform_audit.pending where id = '{event}'; delete from platform_audit.event where id = '{event}'"
    ))
    .await;
    live.sequence().await;

    let report = live.verify().await;

    assert_eq!(report.acknowledged, []);
    for finding in findings {
        assert!(report.findings.contains(&finding), "{finding:?}");
    }
}

/// A trail with an event that was kept out, and an acknowledgement of it that stands in the tree behind the last checkpoint.
async fn acknowledged_in_the_tree(lawless: &Lawless, signed: bool) -> (Trail, Finding) {
    let mut trail = lawless.trail(&[4], &[]).await;
    let id = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";
    let keep_out = format!(
        "insert into platform_audit.rejected (tenant_id, id, reason) values ($1, '{id}', 'event_missing')"
    );
    lawless.run(trail.tenant, &keep_out).await;
    lawless.record(trail.tenant, 1).await;
    let detail = json!({ "reason": "x", "event": id, "rejected": ["event_missing"], "row": "missing" });
    let tell = format!(
        "update platform_audit.event set action = 'audit.acknowledge', detail = '{detail}' where tenant_id = $1
         and id not in (select id from platform_audit.leaf where tenant_id = $1)"
    );
    assert_eq!(lawless.run(trail.tenant, &tell).await, 1);
    lawless.sequence(&mut trail, 5, signed).await;
    let rejected = Finding::Rejected {
        id: id.parse().unwrap(),
        reason: "event_missing".into(),
    };
    (trail, rejected)
}

#[tokio::test]
async fn an_acknowledgement_is_believed_when_a_signed_head_covers_it_and_not_before() {
    let lawless = Lawless::new().await;

    let (trail, rejected) = acknowledged_in_the_tree(&lawless, false).await;
    let report = lawless.verify(&trail).await;
    assert_eq!(told(&report), (&[rejected][..], &[][..]));

    let (trail, rejected) = acknowledged_in_the_tree(&lawless, true).await;
    let report = lawless.verify(&trail).await;
    assert_eq!(told(&report), (&[][..], &[rejected][..]));

    // One that was altered in the tree is not what was signed.
    let alter = "update platform_audit.entry set bytes = replace(convert_from(bytes, 'UTF8'), 'event_missing', 'seal_wrong')::bytea
         where tenant_id = $1 and convert_from(bytes, 'UTF8') like '%audit.acknowledge%'";
    assert_eq!(lawless.run(trail.tenant, alter).await, 1);
    let other = "update platform_audit.rejected set reason = 'seal_wrong' where tenant_id = $1";
    assert_eq!(lawless.run(trail.tenant, other).await, 1);
    let report = lawless.verify(&trail).await;
    assert_eq!(report.acknowledged, []);
    assert!(!report.is_clean());
}

#[tokio::test]
async fn what_is_not_wrong_or_not_explained_cannot_be_acknowledged() {
    let live = Live::new().await;
    let (id, _) = altered_before_sequencing(&live).await;
    let db = live.test.db();
    let sound = live.recorded(1).await[0];
    let none = Acknowledged::Gap(ProducerNumbers {
        producer: ProducerId::generate(live.test.sources()),
        first: 4,
        last: 3,
    });
    let too_many = Acknowledged::Gap(ProducerNumbers {
        producer: ProducerId::generate(live.test.sources()),
        first: 0,
        last: u64::MAX,
    });
    let size = live.verify().await.size;

    let refused = acknowledge(&live, too_many).await;
    assert!(matches!(refused, Err(AcknowledgeError::TooManyNumbers)));
    let refused = acknowledge(&live, Acknowledged::Rejected(sound)).await;
    assert!(matches!(refused, Err(AcknowledgeError::NotRejected)));
    assert!(matches!(
        acknowledge(&live, none).await,
        Err(AcknowledgeError::NoNumbers)
    ));
    for reason in ["", "  ", "a\nb", &"x".repeat(257)] {
        let refused = live
            .audit
            .acknowledge(&db, &live.ctx, Acknowledged::Rejected(id), reason)
            .await;
        assert!(matches!(refused, Err(AcknowledgeError::Reason)), "{reason:?}");
    }
    let bare = AuditLog::new(Sources::system());
    let refused = bare
        .acknowledge(&db, &live.ctx, Acknowledged::Rejected(id), "x")
        .await;
    assert!(matches!(refused, Err(AcknowledgeError::NoKey)));
    live.sequence().await;
    assert_eq!(live.verify().await.size, size);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_neither_missing_nor_can_it_be_acknowledged() {
    let lawless = Lawless::new().await;
    let (trail, rejected) = acknowledged_in_the_tree(&lawless, true).await;
    let Finding::Rejected { id, .. } = &rejected else {
        panic!("{rejected:?}")
    };
    for large in [
        "(select jsonb_agg(md5(n::text)) from generate_series(1, 40000) n)",
        "(select jsonb_agg(md5(n::text)) from generate_series(1, 3000) n)",
    ] {
        let come_back = format!(
            "insert into platform_audit.event
             select (jsonb_populate_record(e, jsonb_build_object('id', '{id}', 'detail', {large}))).* from platform_audit.event e
             where tenant_id = $1 and id = '{}'",
            trail.ids[0]
        );
        assert_eq!(lawless.run(trail.tenant, &come_back).await, 1);

        let report = lawless.verify(&trail).await;

        assert!(report.findings.contains(&rejected), "{:?}", report.findings);
        assert_eq!(report.acknowledged, []);
        let key = LogKey::generate("audit.example.com", &Sources::system()).unwrap();
        let log = AuditLog::new(Sources::system()).sealed_by(&key);
        let ctx = lawless.test.context(trail.tenant);
        let what = Acknowledged::Rejected(EventId::from_stored(*id));
        let refused = log.acknowledge(&lawless.test.db(), &ctx, what, "x").await;
        assert!(
            matches!(refused, Err(AcknowledgeError::Unreadable)),
            "{refused:?}"
        );
        let gone = format!("delete from platform_audit.event where tenant_id = $1 and id = '{id}'");
        assert_eq!(lawless.run(trail.tenant, &gone).await, 1);
        assert_eq!(
            lawless.verify(&trail).await.acknowledged,
            std::slice::from_ref(&rejected)
        );
    }
}
