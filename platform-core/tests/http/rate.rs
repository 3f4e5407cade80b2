//! How often one caller may ask, and where a request comes from.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use platform_core::http::{HttpConfig, Meta, RateLimit};
use tokio::time::advance;

use crate::support::{Answer, App, app, from, get as request};

/// Two requests at once, one a second.
fn limited(keys_max: usize) -> App {
    let rate_limit = RateLimit {
        per_second: NonZeroU32::MIN,
        burst: NonZeroU32::new(2).unwrap(),
        keys_max: NonZeroUsize::new(keys_max).unwrap(),
    };
    service(HttpConfig {
        rate_limit: Some(rate_limit),
        ..HttpConfig::default()
    })
}

fn service(config: HttpConfig) -> App {
    let source = async |Meta(meta): Meta| {
        meta.source_address
            .map_or("unknown".to_owned(), |ip| ip.to_string())
    };
    let routes = Router::new()
        .route("/", get(source))
        .route("/readyz", get(async || "ready"));
    app(config, routes)
}

async fn ask(app: &App, address: &str) -> Answer {
    app.send(from(address, request("/", &[]))).await
}

async fn ask_as(app: &App, name: &str, address: &str) -> Answer {
    let credential = format!("Bearer {name}");
    app.send(from(address, request("/", &[("authorization", &credential)])))
        .await
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_asks_too_often_has_to_wait() {
    let app = limited(100);

    let first = ask(&app, "192.0.2.1").await;
    let second = ask(&app, "192.0.2.1").await;
    let third = ask(&app, "192.0.2.1").await;

    assert_eq!(
        (
            first.header("ratelimit-limit"),
            first.header("ratelimit-remaining")
        ),
        (Some("2"), Some("1"))
    );
    assert_eq!(
        (
            second.header("ratelimit-remaining"),
            second.header("ratelimit-reset")
        ),
        (Some("0"), Some("2"))
    );
    assert_eq!(third.status, 429);
    assert_eq!(third.code(), "rate_limited");
    assert_eq!(
        (third.header("retry-after"), third.header("ratelimit-remaining")),
        (Some("1"), Some("0"))
    );
}

#[tokio::test(start_paused = true)]
async fn an_allowance_comes_back_with_time() {
    let app = limited(100);
    for _ in 0..3 {
        ask(&app, "192.0.2.1").await;
    }

    advance(Duration::from_millis(999)).await;
    let early = ask(&app, "192.0.2.1").await;
    advance(Duration::from_millis(1)).await;
    let on_time = ask(&app, "192.0.2.1").await;

    assert_eq!(early.status, 429);
    assert_eq!(on_time.status, 200);
}

#[tokio::test(start_paused = true)]
async fn one_caller_s_allowance_is_not_another_s() {
    let app = limited(100);
    for _ in 0..3 {
        ask(&app, "192.0.2.1").await;
    }

    let other_address = ask(&app, "192.0.2.2").await;
    let signed_in = ask_as(&app, "alice", "192.0.2.1").await;
    let second_user = ask_as(&app, "bob", "192.0.2.1").await;

    assert_eq!(other_address.status, 200);
    assert_eq!(signed_in.header("ratelimit-remaining"), Some("1"));
    assert_eq!(second_user.header("ratelimit-remaining"), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn a_principal_has_one_allowance_at_all_addresses() {
    let app = limited(100);

    ask_as(&app, "alice", "192.0.2.1").await;
    ask_as(&app, "alice", "192.0.2.2").await;
    let third = ask_as(&app, "alice", "192.0.2.3").await;

    assert_eq!(third.status, 429);
}

#[tokio::test(start_paused = true)]
async fn a_bad_credential_takes_from_the_allowance_of_its_address() {
    let app = limited(100);

    let guesses = [
        ask_as(&app, "mallory", "192.0.2.1").await,
        ask_as(&app, "mallory", "192.0.2.1").await,
        ask_as(&app, "mallory", "192.0.2.1").await,
    ];
    let good = ask_as(&app, "alice", "192.0.2.1").await;

    assert_eq!(guesses.map(|answer| answer.status.as_u16()), [401, 401, 429]);
    assert_eq!(good.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_addresses_of_one_ipv6_network_share_an_allowance() {
    let app = limited(100);

    ask(&app, "2001:db8:0:1::1").await;
    ask(&app, "2001:db8:0:1:ffff::2").await;
    let same_network = ask(&app, "2001:db8:0:1::3").await;
    let other_network = ask(&app, "2001:db8:0:2::1").await;

    assert_eq!(same_network.status, 429);
    assert_eq!(other_network.status, 200);
}

#[tokio::test(start_paused = true)]
async fn strangers_share_an_allowance_when_there_are_too_many_and_part_again_later() {
    let app = limited(1);
    ask(&app, "192.0.2.1").await;

    let crowd = [
        ask(&app, "192.0.2.2").await,
        ask(&app, "192.0.2.3").await,
        ask(&app, "192.0.2.4").await,
    ];
    advance(Duration::from_secs(11)).await;
    let later = ask(&app, "192.0.2.5").await;

    assert_eq!(crowd.map(|answer| answer.status.as_u16()), [200, 200, 429]);
    assert_eq!(later.header("ratelimit-remaining"), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_never_limited() {
    let app = limited(100);

    for _ in 0..5 {
        assert_eq!(app.get("/readyz").await.status, 200);
    }
}

#[tokio::test]
async fn the_limit_can_be_turned_off() {
    let app = service(HttpConfig {
        rate_limit: None,
        ..HttpConfig::default()
    });

    for _ in 0..1_000 {
        let answer = ask(&app, "192.0.2.1").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-limit"), None);
    }
}

#[tokio::test]
async fn the_source_is_the_last_address_that_is_not_a_trusted_proxy_s() {
    let app = service(HttpConfig {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
        ..HttpConfig::default()
    });
    let cases = [
        // peer, X-Forwarded-For, source
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("fd00::1", "[2001:db8::1]:443", "2001:db8::1"),
    ];

    for (peer, forwarded, source) in cases {
        let request = request("/", &[("x-forwarded-for", forwarded)]);
        assert_eq!(
            app.send(from(peer, request)).await.text(),
            source,
            "{peer} {forwarded}"
        );
    }
}

#[tokio::test]
async fn several_forwarding_headers_are_one_list() {
    let app = service(HttpConfig {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..HttpConfig::default()
    });
    let headers = [
        ("x-forwarded-for", "203.0.113.9, 198.51.100.7"),
        ("x-forwarded-for", "10.0.0.2"),
    ];

    let answer = app.send(from("10.0.0.1", request("/", &headers))).await;

    assert_eq!(answer.text(), "198.51.100.7");
}
