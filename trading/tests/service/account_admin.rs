//! Suspending, resuming and closing accounts of others.

use std::collections::BTreeSet;

use crate::support::{Trader, With, World, buy, sell};
use platform_audit::Activity;
use serde_json::json;
use trading::{
    ACCOUNT, ADJUST, AccountAdminError, AccountId, AccountStatus, AdminReason, MANAGE, OrderStatus,
    PlaceError, Suspended, TRADE, TradingError, VIEW,
};

fn reason() -> AdminReason {
    "case 2026-118".parse().unwrap()
}

async fn account_of(trader: &Trader) -> AccountId {
    trader.world.trading.account(&trader.ctx()).await.unwrap().id
}

async fn status(trader: &Trader) -> AccountStatus {
    trader.world.trading.account(&trader.ctx()).await.unwrap().status
}

async fn suspend_and_cancel(admin: &Trader, account: AccountId) -> Suspended {
    let trading = &admin.world.trading;
    trading
        .suspend_account_and_cancel(&admin.ctx(), account, &reason())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_suspended_account_places_nothing_and_what_is_open_goes_on() {
    let world = World::new().await;
    let (trader, admin) = (world.trader(), world.trader_with([VIEW, MANAGE]));
    world.quote("10.00", "10.01", "1000");
    let fills = trader.place(&buy("10").limit("9.00")).await.order.id;
    let withdrawn = trader.place(&buy("10").limit("8.00")).await.order.id;
    let account = account_of(&trader).await;

    let suspended = world
        .trading
        .suspend_account(&admin.ctx(), account, &reason())
        .await
        .unwrap();

    assert_eq!(suspended.account.status, AccountStatus::Suspended);
    assert_eq!(suspended.cancelled_orders, 0);
    let refused = trader.try_place(&buy("1")).await;
    assert!(matches!(refused, Err(PlaceError::AccountInactive)), "{refused:?}");
    world.quote("8.99", "9.00", "1000");
    world.match_aapl().await;
    assert_eq!(trader.order(fills).await.status, OrderStatus::Filled);
    world.trading.cancel(&trader.ctx(), withdrawn).await.unwrap();
    let resumed = world
        .trading
        .resume_account(&admin.ctx(), account, &reason())
        .await
        .unwrap();
    assert_eq!(resumed.status, AccountStatus::Active);
    trader.own_shares("1").await;
    world.sound().await;
}

#[tokio::test]
async fn open_orders_can_be_withdrawn_with_the_suspension() {
    let world = World::new().await;
    let (trader, admin) = (world.trader(), world.trader_with([VIEW, MANAGE]));
    world.quote("10.00", "10.01", "1000");
    trader.own_shares("10").await;
    let open = [
        trader.place(&buy("10").limit("9.00")).await.order.id,
        trader.place(&sell("4").limit("20.00")).await.order.id,
        trader.place(&buy("3").limit("8.00").of("AAPL")).await.order.id,
    ];
    let account = account_of(&trader).await;

    let suspended = suspend_and_cancel(&admin, account).await;

    assert_eq!(suspended.cancelled_orders, 3);
    assert_eq!(suspended.account.held.to_string(), "0.00");
    assert_eq!(suspended.account.buying_power.to_string(), "9899.90");
    for id in open {
        assert_eq!(trader.order(id).await.status, OrderStatus::Cancelled);
        let events = world.events(id).await;
        assert_eq!(events.last().unwrap().action, "order.cancel");
    }
    assert_eq!(trader.shares().await, ("10".to_owned(), "10".to_owned()));
    assert_eq!(suspend_and_cancel(&admin, account).await.cancelled_orders, 0);
    world.sound().await;
}

#[tokio::test]
async fn only_a_flat_account_is_closed_and_it_stays_closed() {
    let world = World::new().await;
    let (trader, admin) = (world.trader(), world.trader_with([VIEW, MANAGE]));
    let (trading, ctx) = (&world.trading, admin.ctx());
    world.quote("10.00", "10.01", "1000");
    trader.own_shares("10").await;
    let account = account_of(&trader).await;

    let with_shares = trading.close_account(&ctx, account, &reason()).await;
    assert!(
        matches!(with_shares, Err(AccountAdminError::NotFlat)),
        "{with_shares:?}"
    );
    trader.place(&sell("10")).await;
    let open = trader.place(&buy("1").limit("5.00")).await.order.id;
    let with_an_order = trading.close_account(&ctx, account, &reason()).await;
    assert!(
        matches!(with_an_order, Err(AccountAdminError::NotFlat)),
        "{with_an_order:?}"
    );
    trading.cancel(&trader.ctx(), open).await.unwrap();
    let closed = trading.close_account(&ctx, account, &reason()).await.unwrap();

    assert_eq!(closed.status, AccountStatus::Closed);
    let refused = trader.try_place(&buy("1")).await;
    assert!(matches!(refused, Err(PlaceError::AccountInactive)), "{refused:?}");
    for outcome in [
        trading
            .suspend_account(&ctx, account, &reason())
            .await
            .map(|_| ()),
        trading
            .suspend_account_and_cancel(&ctx, account, &reason())
            .await
            .map(|_| ()),
        trading.resume_account(&ctx, account, &reason()).await.map(|_| ()),
    ] {
        assert!(matches!(outcome, Err(AccountAdminError::Closed)), "{outcome:?}");
    }
    trading.close_account(&ctx, account, &reason()).await.unwrap();
    assert_eq!(status(&trader).await, AccountStatus::Closed);
}

#[tokio::test]
async fn the_trail_says_who_did_it_and_why() {
    let world = World::new().await;
    let (trader, admin) = (world.trader(), world.trader_with([VIEW, MANAGE]));
    let account = account_of(&trader).await;
    let (trading, ctx) = (&world.trading, admin.ctx());

    trading.suspend_account(&ctx, account, &reason()).await.unwrap();
    // Nothing changes, so there is nothing to tell.
    trading.suspend_account(&ctx, account, &reason()).await.unwrap();
    trading.resume_account(&ctx, account, &reason()).await.unwrap();
    trading.close_account(&ctx, account, &reason()).await.unwrap();

    let events = world.events_of("account", &account.to_string()).await;
    let actions: Vec<_> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "account.open",
            "account.suspend",
            "account.resume",
            "account.close"
        ]
    );
    let suspended = &events[1];
    assert_eq!(suspended.actor_id, admin.principal.id());
    assert_eq!(suspended.activity, Activity::Update);
    assert_eq!(suspended.detail, Some(json!({ "reason": "case 2026-118" })));
    assert_eq!(
        suspended.changes,
        Some(json!({ "account.status": { "before": "active", "after": "suspended" } }))
    );
}

