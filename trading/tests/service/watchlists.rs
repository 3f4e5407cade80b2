//! Lists of symbols.

use crate::http::app::{App, request, text};
use crate::support::{Trader, World, symbol};
use axum::http::Method;
use platform_audit::Retention;
use trading::{Symbol, WATCHLIST_SYMBOLS_MAX, WATCHLISTS_MAX, WatchlistError, WatchlistId};

async fn names(trader: &Trader) -> Vec<String> {
    let lists = trader.world.trading.watchlists(&trader.ctx()).await.unwrap();
    lists.into_iter().map(|list| list.name).collect()
}

async fn create(trader: &Trader, name: &str) -> Result<WatchlistId, WatchlistError> {
    trader.world.tick();
    let ctx = trader.ctx();
    let created = trader.world.trading.create_watchlist(&ctx, name, &[]).await;
    created.map(|list| list.id)
}

async fn symbols(trader: &Trader, list: WatchlistId) -> Vec<Symbol> {
    let lists = trader.world.trading.watchlists(&trader.ctx()).await.unwrap();
    let list = lists.into_iter().find(|one| one.id == list).unwrap();
    list.items.into_iter().map(|item| item.symbol).collect()
}

#[tokio::test]
async fn a_new_account_has_a_first_list() {
    let world = World::new().await;
    let trader = world.trader();

    assert_eq!(names(&trader).await, ["My Watchlist"]);

    assert_eq!(names(&trader).await, ["My Watchlist"]);
}

#[tokio::test]
async fn symbols_stay_in_the_order_in_which_they_were_added() {
    let world = World::new().await;
    let trader = world.trader();
    let (trading, ctx) = (&world.trading, trader.ctx());
    let list = create(&trader, "Chips").await.unwrap();

    for name in ["MSFT", "AAPL", "IBM"] {
        world.tick();
        assert!(trading.watch(&ctx, list, symbol(name)).await.unwrap().1);
    }
    world.tick();
    assert!(!trading.watch(&ctx, list, symbol("MSFT")).await.unwrap().1);
    trading.unwatch(&ctx, list, symbol("AAPL")).await.unwrap();

    assert_eq!(symbols(&trader, list).await, ["MSFT", "IBM"].map(symbol));
    let again = trading.unwatch(&ctx, list, symbol("AAPL")).await;
    assert!(matches!(again, Err(WatchlistError::NotFound)), "{again:?}");
}

#[tokio::test]
async fn a_name_that_is_taken_or_malformed_is_refused() {
    let world = World::new().await;
    let trader = world.trader();
    let longest = "ü".repeat(64);

    create(&trader, &longest).await.unwrap();
    let taken = create(&trader, "My Watchlist").await;
    assert!(matches!(taken, Err(WatchlistError::NameTaken)), "{taken:?}");
    for name in ["", " ", "a ", " a", "a\nb", "\u{0}", &"a".repeat(65)] {
        let refused = create(&trader, name).await;
        assert!(
            matches!(refused, Err(WatchlistError::InvalidName)),
            "{name:?}: {refused:?}"
        );
    }

    assert_eq!(names(&trader).await, ["My Watchlist", &longest]);
}

#[tokio::test]
async fn what_is_not_traded_is_not_watched() {
    let world = World::new().await;
    let trader = world.trader();
    let (trading, ctx) = (&world.trading, trader.ctx());
    let list = create(&trader, "Chips").await.unwrap();

    let added = trading.watch(&ctx, list, symbol("NOPE")).await;
    let made = trading
        .create_watchlist(&ctx, "Other", &[symbol("AAPL"), symbol("NOPE")])
        .await;

    assert!(
        matches!(added, Err(WatchlistError::UnknownSymbol(_))),
        "{added:?}"
    );
    assert!(matches!(made, Err(WatchlistError::UnknownSymbol(_))), "{made:?}");
    assert_eq!(names(&trader).await, ["My Watchlist", "Chips"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_requests_do_not_pass_the_limit_of_lists() {
    let world = World::new().await;
    let trader = world.trader();
    let tasks: Vec<_> = (0..WATCHLISTS_MAX + 5)
        .map(|n| {
            let trader = trader.clone();
            tokio::spawn(async move { create(&trader, &format!("list {n}")).await })
        })
        .collect();

    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => {}
            Err(WatchlistError::TooMany) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }

    // The first list counts.
    assert_eq!(refused, 6);
    assert_eq!(names(&trader).await.len(), WATCHLISTS_MAX);
}

#[tokio::test]
async fn a_list_has_a_limit_of_symbols() {
    let world = World::with_symbols(WATCHLIST_SYMBOLS_MAX + 1).await;
    let trader = world.trader();
    let (trading, ctx) = (&world.trading, trader.ctx());
    let all: Vec<Symbol> = trading
        .board()
        .instruments()
        .iter()
        .map(|one| one.symbol)
        .collect();
    let (last, full) = all.split_last().unwrap();

    let list = trading.create_watchlist(&ctx, "Full", full).await.unwrap();

    let one_more = trading.watch(&ctx, list.id, *last).await;
    assert!(
        matches!(one_more, Err(WatchlistError::TooManySymbols)),
        "{one_more:?}"
    );
    let at_once = trading.create_watchlist(&ctx, "Over", &all).await;
    assert!(
        matches!(at_once, Err(WatchlistError::TooManySymbols)),
        "{at_once:?}"
    );
    assert!(!trading.watch(&ctx, list.id, full[0]).await.unwrap().1);
}

#[tokio::test]
async fn every_change_is_an_event_without_the_customers_words() {
    let world = World::new().await;
    let trader = world.trader();
    let (trading, ctx) = (&world.trading, trader.ctx());
    let list = create(&trader, "for my divorce").await.unwrap();

    trading.watch(&ctx, list, symbol("IBM")).await.unwrap();
    trading.watch(&ctx, list, symbol("IBM")).await.unwrap();
    trading.unwatch(&ctx, list, symbol("IBM")).await.unwrap();
    trading.delete_watchlist(&ctx, list).await.unwrap();

    let events = world.events_of("watchlist", &list.to_string()).await;
    let actions: Vec<_> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "watchlist.create",
            "watchlist.add",
            "watchlist.remove",
            "watchlist.delete"
        ]
    );
    for event in &events {
        assert_eq!(event.retention, Retention::OPERATIONAL);
        assert!(!format!("{event:?}").contains("divorce"), "{event:?}");
    }
    assert_eq!(names(&trader).await, ["My Watchlist"]);
}

