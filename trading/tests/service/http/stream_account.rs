//! What happens to the own account, over the stream.

use std::net::SocketAddr;
use std::sync::Arc;

use platform_core::metrics::Metrics;
use platform_core::runtime::{CancellationToken, Outcome, PlatformBuilder, ShutdownConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Error;
use trading::OrderId;
use trading::http::{StreamBackends, StreamConfig};

use super::app::{BOUND, Tokens};
use super::stream::{Client, platform_of};
use crate::support::{Trader, With as _, World, buy};

const POLICY: u16 = 1008;

/// A brokerage that serves, with `alice` and `bob` in one tenant, `carol` in another and `reader`, who may not trade.
pub(super) struct Served {
    pub(super) world: World,
    pub(super) alice: Trader,
    pub(super) bob: Trader,
    carol: Trader,
    pub(super) address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<Outcome>,
}

impl Served {
    pub(super) async fn new() -> Self {
        Self::with(StreamConfig::default(), |builder| builder).await
    }

    /// With these bounds, and more of the platform.
    pub(super) async fn with(
        stream: StreamConfig,
        more: impl FnOnce(PlatformBuilder) -> PlatformBuilder,
    ) -> Self {
        let world = World::own().await;
        let abroad = world.other_tenant().await;
        let (alice, bob, carol) = (world.trader(), world.trader(), abroad.trader());
        let reader = world.trader_with([]);
        let tokens: Arc<Tokens> = Arc::new(Tokens::of(&[
            ("alice", &alice),
            ("bob", &bob),
            ("carol", &carol),
            ("reader", &reader),
            (BOUND.0, &alice),
        ]));
        let backends = StreamBackends {
            authenticate: Some(tokens.clone()),
            ..StreamBackends::default()
        };
        let platform = platform_of(&world, (stream, backends), &Metrics::new(), |builder| {
            more(builder.authenticate_with(tokens))
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = platform.serve(
            listener,
            ShutdownConfig::default(),
            stop.clone().cancelled_owned(),
        );
        Self {
            serving: tokio::spawn(serving),
            world,
            alice,
            bob,
            carol,
            address,
            stop,
        }
    }

    /// The status and the body of a request for a ticket.
    pub(super) async fn ticket(&self, who: &str) -> (u16, Value) {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let credential = match who {
            "" => String::new(),
            who => format!("Authorization: Bearer {who}\r\n"),
        };
        let request = format!(
            "POST /api/v1/ws/ticket HTTP/1.1\r\nHost: localhost\r\n{credential}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(
            head.to_ascii_lowercase().contains("cache-control: no-store"),
            "{head}"
        );
        (status, serde_json::from_str(body).unwrap())
    }

    /// Signs in with a token, and tells the number that was named.
    pub(super) async fn signed_in(&self, who: &str) -> (Client, u64) {
        let mut client = Client::connect(self.address, "/ws").await;
        let answer = client
            .ask(&json!({ "type": "auth", "token": who }).to_string())
            .await;
        assert_eq!(answer["type"], "authenticated", "{answer}");
        (client, answer["seq"].as_u64().unwrap())
    }

    /// Places an order that rests, and cancels it: two events.
    pub(super) async fn place_and_cancel(&self, who: &Trader) -> OrderId {
        let order = who.place(&buy("1").limit("1.00")).await.order.id;
        self.world.trading.cancel(&who.ctx(), order).await.unwrap();
        order
    }

    pub(super) async fn stopped(self) {
        self.stop.cancel();
        assert_eq!(self.serving.await.unwrap(), Outcome::Clean);
    }
}

pub(super) fn kinds(events: &[Value]) -> Vec<(u64, &str, &str)> {
    let mut kinds = Vec::new();
    for event in events {
        let (seq, about, kind) = (
            event["seq"].as_u64(),
            event["type"].as_str(),
            event["kind"].as_str(),
        );
        kinds.push((seq.unwrap(), about.unwrap(), kind.unwrap()));
    }
    kinds
}

pub(super) async fn hear(client: &mut Client, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(client.hear().await);
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_signed_in_hears_of_every_event_of_their_account_and_of_no_other() {
    let served = Served::new().await;
    served.world.quote("10.00", "10.01", "100");
    let (mut alice, none_yet) = served.signed_in("alice").await;
    let (mut bob, _) = served.signed_in("bob").await;
    let (mut carol, _) = served.signed_in("carol").await;
    let mut anonymous = Client::connect(served.address, "/ws").await;

    let order = served.place_and_cancel(&served.alice).await;
    let heard = hear(&mut alice, 3).await;
    served.place_and_cancel(&served.bob).await;
    let heard_by_bob = hear(&mut bob, 3).await;

    assert_eq!(none_yet, 0);
    let opened = [
        (1, "account", "opened"),
        (2, "order", "accepted"),
        (3, "order", "cancelled"),
    ];
    assert_eq!(kinds(&heard), opened);
    assert_eq!(kinds(&heard_by_bob), opened);
    assert_eq!(heard[1]["order_id"], json!(order));
    assert!(heard[1]["payload"].is_object());
    assert_ne!(heard_by_bob[1]["order_id"], json!(order));
    for client in [&mut alice, &mut bob, &mut carol, &mut anonymous] {
        assert_eq!(client.ask(r#"{"type":"ping"}"#).await["type"], "pong");
    }
    drop((alice, bob, carol, anonymous));
    served.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_resumes_without_a_gap() {
    let served = Served::new().await;
    served.world.quote("10.00", "10.01", "100");
    served.place_and_cancel(&served.carol).await;
    let (carol, seq) = served.signed_in("carol").await;
    assert_eq!(seq, 3);
    drop(carol);

    served.place_and_cancel(&served.carol).await;
    let (mut carol, now) = served.signed_in("carol").await;
    let resumed = carol
        .ask(&json!({ "type": "resume", "seq": seq }).to_string())
        .await;
    let missed = hear(&mut carol, 2).await;
    served.world.trading.accounts_changed();
    served.place_and_cancel(&served.carol).await;
    let next = hear(&mut carol, 2).await;
    let too_far = carol.ask(r#"{"type":"resume","seq":8}"#).await;

    assert_eq!(now, 5);
    assert_eq!(resumed, json!({ "type": "resumed", "seq": 3 }));
    assert_eq!(
        kinds(&missed),
        [(4, "order", "accepted"), (5, "order", "cancelled")]
    );
    assert_eq!(
        kinds(&next),
        [(6, "order", "accepted"), (7, "order", "cancelled")]
    );
    assert_eq!(
        (&too_far["type"], &too_far["code"]),
        (&json!("error"), &json!("unknown_seq"))
    );
    drop(carol);
    served.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_a_stream_once() {
    let served = Served::new().await;

    let (status, issued) = served.ticket("alice").await;
    let ticket = issued["ticket"].as_str().unwrap();
    let mut first = Client::try_connect(served.address, &format!("/ws?ticket={ticket}"))
        .await
        .unwrap();
    let (connected, authenticated) = (first.hear().await, first.hear().await);
    let second = Client::try_connect(served.address, &format!("/ws?ticket={ticket}")).await;
    let (_, issued) = served.ticket("alice").await;
    let mut by_message = Client::connect(served.address, "/api/v1/ws").await;
    let shown = json!({ "type": "auth", "ticket": issued["ticket"] }).to_string();
    let answer = by_message.ask(&shown).await;
    let again = by_message.ask(&shown).await;

    assert_eq!(status, 201);
    assert_eq!(
        (&connected["type"], &connected["authenticated"]),
        (&json!("connected"), &json!(true))
    );
    let tenant = json!(served.alice.world.tenant);
    assert_eq!(
        authenticated,
        json!({ "type": "authenticated", "tenant_id": tenant, "seq": 0 })
    );
    let Err(Error::Http(refused)) = second.map(drop) else {
        panic!("a ticket was good twice")
    };
    assert_eq!(refused.status().as_u16(), 401);
    assert_eq!(answer["type"], "authenticated");
    assert_eq!(again["code"], "already_authenticated");
    assert_eq!(served.ticket("").await.0, 401);
    drop((first, by_message));
    served.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_not_good_closes_it() {
    let served = Served::new().await;

    for auth in [
        json!({ "type": "auth", "token": "mallory" }),
        json!({ "type": "auth", "token": "a\nb" }),
        json!({ "type": "auth", "ticket": "x".repeat(43) }),
        json!({ "type": "auth", "ticket": "" }),
    ] {
        let mut client = Client::connect(served.address, "/ws").await;
        client.say(&auth.to_string()).await;
        assert_eq!(client.closing().await, POLICY, "{auth}");
    }
    for auth in [
        json!({ "type": "auth" }),
        json!({ "type": "auth", "token": "alice", "ticket": "x" }),
    ] {
        let mut client = Client::connect(served.address, "/ws").await;
        assert_eq!(
            client.ask(&auth.to_string()).await["code"],
            "malformed_message",
            "{auth}"
        );
    }
    served.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_for_those_who_may_trade() {
    let served = Served::new().await;

    let (mut reader, seq) = served.signed_in("reader").await;
    let forbidden = reader.ask(r#"{"type":"resume","seq":0}"#).await;
    let mut anonymous = Client::connect(served.address, "/ws").await;
    let unauthenticated = anonymous.ask(r#"{"type":"resume","seq":0}"#).await;

    assert_eq!(seq, 0);
    assert_eq!(forbidden["code"], "forbidden");
    assert_eq!(unauthenticated["code"], "unauthenticated");
    drop((reader, anonymous));
    served.stopped().await;
}
