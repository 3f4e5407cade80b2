//! What is stored against what happened.

use std::time::Duration;

use crate::support::{NOW, Trader, With, World, buy, sell};
use tokio_util::sync::CancellationToken;
use trading::{Verification, VerifyFinding};

async fn verify(world: &World) -> Verification {
    let stop = CancellationToken::new();
    world
        .trading
        .verify(&world.system(), &stop, |_| {})
        .await
        .unwrap()
}

/// Two customers with every kind of event.
async fn traded() -> (World, Trader) {
    let world = World::own().await;
    let (trader, other) = (world.trader(), world.trader());
    world.quote("10.00", "10.01", "1000");
    trader.own_shares("100").await;
    other.own_shares("1").await;
    trader.place(&sell("20")).await;
    trader.place(&sell("30").limit("20.00")).await;
    trader.place(&buy("90000")).await;
    let gone = trader.place(&buy("10").limit("8.00")).await.order.id;
    world.trading.cancel(&trader.ctx(), gone).await.unwrap();
    trader.place(&buy("10").limit("9.00")).await;
    world.quote("8.99", "9.00", "4");
    world.match_aapl().await;
    world.clock.set(NOW + Duration::from_secs(86_400));
    world.matcher.end_orders().await.unwrap();
    world.quote("8.99", "9.00", "1000");
    trader.place(&buy("10").limit("8.50")).await;
    (world, trader)
}

#[tokio::test]
async fn what_follows_from_what_happened_is_clean() {
    let (world, _) = traded().await;
    let mut told = Vec::new();

    let stop = CancellationToken::new();
    let verification = world
        .trading
        .verify(&world.system(), &stop, |progress| told.push(progress))
        .await
        .unwrap();

    assert!(verification.is_clean(), "{verification:#?}");
    assert_eq!(verification.verified.accounts, 2);
    assert_eq!(told.len(), 2);
    assert_eq!(told.last(), Some(&verification.verified));
    let events = world.count("trading.event").await;
    assert_eq!(i64::try_from(verification.verified.events), Ok(events));
}

/// What is done to the rows, and how the finding begins.
const DAMAGE: [(&str, &str); 11] = [
    (
        "update trading.account set available_cents = available_cents + 1 where held_cents > 0",
        "Cash {",
    ),
    (
        "update trading.position set realized_cents = realized_cents + 1",
        "Position {",
    ),
    (
        "update trading.orders set worst_price_e4 = worst_price_e4 + 1 where status = 'submitted'",
        "Order {",
    ),
    ("update trading.event set seq = seq + 1000 where seq = 5", "Log {"),
    (
        "update trading.event set kind = 'expired' where kind = 'cancelled'",
        "Log {",
    ),
    (
        "update trading.event set payload = jsonb_set(payload, '{execution,cash}', '\"1.00\"') where kind = 'filled' and seq = 3",
        "Position {",
    ),
    (
        "update trading.transfer set amount = amount + 5 where code = 'deposit'",
        "Sum(",
    ),
    // The sums stay what they are.
    (
        "update trading.transfer set order_id = (select min(id::text)::uuid from trading.orders) where code = 'deposit'",
        "Ledger {",
    ),
    (
        "update trading.event set payload = jsonb_set(payload, '{transfer,amount}', '1000001') where kind = 'opened'",
        "Ledger {",
    ),
    (
        "update trading.event set order_id = (select min(id::text)::uuid from trading.orders) where kind = 'cancelled'",
        "Log {",
    ),
    (
        "delete from trading.event where seq = (select max(seq) from trading.event)",
        "Log {",
    ),
];

#[tokio::test]
async fn every_damage_is_found() {
    for (damage, expected) in DAMAGE {
        let (world, _) = traded().await;
        assert!(world.by_hand(damage.to_owned()).await > 0, "{damage}");

        let verification = verify(&world).await;

        let found = verification.findings.iter().map(|finding| format!("{finding:?}"));
        let found: Vec<_> = found.collect();
        assert!(
            found.iter().any(|finding| finding.starts_with(expected)),
            "{damage}: {found:#?}"
        );
        assert!(!verification.is_clean());
    }
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    let (world, _) = traded().await;
    let stop = CancellationToken::new();
    let stopping = stop.clone();

    let verification = world
        .trading
        .verify(&world.system(), &stop, move |_| stopping.cancel())
        .await
        .unwrap();

    assert!(verification.stopped && !verification.is_clean());
    assert_eq!(verification.verified.accounts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_finds_nothing_while_trading_goes_on() {
    let world = World::own().await;
    world.quote("10.00", "10.01", "1000000");
    let people = [world.trader(), world.trader(), world.trader()];
    let trading = people.map(|trader| {
        tokio::spawn(async move {
            for _ in 0..25 {
                trader.place(&buy("1")).await;
                trader.place(&buy("1").limit("9.00")).await;
            }
        })
    });

    while !trading.iter().all(tokio::task::JoinHandle::is_finished) {
        let verification = verify(&world).await;
        let replayed = verification
            .findings
            .iter()
            .find(|finding| !matches!(finding, VerifyFinding::Sum(_)));
        assert_eq!(replayed, None);
        assert!(verification.is_clean(), "{verification:#?}");
    }
    for task in trading {
        task.await.unwrap();
    }
    assert!(verify(&world).await.is_clean());
}
