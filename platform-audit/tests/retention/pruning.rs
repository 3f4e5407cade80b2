use std::time::Duration;

use platform_audit::{DETAIL_BYTES_MAX, EventId, PRUNED, PruneAfter, PruneOptions, PruneSummary, Retention};
use platform_core::sqlx;
use serde_json::Value;
use std::collections::BTreeSet;

use crate::run::{at_once, excused, missing, prune, pruner};
use crate::support::{Trail, days, event};

#[tokio::test]
async fn what_is_older_than_its_class_keeps_it_goes_and_its_hash_stays() {
    let trail = Trail::new().await;
    let mut kept = [
        trail.record_aged(days(179), event(Retention::OPERATIONAL)).await,
        trail.record_aged(days(729), event(Retention::SECURITY)).await,
        trail
            .record_aged(days(7 * 365), event(Retention::REGULATORY))
            .await,
        trail
            .record_aged(days(9_999), event(Retention::new("unheard_of")))
            .await,
    ];
    trail.record_aged(days(181), event(Retention::OPERATIONAL)).await;
    trail.record_aged(days(732), event(Retention::SECURITY)).await;
    trail
        .record_aged(days(7 * 365 + 3), event(Retention::REGULATORY))
        .await;
    trail.sequence().await;

    let first = prune(&trail).await;
    trail.sequence().await;
    let second = prune(&trail).await;
    let third = prune(&trail).await;

    assert_eq!((first.announced, first.waiting, first.deleted), (3, 3, 0));
    assert_eq!((second.announced, second.waiting, second.deleted), (0, 0, 3));
    assert_eq!(third, PruneSummary::default());
    kept.sort_unstable();
    let left: BTreeSet<EventId> = trail.event_ids().await.into_iter().collect();
    assert!(kept.iter().all(|id| left.contains(id)));
    assert_eq!(trail.count("event").await, 4 + 3);
    assert_eq!(trail.count("entry").await, 4 + 3);
    assert_eq!(trail.count("leaf").await, 7 + 3);
}

#[tokio::test]
async fn the_trail_says_which_positions_were_deleted() {
    let trail = Trail::new().await;
    for age in [400, 399, 10, 398] {
        trail.record_aged(days(age), event(Retention::OPERATIONAL)).await;
    }
    trail.sequence().await;

    prune(&trail).await;

    let rows: Vec<(Value, String, String, String)> = sqlx::query_as(
        "select detail, visibility, retention, activity from platform_audit.event where action = $1",
    )
    .bind(PRUNED.name())
    .fetch_all(&mut trail.superuser().await)
    .await
    .unwrap();
    let [(detail, visibility, retention, activity)] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(
        *detail,
        serde_json::json!({ "class": "operational", "ranges": [[0, 2]] })
    );
    assert_eq!(
        (visibility.as_str(), retention.as_str(), activity.as_str()),
        ("tenant", "permanent", "delete")
    );
}

#[tokio::test]
async fn nothing_goes_before_a_signed_checkpoint_covers_its_announcement() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    prune(&trail).await;

    // As long as it takes, and the announcement is not made again.
    for _ in 0..3 {
        let summary = prune(&trail).await;
        assert_eq!((summary.announced, summary.waiting, summary.deleted), (0, 1, 0));
    }

    assert_eq!(trail.count("event").await, 2);
    trail.sequence().await;
    assert_eq!(prune(&trail).await.deleted, 1);
}

#[tokio::test]
async fn a_run_waits_for_the_checkpoint_as_long_as_it_is_told() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;

    let options = PruneOptions {
        wait: Duration::from_secs(60),
        ..PruneOptions::default()
    };
    let pruner = pruner(&trail);
    let (summary, ()) = tokio::join!(pruner.run(&options), async {
        while trail.count("pending").await == 0 {
            tokio::task::yield_now().await;
        }
        trail.sequence().await;
    });

    let summary = summary.unwrap();
    assert_eq!((summary.announced, summary.waiting, summary.deleted), (1, 0, 1));
}

#[tokio::test]
async fn events_go_as_early_as_the_law_allows_only_when_that_is_asked_for() {
    let trail = Trail::new().await;
    trail.record_aged(days(91), event(Retention::OPERATIONAL)).await;
    trail.record_aged(days(89), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    let early = PruneOptions {
        after: PruneAfter::KeepMin,
        ..at_once()
    };

    assert_eq!(prune(&trail).await.announced, 0);
    assert_eq!(pruner(&trail).run(&early).await.unwrap().announced, 1);
    trail.sequence().await;
    assert_eq!(pruner(&trail).run(&early).await.unwrap().deleted, 1);
}

#[tokio::test]
async fn positions_that_do_not_fit_into_one_event_are_named_in_several() {
    let trail = Trail::new().await;
    let events = (0..3_000)
        .map(|n| {
            event(if n % 2 == 0 {
                Retention::OPERATIONAL
            } else {
                Retention::REGULATORY
            })
        })
        .collect();
    trail.record_many(&trail.ctx, days(400), events).await;
    trail.sequence().await;

    let summary = prune(&trail).await;

    assert_eq!(summary.announced, 1_500);
    let details: Vec<Value> = sqlx::query_scalar("select detail from platform_audit.event where action = $1")
        .bind(PRUNED.name())
        .fetch_all(&mut trail.superuser().await)
        .await
        .unwrap();
    let sizes: Vec<usize> = details.iter().map(|detail| detail.to_string().len()).collect();
    assert!(
        sizes.len() > 1 && sizes.iter().all(|size| *size <= DETAIL_BYTES_MAX),
        "{sizes:?}"
    );
    trail.sequence().await;
    assert_eq!(excused(&trail).await.len(), 1_500);
    assert_eq!(prune(&trail).await.deleted, 1_500);
    assert_eq!(excused(&trail).await, missing(&trail).await);
}

#[tokio::test]
async fn a_run_announces_no_more_than_it_is_told_and_the_next_goes_on() {
    let trail = Trail::new().await;
    let events = (0..25).map(|_| event(Retention::OPERATIONAL)).collect();
    trail.record_many(&trail.ctx, days(400), events).await;
    trail.sequence().await;
    let options = PruneOptions {
        events_max: 10,
        batch: 4,
        ..at_once()
    };

    let mut announced = vec![];
    for _ in 0..4 {
        announced.push(pruner(&trail).run(&options).await.unwrap().announced);
        trail.sequence().await;
    }

    assert_eq!(announced, [10, 10, 5, 0]);
    assert_eq!(missing(&trail).await.len(), 25);
}

#[tokio::test]
async fn every_tenant_has_its_own_announcement() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    let other = Trail {
        tenant: trail.test.tenant().await,
        test: trail.test.clone(),
        key: trail.key.clone(),
        ctx: trail.ctx.clone(),
    };
    let other = Trail {
        ctx: other.test.context(other.tenant),
        ..other
    };
    other.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    other.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    other.sequence().await;

    assert_eq!(prune(&trail).await.announced, 3);
    trail.sequence().await;
    assert_eq!(prune(&trail).await.deleted, 1);
    other.sequence().await;
    assert_eq!(prune(&trail).await.deleted, 2);

    assert_eq!(missing(&trail).await, [0].into());
    assert_eq!(missing(&other).await, [0, 1].into());
}
