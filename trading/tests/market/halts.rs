use std::time::Duration;

use trading::NotTaken;

use crate::support::{NOW, board, buy, symbol, update};

#[test]
fn a_halt_is_published_and_nothing_is_taken_of_the_symbol_from_then_on() {
    let board = board();
    board.publish(NOW, vec![update("A"), update("B")]);
    let before = board.latest(symbol("A")).unwrap();

    assert!(board.halt(symbol("A"), NOW));
    assert!(!board.halt(symbol("A"), NOW));

    let halted = board.latest(symbol("A")).unwrap();
    assert!(halted.halted && !before.halted);
    assert!(halted.seq > before.seq);
    assert_eq!(halted.last, before.last);
    assert_eq!(board.take(&buy(1)).unwrap_err(), NotTaken::Halted);
    assert!(!board.latest(symbol("B")).unwrap().halted);
}

#[test]
fn no_quote_of_a_halted_symbol_appears_until_it_is_resumed() {
    let board = board();
    board.publish(NOW, vec![update("A")]);
    board.halt(symbol("A"), NOW);
    let halted = board.latest(symbol("A")).unwrap().seq;

    assert_eq!(board.publish(NOW, vec![update("A"), update("B")]), 1);
    assert_eq!(board.latest(symbol("A")).unwrap().seq, halted);

    assert!(board.resume(symbol("A")));
    assert!(!board.resume(symbol("A")));
    // The price of the halt is not one to trade on, however short the halt was.
    assert_eq!(board.take(&buy(1)).unwrap_err(), NotTaken::Halted);
    board.publish(NOW, vec![update("A")]);
    assert!(!board.latest(symbol("A")).unwrap().halted);
    assert!(board.take(&buy(1)).is_ok());
}

#[test]
fn a_symbol_that_was_halted_before_its_first_quote_shows_one_price_and_trades_at_none() {
    let board = board();
    board.halt(symbol("A"), NOW);

    assert_eq!(board.publish(NOW, vec![update("A")]), 1);
    assert_eq!(board.publish(NOW + Duration::from_secs(1), vec![update("A")]), 0);

    assert!(board.latest(symbol("A")).unwrap().halted);
    assert_eq!(board.take(&buy(1)).unwrap_err(), NotTaken::Halted);
}

#[tokio::test]
async fn a_stream_tells_of_the_halt() {
    let board = board();
    board.publish(NOW, vec![update("A"), update("B")]);
    let mut stream = board.subscribe_all();
    stream.next().await.unwrap();

    board.halt(symbol("B"), NOW);

    let batch = stream.next().await.unwrap();
    let told: Vec<_> = batch
        .quotes()
        .iter()
        .map(|quote| (quote.symbol, quote.halted))
        .collect();
    assert_eq!(told, [(symbol("B"), true)]);
    assert!(batch.to_json().contains("\"halted\":true"));
}

#[test]
fn a_symbol_that_is_not_on_the_board_cannot_be_halted() {
    let board = board();

    assert!(!board.halt(symbol("Z"), NOW));
    assert!(!board.is_halted(symbol("Z")));
}
