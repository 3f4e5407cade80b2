//! What is stored against what happened.

use std::time::Duration;

use crate::support::{NOW, Trader, With, World, buy, limit_to, sell};
use tokio_util::sync::CancellationToken;
use trading::{TradingError, VIEW, Verification, VerifiedAccounts, VerifyFinding, VerifyRequest};

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
    trader.place(&sell("30").limit("20.00").named("named")).await;
    trader.place(&buy("90000")).await;
    let gone = trader.place(&buy("10").limit("8.00")).await.order.id;
    world.trading.cancel(&trader.ctx(), gone).await.unwrap();
    trader.place(&buy("10").limit("9.00")).await;
    world.quote("8.99", "9.00", "4");
    world.match_aapl().await;
    world.clock.set(NOW + Duration::from_secs(86_400));
    world.matcher.end_orders().await.unwrap();
    world.quote("8.99", "9.00", "1000");
    let moved = trader.place(&buy("10").limit("8.50")).await.order.id;
    trader.replace(moved, &limit_to("8.60")).await.unwrap();
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
const DAMAGE: [(&str, &str); 24] = [
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
    // One more than there were.
    (
        "insert into trading.event select tenant_id, account_id, seq + 1, kind, order_id, at, payload from trading.event e
         where seq = (select event_seq from trading.account a where a.id = e.account_id)",
        "Log {",
    ),
    (
        "delete from trading.event where seq = (select max(seq) from trading.event)",
        "Log {",
    ),
    // What the rules do not decide on.
    (
        "update trading.orders set expires_at = expires_at + interval '1 hour' where status = 'submitted'",
        "Order {",
    ),
    (
        "update trading.orders set version = version + 1 where status = 'filled'",
        "Order {",
    ),
    (
        "update trading.orders set client_order_id = 'another' where client_order_id = 'named'",
        "Order {",
    ),
    (
        "update trading.orders set opens_at = accepted_at where status = 'cancelled'",
        "Order {",
    ),
    (
        "update trading.orders set requeued_at = accepted_at where status = 'cancelled'",
        "Order {",
    ),
    (
        "update trading.orders set accepted_at = accepted_at - interval '1 second' where status = 'rejected'",
        "Order {",
    ),
    (
        "update trading.orders set updated_at = updated_at + interval '1 second' where status = 'expired'",
        "Order {",
    ),
    (
        "update trading.event set payload = jsonb_set(payload, '{record,version}', '7') where kind = 'cancelled'",
        "Log {",
    ),
    (
        "update trading.event set payload = jsonb_set(payload, '{record,client_order_id}', '\"another\"') where kind = 'rejected'",
        "Order {",
    ),
    // An order of which nothing tells.
    (
        "insert into trading.orders
         select (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(), 'client_order_id', null))).*
         from trading.orders o where o.status = 'rejected'",
        "Order {",
    ),
    (
        "update trading.execution set executed_at = executed_at + interval '1 second'",
        "Execution {",
    ),
    // One more than there were, which the account counts.
    (
        "with more as (
             insert into trading.transfer
             select (jsonb_populate_record(t, jsonb_build_object('seq', t.seq + 1))).* from trading.transfer t
             where t.seq = (select a.last_seq from trading.account a where a.id = t.account_id)
         )
         update trading.account set last_seq = last_seq + 1",
        "Ledger {",
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

fn page(accounts_max: u32) -> VerifyRequest {
    VerifyRequest {
        after: None,
        accounts_max,
        within: Duration::from_secs(60),
    }
}

async fn verify_some(world: &World, request: &VerifyRequest) -> Result<VerifiedAccounts, TradingError> {
    let auditor = world.trader_with([VIEW]);
    world.trading.verify_some(&auditor.ctx(), request).await
}

