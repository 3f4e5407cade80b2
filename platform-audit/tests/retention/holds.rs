use platform_audit::{
    EventPage, HOLD_PLACED, HOLD_RELEASED, HOLDS_MAX, Hold, HoldError, HoldId, HoldPage, InvalidHold,
    NewHold, RETENTION, Retention,
};
use platform_core::pg::DbError;
use platform_core::sqlx::{self, Executor};
use platform_core::time::macros::datetime;
use platform_core::{Clock, Principal, PrincipalId, Sources, SystemClock, TenantId};

use crate::support::{SENT, Trail, days, event, sqlstate};

#[tokio::test]
async fn a_hold_is_placed_listed_and_released_and_both_are_in_the_trail() {
    let trail = Trail::new().await;
    let actor = PrincipalId::generate(&Sources::system());
    let new = NewHold::new(" case 2026-117 ")
        .target("parcel", "p")
        .actor(actor)
        .recorded_from(datetime!(2020-01-01 0:00 UTC))
        .recorded_to(datetime!(2021-01-01 0:00 UTC));

    let placed = trail.place(&new).await;

    assert_eq!(placed.reason, "case 2026-117");
    assert_eq!(placed.scope.actor, Some(actor));
    assert_eq!(
        holds(&trail, HoldPage::standing(10)).await,
        std::slice::from_ref(&placed)
    );
    let released = trail.release(placed.id).await.unwrap();
    assert!(released.released_at.is_some());
    assert_eq!(holds(&trail, HoldPage::standing(10)).await, []);
    let all = HoldPage {
        released: true,
        ..HoldPage::standing(10)
    };
    assert_eq!(holds(&trail, all).await, [released]);
    let mut read = trail.test.db().read(&trail.ctx).await.unwrap();
    let recorded = trail
        .log()
        .events_for_target(&mut read, "hold", &placed.id.to_string(), EventPage::newest(10))
        .await
        .unwrap();
    let actions: Vec<_> = recorded.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, [HOLD_RELEASED.name(), HOLD_PLACED.name()]);
    let detail = recorded[1].detail.clone().unwrap();
    assert_eq!(detail["reason"], "case 2026-117");
    assert_eq!(detail["target_id"], "p");
    assert_eq!(detail["recorded_to"], "2021-01-01T00:00:00Z");
}

#[tokio::test]
async fn a_hold_that_is_released_or_unknown_or_of_another_tenant_is_not_released() {
    let trail = Trail::new().await;
    let placed = trail.place(&NewHold::new("case")).await;
    let stranger = trail.test.tenant().await;
    let theirs = place_as(&trail, stranger, &NewHold::new("case")).await;

    assert!(trail.release(placed.id).await.is_some());

    assert_eq!(trail.release(placed.id).await, None);
    assert_eq!(trail.release(HoldId::generate(&Sources::system())).await, None);
    assert_eq!(trail.release(theirs.id).await, None);
    assert_eq!(holds(&trail, HoldPage::standing(10)).await, []);
}

#[tokio::test]
async fn a_hold_out_of_bounds_is_refused_and_nothing_is_placed() {
    let trail = Trail::new().await;
    let long = "a".repeat(257);
    let bad = [
        (NewHold::new("  "), InvalidHold::Reason),
        (NewHold::new(long.clone()), InvalidHold::Reason),
        (NewHold::new("a\nb"), InvalidHold::Reason),
        (NewHold::new("case").target("", "p"), InvalidHold::Target),
        (NewHold::new("case").target("parcel", ""), InvalidHold::Target),
        (NewHold::new("case").target("parcel", long), InvalidHold::Target),
        (NewHold::new("case").target_kind("par\0cel"), InvalidHold::Target),
        (
            NewHold::new("case").recorded_from(datetime!(0000-01-01 0:00 UTC)),
            InvalidHold::Time,
        ),
        (
            NewHold::new("case")
                .recorded_from(datetime!(2020-01-01 0:00 UTC))
                .recorded_to(datetime!(2020-01-01 0:00 UTC)),
            InvalidHold::Range,
        ),
    ];

    for (hold, why) in bad {
        let mut tx = trail.test.db().begin(&trail.ctx).await.unwrap();
        let error = trail
            .log()
            .place_hold(&mut tx, &trail.ctx, &hold)
            .await
            .unwrap_err();
        assert!(
            matches!(error, HoldError::Invalid(found) if found == why),
            "{error:?}"
        );
        tx.commit().await.unwrap();
    }
    assert_eq!(trail.count("hold").await, 0);
}

