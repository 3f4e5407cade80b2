//! Who sees the accounts of others.

use std::time::Duration;

use platform_core::{
    Authority, Granted, Holding, OwnedResource, PermissionSet, Principal, PrincipalId, Window,
};
use trading::{ACCOUNT, AccountId, TradingError, VIEW};

use crate::support::{Trader, World};

/// Somebody who may view this account, in a window.
fn viewer(world: &World, of: AccountId, window: Window) -> Trader {
    let holding = Holding {
        permissions: [VIEW].into_iter().collect(),
        on: Some(OwnedResource {
            kind: ACCOUNT.into(),
            id: of.to_string().into(),
        }),
        window,
    };
    let authority =
        Authority::new(PermissionSet::default()).with(Granted::new(vec![holding]), world.clock_now());
    let id = PrincipalId::generate(&world.sources);
    Trader {
        world: world.clone(),
        principal: Principal::service(id, PermissionSet::default()).with_authority(authority),
    }
}

#[tokio::test]
async fn an_account_is_seen_by_whom_it_was_granted_and_until_when() {
    let world = World::new().await;
    world.quote("10.00", "10.01", "1000");
    let (owner, neighbour) = (world.trader(), world.trader());
    owner.own_shares("7").await;
    neighbour.own_shares("1").await;
    let (ours, theirs) = (owner.portfolio().await, neighbour.portfolio().await);
    let until = world.clock_now() + Duration::from_secs(60);
    let viewer = viewer(&world, ours.account.id, Window::new(None, Some(until)).unwrap());
    let trading = &world.trading;

    let seen = trading
        .portfolio_of(&viewer.ctx(), ours.account.id)
        .await
        .unwrap();
    assert_eq!(seen.as_ref(), Some(&ours));
    let other = trading.portfolio_of(&viewer.ctx(), theirs.account.id).await;
    assert_eq!(other.unwrap(), None);
    let all = trading.accounts(&viewer.ctx(), None, 10).await;
    assert!(matches!(all, Err(TradingError::Forbidden(_))), "{all:?}");

    world.clock.set(until);
    let late = trading.portfolio_of(&viewer.ctx(), ours.account.id).await;
    assert_eq!(late.unwrap(), None);
}

#[tokio::test]
async fn an_account_is_hidden_from_everybody_else_as_if_it_were_not_there() {
    let world = World::new().await;
    let abroad = world.other_tenant().await;
    world.quote("10.00", "10.01", "1000");
    let owner = world.trader();
    owner.own_shares("7").await;
    let account = owner.portfolio().await.account.id;
    let twin = viewer(&abroad, account, Window::ALWAYS);

    for other in [&owner, &world.trader(), &abroad.trader_with([VIEW]), &twin] {
        let seen = other.world.trading.portfolio_of(&other.ctx(), account).await;
        assert_eq!(seen.unwrap(), None);
    }
}

#[tokio::test]
async fn whoever_may_view_all_accounts_lists_those_of_the_own_tenant_page_by_page() {
    let world = World::new().await;
    let abroad = world.other_tenant().await;
    world.quote("10.00", "10.01", "1000");
    let mut owners = Vec::new();
    for _ in 0..3 {
        let owner = world.trader();
        owner.own_shares("1").await;
        owners.push(owner.principal.id().unwrap());
    }
    abroad.trader().own_shares("1").await;
    let ctx = world.trader_with([VIEW]).ctx();

    let first = world.trading.accounts(&ctx, None, 2).await.unwrap();
    let rest = world.trading.accounts(&ctx, Some(first[1].id), 2).await.unwrap();

    let listed: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|account| account.owner_id)
        .collect();
    assert_eq!(listed, owners);
    for account in first.iter().chain(&rest) {
        let seen = world.trading.portfolio_of(&ctx, account.id).await.unwrap();
        assert_eq!(seen.unwrap().account.id, account.id);
    }
}