#[tokio::test]
async fn an_administrator_verifies_accounts_page_by_page() {
    let (world, _) = traded().await;
    world.trader().cash().await;
    let mut request = page(2);

    let first = verify_some(&world, &request).await.unwrap();
    request.after = first.next;
    let second = verify_some(&world, &request).await.unwrap();

    assert!(first.verification.is_clean() && second.verification.is_clean());
    assert_eq!(
        (first.verification.verified.accounts, first.are_sums_verified),
        (2, true)
    );
    assert_eq!(
        (second.verification.verified.accounts, second.are_sums_verified),
        (1, false)
    );
    assert!(first.next.is_some());
    assert_eq!((second.next, second.not_verified), (None, None));
    let told: Vec<(String,)> = world
        .rows("select detail::text from platform_audit.event where action = 'books.verify' order by id")
        .await;
    assert!(
        told[0].0.contains(r#""accounts": 2"#) && told.len() == 2,
        "{told:?}"
    );
}

#[tokio::test]
async fn a_page_ends_with_its_time_and_the_next_goes_on() {
    let (world, _) = traded().await;
    world.trader().cash().await;
    let mut request = VerifyRequest {
        within: Duration::ZERO,
        ..page(200)
    };

    let mut accounts = 0;
    for _ in 0..3 {
        let verified = verify_some(&world, &request).await.unwrap();
        accounts += verified.verification.verified.accounts;
        assert_eq!(
            (verified.verification.stopped, verified.not_verified),
            (false, None)
        );
        request.after = verified.next;
        if verified.next.is_none() {
            break;
        }
    }

    assert_eq!((accounts, request.after), (3, None));
}

#[tokio::test]
async fn the_accounts_of_a_tenant_are_verified_for_one_at_a_time() {
    let (world, _) = traded().await;
    let (first, second) = (page(1), page(1));

    let both = tokio::join!(verify_some(&world, &first), verify_some(&world, &second));

    assert!(both.0.is_ok());
    assert!(matches!(both.1, Err(TradingError::Verifying)), "{:?}", both.1);
    verify_some(&world, &first).await.unwrap();
}

#[tokio::test]
async fn whoever_may_not_see_all_accounts_verifies_none() {
    let (world, trader) = traded().await;

    let refused = world.trading.verify_some(&trader.ctx(), &page(1)).await;

    assert!(matches!(refused, Err(TradingError::Forbidden(_))), "{refused:?}");
}

#[tokio::test]
async fn what_a_release_wrote_that_kept_no_records_is_not_judged_by_them() {
    let (world, trader) = traded().await;
    world
        .by_hand(
            "update trading.event set payload = payload - 'record' where order_id is not null".to_owned(),
        )
        .await;
    assert!(verify(&world).await.is_clean());
    world
        .by_hand("update trading.orders set version = version + 3, expires_at = null".to_owned())
        .await;
    assert!(verify(&world).await.is_clean(), "nothing says what they were");

    // From the next event on its order is judged again.
    let open = trader.place(&buy("1").limit("8.00")).await.order.id;
    assert!(verify(&world).await.is_clean());
    let damaged = format!("update trading.orders set version = version + 1 where id = '{open}'");
    world.by_hand(damaged).await;
    assert_eq!(verify(&world).await.findings_total, 1);
}

/// The statement with which the log of accounts was begun that were older.
fn opening() -> String {
    let migration = include_str!("../../../migrations/trading/20261121081000_event.sql");
    let begins = migration.find("insert into trading.event").unwrap();
    let (statement, _) = migration[begins..].split_once(';').unwrap();
    statement.to_owned()
}

#[tokio::test]
async fn an_account_that_is_older_than_its_log_is_verified_from_there_on() {
    let (world, trader) = traded().await;
    let open = trader.place(&buy("1").limit("8.00")).await.order.id;
    world.by_hand("delete from trading.event".to_owned()).await;
    world.by_hand(opening()).await;
    world
        .by_hand("update trading.account set event_seq = 1".to_owned())
        .await;
    world.sound().await;

    world.trading.cancel(&trader.ctx(), open).await.unwrap();
    let after = trader.place(&buy("2").limit("8.00")).await.order.id;
    world.trading.cancel(&trader.ctx(), after).await.unwrap();
    world.sound().await;

    // Of what was before the log nothing tells; what came after it is compared row by row.
    let moved = |order| {
        format!(
            "update trading.transfer set order_id = (select min(id::text)::uuid from trading.orders) where order_id = '{order}'"
        )
    };
    assert_eq!(world.by_hand(moved(after)).await, 2);
    let found = verify(&world).await.findings;
    assert!(matches!(found[..], [VerifyFinding::Ledger { .. }]), "{found:#?}");
}