#[tokio::test]
async fn as_many_holds_stand_as_can_be_looked_through() {
    let trail = Trail::new().await;
    let mut tx = trail.test.db().begin(&trail.ctx).await.unwrap();
    for _ in 0..HOLDS_MAX {
        trail
            .log()
            .place_hold(&mut tx, &trail.ctx, &NewHold::new("case"))
            .await
            .unwrap();
    }

    let error = trail
        .log()
        .place_hold(&mut tx, &trail.ctx, &NewHold::new("case"))
        .await
        .unwrap_err();

    assert!(matches!(error, HoldError::TooMany), "{error:?}");
}

#[tokio::test]
async fn a_page_of_holds_goes_on_where_the_one_before_ended() {
    let trail = Trail::new().await;
    let mut placed = vec![];
    for n in 0..5 {
        placed.push(trail.place(&NewHold::new(format!("case {n}"))).await);
    }
    placed.reverse();

    let first = holds(&trail, HoldPage::standing(2)).await;
    let before = first.last().map(|hold| hold.id);
    let rest = holds(
        &trail,
        HoldPage {
            before,
            ..HoldPage::standing(1_000)
        },
    )
    .await;

    assert_eq!([first, rest].concat(), placed);
}

#[tokio::test]
async fn a_hold_cannot_be_placed_or_released_past_the_trail() {
    let trail = Trail::new().await;
    let placed = trail.place(&NewHold::new("case")).await;
    let statements = [
        "insert into platform_audit.hold (tenant_id, id, reason) values ($1, gen_random_uuid(), 'x')",
        "update platform_audit.hold set released_at = now() where tenant_id = $1",
    ];

    for sql in statements {
        let mut tx = trail.test.db().begin(&trail.ctx).await.unwrap();
        sqlx::query(sql)
            .bind(trail.tenant)
            .execute(&mut tx)
            .await
            .unwrap();
        assert!(matches!(tx.commit().await, Err(DbError::Unaudited(_))), "{sql}");
    }

    assert_eq!(holds(&trail, HoldPage::standing(10)).await, [placed]);
}

#[tokio::test]
async fn nothing_but_its_release_is_ever_changed_in_a_hold() {
    let trail = Trail::new().await;
    let placed = trail.place(&NewHold::new("case")).await;
    trail.release(placed.id).await.unwrap();
    let standing = trail.place(&NewHold::new("case").target("parcel", "p")).await;

    let mut superuser = trail.superuser().await;
    for sql in [
        "update platform_audit.hold set released_at = null",
        "update platform_audit.hold set target_id = 'q'",
        "update platform_audit.hold set recorded_to = now()",
        "update platform_audit.hold set tenant_id = gen_random_uuid()",
        "delete from platform_audit.hold",
        "truncate platform_audit.hold",
        "insert into platform_audit.hold (tenant_id, id, reason, released_at) values (gen_random_uuid(), gen_random_uuid(), 'x', now())",
    ] {
        let error = superuser.execute(sql).await.unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{sql}");
    }
    let mut tx = trail.test.db().begin(&trail.ctx).await.unwrap();
    let widened = sqlx::query("update platform_audit.hold set reason = 'other'")
        .execute(&mut tx)
        .await
        .unwrap_err();
    assert_eq!(sqlstate(&widened), "42501");
    assert_eq!(holds(&trail, HoldPage::standing(10)).await, [standing]);
}

