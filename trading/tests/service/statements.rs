//! Files of orders and statements of days.

use std::time::Duration;

use crate::http::app::{App, order, text};
use crate::support::{Trader, With, World, buy, sell};
use axum::http::header;
use time::macros::{date, datetime};
use trading::{ClosingWorker, OrderExportFormat, OrderStatusFilter, Statement, TradingError};

async fn export(trader: &Trader, format: OrderExportFormat) -> String {
    let ctx = trader.ctx();
    let export = trader
        .world
        .trading
        .export_orders(&ctx, OrderStatusFilter::All, format)
        .await;
    let mut export = export.unwrap();
    let mut all = Vec::new();
    while let Some(lines) = export.next().await.unwrap() {
        all.extend(lines);
    }
    assert_eq!(export.next().await.unwrap(), None);
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_table_of_orders_has_every_order_once_and_no_formula() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    trader
        .place(&buy("1").limit("5.00").named("=HYPERLINK(\"x\")"))
        .await;
    trader.place(&sell("3").named("@sum,1")).await;
    for _ in 0..501 {
        trader.place(&buy("1").limit("4.00").until("ioc")).await;
    }

    let csv = export(&trader, OrderExportFormat::Csv).await;

    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().take(3).collect::<Vec<_>>(),
        ["id", "client_order_id", "symbol"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 503);
    assert!(rows.is_sorted_by(|newer, older| newer[0] > older[0]));
    let first = rows.last().unwrap();
    assert_eq!(&first[1], "'=HYPERLINK(\"x\")");
    assert_eq!((&first[6], &first[7], &first[9]), ("1", "5.00", "submitted"));
    assert_eq!(
        (&rows[501][1], &rows[501][10]),
        ("'@sum,1", "insufficient_shares")
    );
    let jsonl = export(&trader, OrderExportFormat::Jsonl).await;
    let lines: Vec<serde_json::Value> = jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 503);
    assert_eq!(lines[502]["client_order_id"], "=HYPERLINK(\"x\")");
}

#[tokio::test]
async fn an_export_without_orders_is_empty_and_an_export_is_an_event() {
    let world = World::new().await;
    let trader = world.trader();

    assert_eq!(export(&trader, OrderExportFormat::Jsonl).await, "");
    let csv = export(&trader, OrderExportFormat::Csv).await;

    assert_eq!(csv.lines().count(), 1);
    let events = world.events_of("data", "orders").await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].actor_id, trader.principal.id());
    let reader = world.trader_with([]);
    let all = OrderStatusFilter::All;
    let refused = world
        .trading
        .export_orders(&reader.ctx(), all, OrderExportFormat::Csv)
        .await;
    assert!(matches!(refused, Err(TradingError::Forbidden(_))), "{refused:?}");
}

#[tokio::test]
async fn the_route_gives_a_file() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    app.order("alice", "", &order("buy", "1", None)).await.ok();
    app.order("alice", "", &order("buy", "1", Some("5.00")))
        .await
        .ok();
    let path = "/api/v1/orders/export";

    let csv = app.get("alice", &format!("{path}?status=filled")).await;
    let jsonl = app.get("alice", &format!("{path}?format=jsonl")).await;

    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(
        csv.header(header::CONTENT_DISPOSITION.as_str()),
        Some("attachment; filename=\"orders.csv\"")
    );
    assert_eq!(csv.text().lines().count(), 2);
    assert_eq!(jsonl.text().lines().count(), 2);
    assert_eq!(app.get("bob", &format!("{path}?format=jsonl")).await.text(), "");
    for (wrong, code) in [
        ("format=xlsx", "invalid_export"),
        ("status=lost", "invalid_status"),
    ] {
        let answer = app.get("alice", &format!("{path}?{wrong}")).await;
        assert_eq!(answer.problem(), (422, code.to_owned()));
    }
    assert_eq!(app.get("", path).await.problem().0, 401);
    let wrong = app
        .get("alice", "/api/v1/account/statements?date=2026-02-30")
        .await;
    assert_eq!(wrong.problem(), (422, "invalid_date".to_owned()));
    let none = app
        .get("alice", "/api/v1/account/statements?date=2026-01-04")
        .await;
    assert_eq!(none.problem(), (404, "not_found".to_owned()));
}

/// Opening, activities and closing are one chain.
fn hangs_together(statement: &Statement) {
    let first = statement.activities.first().map(|activity| activity.seq);
    let last = statement.activities.last();
    assert!(
        first.is_none_or(|seq| seq == statement.opening.last_seq + 1),
        "{statement:#?}"
    );
    assert_eq!(
        last.map_or(statement.opening.last_seq, |last| last.seq),
        statement.closing.last_seq
    );
    let cash = statement
        .activities
        .iter()
        .rev()
        .find(|activity| activity.asset == "cash");
    if let Some(cash) = cash {
        assert_eq!(
            cash.available.to_string(),
            statement.closing.available.to_string()
        );
        assert_eq!(cash.held.to_string(), statement.closing.held.to_string());
    }
}

#[tokio::test]
async fn a_statement_leads_from_one_close_to_the_next() {
    let world = World::own().await;
    let trader = world.trader();
    let mut worker = ClosingWorker::new(&world.trading);
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("100").await;
    let rejected = trader.place(&sell("500")).await.order.id;
    let resting = trader.place(&buy("10").limit("9.00")).await.order.id;
    worker.meet(&world.board.all()).await.unwrap();
    world.clock.set(datetime!(2026-01-06 00:00 UTC));
    worker.close_if_due().await.unwrap();
    world.matcher.end_orders().await.unwrap();
    world.quote("12.00", "12.00", "1000");
    worker.meet(&world.board.all()).await.unwrap();
    let sold = trader.place(&sell("40")).await.order.id;
    world
        .clock
        .set(datetime!(2026-01-07 00:00 UTC) + Duration::from_secs(5));
    worker.close_if_due().await.unwrap();

    let (trading, ctx) = (&world.trading, trader.ctx());
    let first = trading
        .statement(&ctx, date!(2026 - 01 - 05))
        .await
        .unwrap()
        .unwrap();
    let second = trading
        .statement(&ctx, date!(2026 - 01 - 06))
        .await
        .unwrap()
        .unwrap();

    hangs_together(&first);
    hangs_together(&second);
    assert_eq!((first.since, first.opening.last_seq), (None, 0));
    assert_eq!(first.closing.equity.to_string(), "10000.00");
    assert_eq!(
        (
            first.closing.available.to_string(),
            first.closing.held.to_string()
        ),
        ("8910.00".into(), "90.00".into())
    );
    assert_eq!(first.positions[0].value.to_string(), "1000.00");
    let ids = |statement: &Statement| statement.orders.iter().map(|order| order.id).collect::<Vec<_>>();
    assert!(ids(&first).contains(&resting) && !ids(&first).contains(&rejected));
    assert_eq!(second.opening, first.closing);
    assert_eq!(second.since, Some(first.session_close));
    assert_eq!(second.closing.equity.to_string(), "10200.00");
    // The order of the day before has expired in this one.
    assert_eq!(ids(&second), [resting, sold]);
    assert!(first.is_complete && second.is_complete);
    for day in [date!(2026 - 01 - 04), date!(2026 - 01 - 07), time::Date::MAX] {
        assert_eq!(trading.statement(&ctx, day).await.unwrap(), None);
    }
    let stranger = world.trader();
    assert_eq!(
        trading
            .statement(&stranger.ctx(), date!(2026 - 01 - 05))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        text(&serde_json::to_value(&second).unwrap()["closing"]["equity"]),
        "10200.00"
    );
}
