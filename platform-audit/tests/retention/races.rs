use std::time::Duration;

use platform_audit::{Event, NewHold, Outcome, PruneOptions, Retention};
use platform_core::sqlx;

use crate::run::{at_once, excused, missing, prune, pruner};
use crate::support::{SENT, Trail, days, event};

#[tokio::test]
async fn a_hold_that_comes_between_announcement_and_deletion_wins_and_the_trail_says_so() {
    let trail = Trail::new().await;
    for n in 0..6 {
        let parcel = if n % 2 == 0 { "even" } else { "odd" };
        let event = Event::new(SENT, Outcome::Success)
            .retention(Retention::OPERATIONAL)
            .target("parcel", parcel);
        trail.record_aged(days(400 - n), event).await;
    }
    trail.sequence().await;
    prune(&trail).await;
    let hold = trail
        .place(&NewHold::new("case").target("parcel", "odd"))
        .await
        .id;
    trail.sequence().await;

    let summary = prune(&trail).await;

    assert_eq!((summary.deleted, summary.kept, summary.held), (3, 3, 3));
    trail.sequence().await;
    assert_eq!(excused(&trail).await, [0, 2, 4].into());
    assert_eq!(missing(&trail).await, [0, 2, 4].into());
    // Released, they are announced anew.
    let mut tx = trail.test.db().begin(&trail.ctx).await.unwrap();
    trail
        .log()
        .release_hold(&mut tx, &trail.ctx, hold)
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(prune(&trail).await.announced, 3);
    trail.sequence().await;
    assert_eq!(prune(&trail).await.deleted, 3);
    assert_eq!(excused(&trail).await, missing(&trail).await);
}

#[tokio::test]
async fn a_hold_placed_while_a_prune_runs_loses_nothing_from_the_moment_it_stands() {
    let trail = Trail::new().await;
    let events = |parcel: &'static str| {
        let event = move || {
            Event::new(SENT, Outcome::Success)
                .retention(Retention::OPERATIONAL)
                .target("parcel", parcel)
        };
        (0..EVENTS).map(|_| event()).collect::<Vec<_>>()
    };
    const EVENTS: i64 = 150;
    for round in 0..8 {
        let parcel: &'static str = format!("parcel {round}").leak();
        trail.record_many(&trail.ctx, days(400), events(parcel)).await;
        trail.sequence().await;
        prune(&trail).await;
        trail.sequence().await;

        let options = PruneOptions {
            batch: 7,
            ..at_once()
        };
        let pruner = pruner(&trail);
        let (log, db, ctx) = (trail.log(), trail.test.db(), trail.ctx.clone());
        let placing = tokio::spawn(async move {
            let mut tx = db.begin(&ctx).await.unwrap();
            // At another moment of the run in every round.
            for _ in 0..round * 15 {
                sqlx::query("select 1").execute(&mut tx).await.unwrap();
            }
            let hold = NewHold::new("case").target("parcel", parcel);
            log.place_hold(&mut tx, &ctx, &hold).await.unwrap();
            tx.commit().await.unwrap();
            let mut read = db.read(&ctx).await.unwrap();
            let left: i64 = sqlx::query_scalar(
                "select count(*) from platform_audit.event where tenant_id = $1 and target_id = $2",
            )
            .bind(ctx.tenant())
            .bind(parcel)
            .fetch_one(&mut read)
            .await
            .unwrap();
            left
        });
        let running = tokio::spawn(async move { pruner.run(&options).await.unwrap() });
        let left = placing.await.unwrap();
        let summary = running.await.unwrap();

        let stayed: i64 =
            sqlx::query_scalar("select count(*) from platform_audit.event where target_id = $1")
                .bind(parcel)
                .fetch_one(&mut trail.superuser().await)
                .await
                .unwrap();
        assert_eq!(stayed, left, "round {round}");
        assert_eq!(
            i64::try_from(summary.deleted).unwrap() + stayed,
            EVENTS,
            "round {round}"
        );
        trail.sequence().await;
        assert_eq!(excused(&trail).await, missing(&trail).await, "round {round}");
    }
}

#[tokio::test]
async fn a_run_that_is_cut_off_anywhere_leaves_nothing_missing_that_was_not_announced() {
    let trail = Trail::new().await;
    let options = PruneOptions {
        batch: 5,
        ..at_once()
    };
    let mut cut = 0;
    for round in 0..30_u64 {
        let events = (0..40).map(|_| event(Retention::OPERATIONAL)).collect();
        trail.record_many(&trail.ctx, days(400), events).await;
        trail.sequence().await;
        let pruner = pruner(&trail);

        let run = tokio::time::timeout(Duration::from_millis(1 + round * 3), pruner.run(&options)).await;

        cut += u32::from(run.is_err());
        trail.sequence().await;
        let (excused, missing) = (excused(&trail).await, missing(&trail).await);
        assert!(missing.is_subset(&excused), "round {round}");
    }
    assert!(cut > 5, "{cut}");
    prune(&trail).await;
    trail.sequence().await;
    prune(&trail).await;
    assert_eq!(excused(&trail).await, missing(&trail).await);
    assert_eq!(missing(&trail).await.len(), 30 * 40);
    assert_eq!(trail.count("pruning").await, 0);
}

#[tokio::test]
async fn two_pruners_at_once_delete_everything_once_and_say_nothing_twice() {
    let trail = Trail::new().await;
    for age in 400..420 {
        let events = (0..50).map(|_| event(Retention::OPERATIONAL)).collect();
        trail.record_many(&trail.ctx, days(age), events).await;
    }
    trail.sequence().await;
    let options = PruneOptions {
        batch: 10,
        ..at_once()
    };
    let run = || {
        let (pruner, options) = (pruner(&trail), options.clone());
        tokio::spawn(async move { pruner.run(&options).await.unwrap() })
    };

    let (one, two) = tokio::join!(run(), run());
    let announced = one.unwrap().announced + two.unwrap().announced;
    trail.sequence().await;
    let (one, two) = tokio::join!(run(), run());
    let (one, two) = (one.unwrap(), two.unwrap());

    assert_eq!(announced, 1_000);
    assert_eq!(one.deleted + two.deleted, 1_000);
    assert_eq!((one.kept, two.kept), (0, 0));
    trail.sequence().await;
    assert_eq!(excused(&trail).await, missing(&trail).await);
}