#[tokio::test]
async fn a_hold_keeps_what_it_is_on_and_nothing_else() {
    let trail = Trail::new().await;
    let (ann, bob) = (
        PrincipalId::generate(&Sources::system()),
        PrincipalId::generate(&Sources::system()),
    );
    let by = |who| Principal::user(who, platform_core::PermissionSet::default());
    let meta = || platform_core::RequestMeta::internal(&Sources::system());
    let as_ann = platform_core::RequestContext::authenticated(trail.tenant, by(ann), meta());
    let for_ann =
        platform_core::RequestContext::authenticated(trail.tenant, by(bob), meta()).on_behalf_of(by(ann));
    let as_bob = platform_core::RequestContext::authenticated(trail.tenant, by(bob), meta());
    let to = |id: &str| {
        platform_audit::Event::new(SENT, platform_audit::Outcome::Success)
            .retention(Retention::OPERATIONAL)
            .target("box", "b")
            .target("parcel", id)
    };
    let mut ids = vec![];
    for (ctx, id, age) in [
        (&as_ann, "p", 400),
        (&for_ann, "q", 300),
        (&as_bob, "p", 300),
        (&as_bob, "q", 400),
    ] {
        ids.push(trail.record_aged_as(ctx, days(age), to(id)).await);
    }
    trail.sequence().await;
    let year_ago = SystemClock.now() - days(365);
    let cases = [
        (NewHold::new("case"), vec![0, 1, 2, 3]),
        (NewHold::new("case").target_kind("parcel"), vec![0, 1, 2, 3]),
        (NewHold::new("case").target_kind("letter"), vec![]),
        // The second target counts as the first does.
        (NewHold::new("case").target("parcel", "p"), vec![0, 2]),
        (NewHold::new("case").target("box", "p"), vec![]),
        // Done by her or for her.
        (NewHold::new("case").actor(ann), vec![0, 1]),
        (NewHold::new("case").recorded_to(year_ago), vec![0, 3]),
        (NewHold::new("case").recorded_from(year_ago), vec![1, 2]),
        (
            NewHold::new("case")
                .actor(ann)
                .target("parcel", "q")
                .recorded_from(year_ago),
            vec![1],
        ),
    ];

    for (hold, kept) in cases {
        let placed = trail.place(&hold).await;
        let mut tx = trail.test.db().begin_as(&RETENTION).await.unwrap();
        sqlx::query("delete from platform_audit.event")
            .execute(&mut tx)
            .await
            .unwrap();
        let left: Vec<platform_audit::EventId> =
            sqlx::query_scalar("select id from platform_audit.event where action = 'parcel.send'")
                .fetch_all(&mut tx)
                .await
                .unwrap();
        tx.rollback().await.unwrap();
        let left: Vec<usize> = (0..ids.len()).filter(|n| left.contains(&ids[*n])).collect();
        assert_eq!(left, kept, "{hold:?}");
        trail.release(placed.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_deletion_waits_for_a_hold_that_is_being_placed_and_honours_it() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    let mut placing = trail.test.db().begin(&trail.ctx).await.unwrap();
    trail
        .log()
        .place_hold(&mut placing, &trail.ctx, &NewHold::new("case"))
        .await
        .unwrap();

    let db = trail.test.db();
    let deleting = tokio::spawn(async move {
        let mut tx = db.begin_as(&RETENTION).await.unwrap();
        let deleted = sqlx::query("delete from platform_audit.event")
            .execute(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        deleted.rows_affected()
    });
    trail.wait_for_a_waiter("delete from platform_audit.event").await;
    placing.commit().await.unwrap();

    assert_eq!(deleting.await.unwrap(), 0);
    assert_eq!(trail.count("entry").await, 1);
}

#[tokio::test]
async fn a_hold_waits_for_a_deletion_that_does_not_know_of_it() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    let mut deleting = trail.test.db().begin_as(&RETENTION).await.unwrap();
    sqlx::query("delete from platform_audit.event")
        .execute(&mut deleting)
        .await
        .unwrap();

    let (db, log, ctx) = (trail.test.db(), trail.log(), trail.ctx.clone());
    let placing = tokio::spawn(async move {
        let mut tx = db.begin(&ctx).await.unwrap();
        log.place_hold(&mut tx, &ctx, &NewHold::new("case"))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    });
    trail.wait_for_a_waiter("insert into platform_audit.hold").await;
    assert_eq!(trail.count("hold").await, 0);
    deleting.rollback().await.unwrap();
    placing.await.unwrap();

    assert_eq!(trail.count("hold").await, 1);
    let mut tx = trail.test.db().begin_as(&RETENTION).await.unwrap();
    let deleted = sqlx::query("delete from platform_audit.event")
        .execute(&mut tx)
        .await
        .unwrap();
    assert_eq!(deleted.rows_affected(), 0);
}

async fn place_as(trail: &Trail, tenant: TenantId, hold: &NewHold) -> Hold {
    let ctx = trail.test.context(tenant);
    let mut tx = trail.test.db().begin(&ctx).await.unwrap();
    let placed = trail.log().place_hold(&mut tx, &ctx, hold).await.unwrap();
    tx.commit().await.unwrap();
    placed
}

async fn holds(trail: &Trail, page: HoldPage) -> Vec<Hold> {
    let mut read = trail.test.db().read(&trail.ctx).await.unwrap();
    let holds = trail.log().holds(&mut read, page).await.unwrap();
    read.finish().await.unwrap();
    holds
}
