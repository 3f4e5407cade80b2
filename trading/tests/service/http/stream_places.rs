//! Who may open a stream, how many of them, and from where.

use platform_core::http::HttpConfig;
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;
use trading::http::StreamConfig;

use super::app::BOUND;
use super::stream::Client;
use super::stream_account::Served;

const AGAIN: u16 = 1013;
const POLICY: u16 = 1008;

/// Behind a proxy on this machine, which names the address of its client.
async fn behind_a_proxy(stream: StreamConfig) -> Served {
    Served::with(stream, |builder| {
        builder.http(HttpConfig {
            rate_limit: None,
            trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
            ..HttpConfig::default()
        })
    })
    .await
}

async fn from(served: &Served, address: &str) -> Result<Client, Error> {
    let headers = [("x-forwarded-for", address), ("user-agent", BOUND.2)];
    let mut client = Client::try_connect_with(served.address, "/ws", &headers).await?;
    assert_eq!(client.hear().await["type"], "connected");
    Ok(client)
}

/// The status and the code with which a stream was refused.
fn refused(connecting: Result<Client, Error>) -> (u16, String) {
    let Err(Error::Http(answer)) = connecting.map(drop) else {
        panic!("it was opened")
    };
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert!(answer.headers().contains_key("retry-after"));
    let body = answer.body().clone().unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let code = problem["code"].as_str().unwrap();
    (answer.status().as_u16(), code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_that_a_trusted_proxy_names_has_as_many_streams_as_it_may() {
    let mut config = StreamConfig::default();
    config.hub.connections_per_address_max = 2;
    let served = behind_a_proxy(config).await;

    let (first, second) = (
        from(&served, "203.0.113.7").await.unwrap(),
        from(&served, "203.0.113.7").await.unwrap(),
    );
    let third = from(&served, "203.0.113.7").await;
    let elsewhere = from(&served, "203.0.113.8").await.unwrap();

    assert_eq!(refused(third), (429, "too_many_streams_of_address".to_owned()));
    drop((first, second, elsewhere));
    served.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_who_has_all_streams_that_it_may_is_told_so() {
    let mut config = StreamConfig::default();
    config.hub.connections_per_principal_max = 1;
    let served = Served::with(config, |builder| builder).await;
    let (mut alice, _) = served.signed_in("alice").await;

    let mut by_message = Client::connect(served.address, "/ws").await;
    let answer = by_message.ask(r#"{"type":"auth","token":"alice"}"#).await;
    let closed = by_message.closing().await;
    let (_, issued) = served.ticket("alice").await;
    let path = format!("/ws?ticket={}", issued["ticket"].as_str().unwrap());
    let by_ticket = Client::try_connect(served.address, &path).await;
    let header = [("authorization", "Bearer alice")];
    let by_header = Client::try_connect_with(served.address, "/ws", &header).await;
    let (bob, _) = served.signed_in("bob").await;

    assert_eq!(
        (&answer["type"], &answer["code"]),
        (&json!("error"), &json!("too_many_streams_of_principal"))
    );
    assert_eq!(closed, AGAIN);
    for refusal in [by_ticket, by_header] {
        assert_eq!(
            refused(refusal),
            (429, "too_many_streams_of_principal".to_owned())
        );
    }
    assert_eq!(alice.ask(r#"{"type":"ping"}"#).await["type"], "pong");
    drop((alice, bob));
    served.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_nobody_knows_leaves_places_for_those_who_show_who_they_are() {
    let mut config = StreamConfig::default();
    config.hub.anonymous_max = 1;
    let served = Served::with(config, |builder| builder).await;
    let first = Client::connect(served.address, "/ws").await;

    let second = Client::try_connect(served.address, "/ws").await;
    let header = [("authorization", "Bearer alice")];
    let alice = Client::try_connect_with(served.address, "/ws", &header)
        .await
        .unwrap();

    assert_eq!(refused(second), (503, "too_many_anonymous_streams".to_owned()));
    drop((first, alice));
    served.stopped().await;
}

/// A key may be good from some networks alone, and what is recorded of it names where it was shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_a_message_is_verified_as_shown_from_where_the_stream_was_opened() {
    let served = behind_a_proxy(StreamConfig::default()).await;
    let (token, address, _) = BOUND;
    let shown = json!({ "type": "auth", "token": token }).to_string();

    let mut there = from(&served, address).await.unwrap();
    let mut elsewhere = from(&served, "203.0.113.8").await.unwrap();
    let answer = there.ask(&shown).await;
    elsewhere.say(&shown).await;

    assert_eq!(answer["type"], "authenticated", "{answer}");
    assert_eq!(elsewhere.closing().await, POLICY);
    drop(there);
    served.stopped().await;
}
