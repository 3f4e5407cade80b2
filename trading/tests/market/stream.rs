use futures::FutureExt;
use trading::{QuoteBatch, QuoteStream};

use crate::support::{NOW, board, price, symbol, update};

/// What the stream tells without waiting.
fn ready(stream: &mut QuoteStream) -> Option<QuoteBatch> {
    stream
        .next()
        .now_or_never()
        .map(|batch| batch.expect("the board is there"))
}

fn symbols(batch: &QuoteBatch) -> Vec<String> {
    batch
        .quotes()
        .iter()
        .map(|quote| quote.symbol.to_string())
        .collect()
}

#[test]
fn a_stream_without_symbols_tells_nothing() {
    let board = board();
    let mut stream = board.subscribe();

    board.publish(NOW, vec![update("A")]);

    assert!(ready(&mut stream).is_none());
}

#[test]
fn current_quotes_come_at_once_for_an_added_symbol_and_only_once() {
    let board = board();
    board.publish(NOW, vec![update("A"), update("B")]);
    let mut stream = board.subscribe();

    assert!(stream.add(symbol("B")));
    assert_eq!(symbols(&ready(&mut stream).unwrap()), ["B"]);
    assert!(ready(&mut stream).is_none());

    assert!(stream.add(symbol("A")));
    assert_eq!(symbols(&ready(&mut stream).unwrap()), ["A"]);
    assert!(!stream.add(symbol("D")));
    assert_eq!(stream.symbols().collect::<Vec<_>>(), [symbol("A"), symbol("B")]);
}

#[test]
fn only_chosen_symbols_are_told() {
    let board = board();
    let mut stream = board.subscribe_all();
    stream.remove(symbol("B"));

    board.publish(NOW, vec![update("A"), update("B"), update("C")]);
    assert_eq!(symbols(&ready(&mut stream).unwrap()), ["A", "C"]);
    board.publish(NOW, vec![update("B")]);
    assert!(ready(&mut stream).is_none());

    stream.clear();
    board.publish(NOW, vec![update("A")]);
    assert!(ready(&mut stream).is_none());
}

#[test]
fn a_slow_stream_gets_the_newest_quote_of_each_symbol_and_none_between() {
    let board = board();
    let mut stream = board.subscribe_all();
    board.publish(NOW, vec![update("A"), update("B"), update("C")]);
    ready(&mut stream).unwrap();

    for cents in 1..=99 {
        let mut moved = update(if cents % 2 == 0 { "A" } else { "B" });
        moved.bid = price(&format!("9.{cents:02}"));
        board.publish(NOW, vec![moved]);
    }

    let batch = ready(&mut stream).unwrap();
    let told: Vec<_> = batch
        .quotes()
        .iter()
        .map(|quote| (quote.symbol, quote.bid))
        .collect();
    assert_eq!(told, [(symbol("A"), price("9.98")), (symbol("B"), price("9.99"))]);
    assert!(ready(&mut stream).is_none());
}

#[test]
fn the_json_of_a_batch_is_shared_by_all_that_keep_up_and_right_for_those_that_do_not() {
    let board = board();
    let (mut one, mut other, mut slow) = (
        board.subscribe_all(),
        board.subscribe_all(),
        board.subscribe_all(),
    );
    board.publish(NOW, vec![update("A"), update("B"), update("C")]);
    for stream in [&mut one, &mut other, &mut slow] {
        ready(stream).unwrap();
    }

    board.publish(NOW, vec![update("B")]);
    ready(&mut one).unwrap();
    ready(&mut other).unwrap();
    board.publish(NOW, vec![update("C"), update("C")]);

    let [one, other, slow] = [&mut one, &mut other, &mut slow].map(|stream| ready(stream).unwrap());
    assert!(std::sync::Arc::ptr_eq(&one.to_json(), &other.to_json()));
    for batch in [one, slow] {
        let json: Vec<trading::Quote> = serde_json::from_str(&batch.to_json()).unwrap();
        let quotes: Vec<_> = batch.quotes().iter().map(|quote| (***quote).clone()).collect();
        assert_eq!(json, quotes);
    }
}

#[test]
fn a_stream_ends_with_its_board() {
    let board = board();
    let mut stream = board.subscribe_all();

    drop(board);

    assert_eq!(
        stream.next().now_or_never().map(|batch| batch.is_none()),
        Some(true)
    );
}

#[tokio::test]
async fn a_waiting_stream_is_woken_by_a_publication() {
    let board = board();
    let mut stream = board.subscribe_all();

    let told = tokio::spawn(async move { stream.next().await });
    tokio::task::yield_now().await;
    board.publish(NOW, vec![update("A")]);

    assert_eq!(symbols(&told.await.unwrap().unwrap()), ["A"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listener_ends_on_the_last_quote_however_fast_they_come() {
    let board = board();
    let listeners: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = board.subscribe_all();
            tokio::spawn(async move {
                let mut seqs = Vec::new();
                while let Some(batch) = stream.next().await {
                    seqs.extend(
                        batch
                            .quotes()
                            .iter()
                            .filter(|one| one.symbol == symbol("A"))
                            .map(|one| one.seq),
                    );
                }
                seqs
            })
        })
        .collect();

    let mut last = 0;
    for _ in 0..1_000 {
        board.publish(NOW, vec![update("A"), update("B")]);
        last = board.latest(symbol("A")).unwrap().seq;
        tokio::task::yield_now().await;
    }
    drop(board);

    for listener in listeners {
        let seqs = listener.await.unwrap();
        assert!(seqs.is_sorted_by(|a, b| a < b));
        assert_eq!(seqs.last(), Some(&last));
    }
}
