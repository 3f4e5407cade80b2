//! Topics of which only the newest counts.

use platform_core::bus::Topic;
use platform_core::hub::{Board, Framing};

use crate::support::{Service, public};

fn text(key: &str, value: u32) -> (String, String) {
    (key.to_owned(), format!("{key}{value}"))
}

#[tokio::test]
async fn who_watches_gets_what_is_on_the_board_at_once_and_then_what_is_published() {
    let service = Service::new(public());
    service.quotes.publish([text("A", 1), text("B", 1)]);
    let mut client = service.connect().await;

    assert_eq!(client.ask("watch A C").await, "ok");
    assert_eq!(client.hear().await, "[A1]");
    service.quotes.publish([text("A", 2), text("B", 2), text("C", 2)]);
    assert_eq!(client.hear().await, "[A2,C2]");
    service.quotes.publish([text("B", 3)]);
    service.quotes.publish([text("C", 4)]);
    assert_eq!(client.hear().await, "[C4]");
}

/// The connection's task does not run while this test publishes, which is what a slow client comes to.
#[tokio::test]
async fn a_slow_client_gets_the_newest_under_each_key_and_not_those_between() {
    let service = Service::new(public());
    let (mut all, mut one) = (service.connect().await, service.connect().await);
    assert_eq!(all.ask("watch-all").await, "ok");
    assert_eq!(one.ask("watch B").await, "ok");

    service.quotes.publish([text("A", 0), text("B", 0)]);
    assert_eq!(
        (all.hear().await, one.hear().await),
        ("[A0,B0]".into(), "[B0]".into())
    );
    for value in 1..=100 {
        service.quotes.publish([text("A", value)]);
        service.quotes.publish([text("B", value)]);
    }

    assert_eq!(all.hear().await, "[A100,B100]");
    assert_eq!(one.hear().await, "[B100]");
    // 198 of the one who watches everything, 99 of the other.
    assert_eq!(service.metric("websocket_updates_conflated_total"), Some(297));
}

#[tokio::test]
async fn keys_are_added_and_removed_one_by_one() {
    let service = Service::new(public());
    service.quotes.publish([text("A", 1), text("B", 1), text("C", 1)]);
    let mut client = service.connect().await;

    assert_eq!(client.ask("watch A").await, "ok");
    assert_eq!(client.hear().await, "[A1]");
    assert_eq!(client.ask("watch C").await, "ok");
    assert_eq!(client.hear().await, "[C1]");
    assert_eq!(client.ask("watched").await, "A,C");
    assert_eq!(client.ask("unwatch A X").await, "ok");
    service.quotes.publish([text("A", 2), text("C", 2)]);
    assert_eq!(client.hear().await, "[C2]");
    assert_eq!(client.ask("watch-all").await, "ok");
    assert_eq!(client.hear().await, "[A2,B1,C2]");
    assert_eq!(client.ask("unwatch B").await, "ok");
    service.quotes.publish([text("A", 3), text("B", 3)]);
    assert_eq!(client.hear().await, "[A3]");
    assert_eq!(client.ask("unwatch A B C").await, "ok");
    service.quotes.publish([text("C", 4)]);
    assert_eq!(client.ask("watched").await, "");
}

#[tokio::test]
async fn a_key_that_the_board_does_not_have_watches_nothing() {
    let service = Service::new(public());
    let mut client = service.connect().await;

    assert_eq!(client.ask("watch A X").await, "unknown_key");
    assert_eq!(client.ask("watched").await, "");
}

#[test]
fn a_board_takes_the_second_of_two_texts_and_leaves_out_keys_that_it_does_not_have() {
    let board = Board::new(Topic::public("quotes").unwrap(), ["A", "B", "A"], Framing::Each);

    let taken = board.publish([text("A", 1), text("X", 1), text("A", 2)]);

    assert_eq!(taken, 1);
    assert_eq!(board.keys().len(), 2);
    assert_eq!(board.newest("A").as_deref(), Some("A2"));
    assert_eq!(board.newest("B"), None);
    assert_eq!(board.newest("X"), None);
    assert_eq!(board.publish([text("X", 2)]), 0);
}

#[tokio::test]
async fn many_clients_at_different_paces_all_end_with_the_newest() {
    let service = Service::new(public());
    let mut clients = Vec::new();
    for number in 0..50 {
        let mut client = service.connect().await;
        let watch = if number % 2 == 0 { "watch-all" } else { "watch A B" };
        assert_eq!(client.ask(watch).await, "ok");
        clients.push(client);
    }

    for value in 0..=500 {
        service
            .quotes
            .publish([text("A", value), text("B", 1_000 + value)]);
        if value % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }

    for client in &mut clients {
        let mut last = 0;
        loop {
            let heard = client.hear().await;
            let value: u32 = heard.split(['A', ',']).nth(1).unwrap().parse().unwrap();
            assert!(value >= last, "{value} after {last}");
            last = value;
            if value == 500 {
                assert_eq!(heard, "[A500,B1500]");
                break;
            }
        }
    }
}
