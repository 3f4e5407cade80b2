//! What is kept of accounts after every thousandth of their events, and what that finds.

use std::time::Duration;

use crate::support::{Trader, With, World, buy, sell};
use platform_core::pg::{Db, DbConfig};
use tokio_util::sync::CancellationToken;
use trading::{ADJUST, AccountId, StateHashWorker, VIEW, Verification, VerifyRequest};

async fn verify(world: &World) -> Verification {
    let stop = CancellationToken::new();
    let verified = world.trading.verify(&world.system(), &stop, |_| {}).await;
    verified.unwrap()
}

/// How the findings begin, each once.
async fn findings(world: &World) -> Vec<String> {
    let found = verify(world).await.findings;
    let mut found: Vec<_> = found.iter().map(|finding| finding.rule().to_owned()).collect();
    found.dedup();
    found
}

async fn keep(world: &World) -> u64 {
    StateHashWorker::new(&world.trading).keep().await.unwrap()
}

/// Places so many orders that end at once: two events each.
async fn end_orders(trader: &Trader, count: u32) {
    for _ in 0..count {
        trader.place(&buy("1").limit("1.00").until("ioc")).await;
    }
}

/// Pays into the account, or out of it.
async fn pay(world: &World, account: AccountId, (key, amount): (&str, &str)) {
    let admin = world.trader_with([VIEW, ADJUST]);
    let reason = "test".parse().unwrap();
    let ctx = admin.keyed(key);
    let paid = (amount.parse().unwrap(), &reason);
    world.trading.adjust_cash(&ctx, account, paid).await.unwrap();
}

async fn hashes(world: &World) -> Vec<(i64, bool)> {
    world
        .rows("select seq, state is not null from trading.state_hash order by seq")
        .await
}

/// Somebody with a position and open orders, and a thousand and some events.
async fn busy(world: &World) -> (Trader, AccountId) {
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    trader.own_shares("100").await;
    trader.place(&sell("30").limit("20.00").named("named")).await;
    trader.place(&buy("3").limit("5.00").until("gtc")).await;
    end_orders(&trader, 500).await;
    let account = world.trading.account(&trader.ctx()).await.unwrap().id;
    (trader, account)
}

#[tokio::test]
async fn a_hash_is_kept_of_every_thousandth_event_and_none_before() {
    let world = World::own().await;
    let quiet = world.trader();
    quiet.cash().await;
    let (trader, _) = busy(&world).await;

    assert_eq!((keep(&world).await, keep(&world).await), (1, 0));
    assert_eq!(hashes(&world).await, [(1_000, true)]);
    assert_eq!(
        hashes(&world.other_tenant().await).await,
        [],
        "another tenant has none"
    );
    world.sound().await;

    // The next one goes on from the books that were kept, which are then needed no more.
    end_orders(&trader, 500).await;
    assert_eq!(keep(&world).await, 1);
    assert_eq!(hashes(&world).await, [(1_000, false), (2_000, true)]);
    let verified = verify(&world).await;
    assert!(verified.is_clean(), "{verified:#?}");
    assert_eq!(verified.verified.events, 1 + 2_005);

    // Of a thousand and more orders only those are held that are open, or ended within a thousand events.
    assert!(world.count("trading.orders").await > 1_000);
    let held = verified.verified.orders_held_max;
    assert!((2..=503).contains(&held), "{held} orders were in memory");

    // An account with so many events is not verified where there is no time.
    let auditor = world.trader_with([VIEW]);
    let mut request = VerifyRequest {
        after: None,
        accounts_max: 200,
        within: Duration::ZERO,
    };
    let mut left_out = Vec::new();
    loop {
        let verified = world.trading.verify_some(&auditor.ctx(), &request).await.unwrap();
        left_out.extend(verified.not_verified);
        request.after = verified.next;
        if verified.next.is_none() {
            break;
        }
    }
    let account = world.trading.account(&trader.ctx()).await.unwrap().id;
    assert_eq!(left_out, [account]);
}

#[tokio::test]
async fn a_log_that_was_altered_and_comes_to_the_same_is_found() {
    let world = World::own().await;
    let (trader, account) = busy(&world).await;
    assert_eq!(keep(&world).await, 1);
    // What was paid in before the next hash is paid out after it.
    pay(&world, account, ("in", "5.00")).await;
    end_orders(&trader, 500).await;
    assert_eq!(keep(&world).await, 1);
    pay(&world, account, ("out", "-5.00")).await;
    world.sound().await;

    // Both amounts are others now, in the log and in the ledger: everything adds up and follows.
    let alter = |from: u32, to: u32| {
        let world = world.clone();
        async move {
            for sql in [
                format!(
                    "update trading.event set payload = jsonb_set(payload, '{{transfer,amount}}', '{to}')
                     where kind in ('deposit', 'withdrawal') and payload->'transfer'->>'amount' = '{from}'"
                ),
                format!(
                    "update trading.transfer set amount = {to} where code in ('deposit', 'withdrawal') and amount = {from}"
                ),
            ] {
                assert_eq!(world.by_hand(sql).await, 2);
            }
        }
    };
    alter(500, 777).await;
    assert_eq!(findings(&world).await, ["state"]);
    alter(777, 500).await;
    world.sound().await;

    // A hash that is another, and one that is gone.
    world
        .by_hand("update trading.state_hash set hash = sha256(hash) where seq = 1000".to_owned())
        .await;
    assert_eq!(findings(&world).await, ["state"]);
    world
        .by_hand("delete from trading.state_hash where seq = 1000".to_owned())
        .await;
    assert_eq!(findings(&world).await, ["state"]);
}

#[tokio::test]
async fn books_that_were_altered_where_they_are_kept_are_not_gone_on_with() {
    let world = World::own().await;
    let (trader, _) = busy(&world).await;
    assert_eq!(keep(&world).await, 1);
    world
        .by_hand(
            "update trading.state_hash set state = jsonb_set(state, '{books,available_cents}', '99')"
                .to_owned(),
        )
        .await;

    end_orders(&trader, 500).await;

    assert_eq!(keep(&world).await, 1, "from the first event on");
    assert_eq!(hashes(&world).await, [(1_000, false), (2_000, true)]);
    world.sound().await;
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_found() {
    let world = World::own().await;
    let (trader, account) = busy(&world).await;
    assert_eq!(keep(&world).await, 1);
    let order = trader.place(&buy("1").limit("2.00")).await.order.id;
    world.trading.cancel(&trader.ctx(), order).await.unwrap();

    // As if only the first hundred events had been.
    world
        .by_hand(format!(
            "delete from trading.event where account_id = '{account}' and seq > 100"
        ))
        .await;
    world
        .by_hand("update trading.account set event_seq = 100".to_owned())
        .await;

    assert!(findings(&world).await.contains(&"state".to_owned()));
}

#[tokio::test]
async fn a_tenant_without_a_free_connection_keeps_nobody_else_from_theirs() {
    let big = World::own().await;
    let config = DbConfig {
        tenant_connections: Some(1),
        acquire_timeout: Duration::from_millis(500),
        ..DbConfig::new(big.test.app_url()).with_max_connections(3)
    };
    let world = big.with_db(Db::connect(&config, big.sources.clone()).await.unwrap());
    // Tenants are looked at in the order in which they came.
    busy(&big.other_tenant().await).await;
    let taken = world.db.begin(&world.system()).await.unwrap();

    assert_eq!(keep(&world).await, 1);

    drop(taken);
}