#[tokio::test]
async fn the_routes_show_live_quotes_to_the_owner_alone() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let body = r#"{"name":"Mine","symbols":["AAPL","IBM"]}"#;
    let created = app.post("alice", "/api/v1/watchlists", body).await;
    assert_eq!(created.status.as_u16(), 201);
    let id = text(&created.ok()["id"]);
    app.world.quote("11.00", "11.01", "100");

    let lists = app.get("alice", "/api/v1/watchlists").await.ok();
    let items = lists["data"][1]["items"].clone();
    assert_eq!(items[0]["quote"]["bid"], "11.00");
    assert_eq!(items[0]["quote"]["stale"], false);
    assert_eq!(items[1]["symbol"], "IBM");
    assert!(items[1]["quote"].is_null());

    for who in ["bob", "carol"] {
        let path = format!("/api/v1/watchlists/{id}");
        let items = format!("{path}/items");
        for answer in [
            app.delete(who, &path).await,
            app.delete(who, &format!("{items}/AAPL")).await,
            app.post(who, &items, r#"{"symbol":"MSFT"}"#).await,
        ] {
            assert_eq!(answer.problem(), (404, "not_found".to_owned()));
        }
        // Their own accounts are open now; that changes nothing.
        app.get(who, "/api/v1/watchlists").await.ok();
        assert_eq!(app.delete(who, &path).await.problem().0, 404);
    }
    let items = format!("/api/v1/watchlists/{id}/items");
    let added = app.post("alice", &items, r#"{"symbol":"MSFT"}"#).await;
    assert_eq!(added.status.as_u16(), 201);
    let gone = app
        .delete("alice", &format!("/api/v1/watchlists/{id}/items/AAPL"))
        .await;
    assert_eq!(gone.status.as_u16(), 204);
    let gone = app.delete("alice", &format!("/api/v1/watchlists/{id}")).await;
    assert_eq!(gone.status.as_u16(), 204);
}

#[tokio::test]
async fn the_routes_refuse_what_is_malformed_and_who_may_not_trade() {
    let app = App::new().await;
    let lists = "/api/v1/watchlists";
    for (body, status, code) in [
        (r#"{"name":""}"#, 422, "invalid_name"),
        (r#"{"name":"My Watchlist"}"#, 409, "name_taken"),
        (r#"{"name":"A","symbols":["NOPE"]}"#, 422, "unknown_symbol"),
        (r#"{"name":"A","symbols":["not a symbol"]}"#, 422, "invalid_body"),
        (r#"{"name":"A","colour":"red"}"#, 422, "invalid_body"),
        (r#"{"symbols":[]}"#, 422, "invalid_body"),
    ] {
        let answer = app.post("alice", lists, body).await;
        assert_eq!(answer.problem(), (status, code.to_owned()), "{body}");
    }
    let unknown = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";
    let answer = app.delete("alice", &format!("{lists}/{unknown}/items/%20")).await;
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
    for (who, status) in [("reader", 403), ("", 401)] {
        assert_eq!(app.get(who, lists).await.problem().0, status);
        let created = request(Method::POST, who, lists, &[], Some(br#"{"name":"A"}"#.to_vec()));
        assert_eq!(app.send(created).await.problem().0, status);
    }
}