#[tokio::test]
async fn who_may_not_see_an_account_finds_none_and_who_may_not_manage_it_is_refused() {
    let world = World::new().await;
    let abroad = world.other_tenant().await;
    let trader = world.trader();
    let account = account_of(&trader).await;
    let trading = &world.trading;

    for stranger in [
        world.trader(),
        world.trader_with([MANAGE]),
        abroad.trader_with([TRADE, VIEW, MANAGE, ADJUST]),
    ] {
        let refused = trading.suspend_account(&stranger.ctx(), account, &reason()).await;
        assert!(matches!(refused, Err(AccountAdminError::NotFound)), "{refused:?}");
    }
    for viewer in [world.trader_with([VIEW]), world.trader_with([VIEW, ADJUST])] {
        let refused = trading.close_account(&viewer.ctx(), account, &reason()).await;
        let forbidden = matches!(
            &refused,
            Err(AccountAdminError::Trading(TradingError::Forbidden(forbidden))) if forbidden.permission() == MANAGE
        );
        assert!(forbidden, "{refused:?}");
    }
    let unknown = AccountId::generate(&world.sources);
    let admin = world.trader_with([VIEW, MANAGE]);
    let refused = trading.resume_account(&admin.ctx(), unknown, &reason()).await;
    assert!(matches!(refused, Err(AccountAdminError::NotFound)), "{refused:?}");
    assert_eq!(status(&trader).await, AccountStatus::Active);
    assert_eq!(ACCOUNT, "account");
}

/// T14-11: each placement is before the suspension and there, or after it and refused; none comes later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn placements_that_race_a_suspension_are_carried_out_or_refused() {
    let world = World::new().await;
    let (trader, admin) = (world.trader(), world.trader_with([VIEW, MANAGE]));
    world.quote("10.00", "10.01", "1000000");
    let account = account_of(&trader).await;
    let placements: Vec<_> = (0..16)
        .map(|_| {
            let trader = trader.clone();
            tokio::spawn(async move {
                let placed = trader
                    .world
                    .trading
                    .place(&trader.ctx(), &buy("1").limit("9.00"))
                    .await;
                match placed {
                    Ok(placed) => Some(placed.outcome().order.id),
                    Err(PlaceError::AccountInactive) => None,
                    Err(other) => panic!("{other:?}"),
                }
            })
        })
        .collect();

    let suspended = suspend_and_cancel(&admin, account).await;

    let mut placed = BTreeSet::new();
    for placement in placements {
        placed.extend(placement.await.unwrap());
    }
    assert_eq!(suspended.cancelled_orders, u64::try_from(placed.len()).unwrap());
    for id in placed {
        assert_eq!(trader.order(id).await.status, OrderStatus::Cancelled);
    }
    assert_eq!(trader.cash().await, ("10000.00".to_owned(), "0.00".to_owned()));
    world.sound().await;
}
