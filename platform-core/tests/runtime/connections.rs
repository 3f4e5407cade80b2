use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platform_core::axum::extract::ConnectInfo;
use platform_core::axum::{Router, routing::get};
use platform_core::metrics::Metrics;
use platform_core::runtime::{ConnectionLimits, Outcome, Parts, Platform, ShutdownConfig, metrics_worker};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

use crate::support::{Client, Served, builder, get as get_over_tcp, parse, platform};

fn with_header_timeout(timeout_ms: u64) -> Platform {
    let limits = ConnectionLimits {
        header_read_timeout: Duration::from_millis(timeout_ms),
        ..ConnectionLimits::default()
    };
    builder().connections(limits).build().unwrap()
}

#[tokio::test]
async fn a_client_that_never_finishes_its_head_is_cut() {
    let served = Served::start(with_header_timeout(50), ShutdownConfig::default()).await;
    let mut client = Client::connect(served.address).await;
    client
        .0
        .write_all(b"GET /livez HTTP/1.1\r\nhost: ")
        .await
        .unwrap();

    let answer = client.rest().await;

    assert!(!answer.contains("200"), "{answer}");
    assert_eq!(served.stop().await, Outcome::Clean);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut() {
    let served = Served::start(with_header_timeout(50), ShutdownConfig::default()).await;
    let client = Client::connect(served.address).await;

    client.rest().await;

    assert_eq!(served.stop().await, Outcome::Clean);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let served = Served::start(platform(Parts::default()), ShutdownConfig::default()).await;
    let mut client = Client::connect(served.address).await;
    let head = format!(
        "GET /livez HTTP/1.1\r\nhost: a\r\nx-filler: {}\r\n\r\n",
        "a".repeat(33 * 1024)
    );

    client.0.write_all(head.as_bytes()).await.unwrap();

    assert_eq!(parse(&client.rest().await).0, 431);
    assert_eq!(served.stop().await, Outcome::Clean);
}

#[tokio::test]
async fn handlers_know_the_address_of_their_client() {
    let peer = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string();
    let routes = Router::new().route("/peer", get(peer));
    let platform = builder().routes(routes).build().unwrap();
    let served = Served::start(platform, ShutdownConfig::default()).await;
    let mut client = Client::connect(served.address).await;
    let own = client.0.local_addr().unwrap().to_string();

    client.send("/peer").await;

    assert_eq!(parse(&client.rest().await), (200, own));
    assert_eq!(served.stop().await, Outcome::Clean);
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_a_place() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let (entering, mut entered) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let (slow_order, fast_order, released) = (Arc::clone(&order), Arc::clone(&order), Arc::clone(&release));
    let slow = async move || {
        entering.send(()).unwrap();
        released.notified().await;
        slow_order.lock().unwrap().push("slow");
    };
    let fast = async move || fast_order.lock().unwrap().push("fast");
    let routes = Router::new().route("/slow", get(slow)).route("/fast", get(fast));
    let limits = ConnectionLimits {
        max_connections: NonZeroUsize::MIN,
        ..ConnectionLimits::default()
    };
    let platform = builder().routes(routes).connections(limits).build().unwrap();
    let served = Served::start(platform, ShutdownConfig::default()).await;
    let mut first = Client::connect(served.address).await;
    first.send("/slow").await;
    entered.recv().await.unwrap();

    let mut second = Client::connect(served.address).await;
    second.send("/fast").await;
    // Long enough for a server without a limit to answer.
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    release.notify_one();
    first.rest().await;
    second.rest().await;

    assert_eq!(*order.lock().unwrap(), ["slow", "fast"]);
    assert_eq!(served.stop().await, Outcome::Clean);
}

#[tokio::test]
async fn metrics_can_have_a_listener_of_their_own() {
    let metrics = Metrics::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let parts = Parts {
        workers: vec![metrics_worker(listener, &metrics)],
        ..Parts::default()
    };
    let served = Served::start(platform(parts), ShutdownConfig::default()).await;

    let (status, page) = get_over_tcp(address, "/metrics").await;

    assert_eq!(status, 200);
    assert!(page.ends_with("# EOF\n"), "{page}");
    assert_eq!(served.stop().await, Outcome::Clean);
}
