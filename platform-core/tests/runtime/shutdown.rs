use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platform_core::axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use platform_core::axum::{Router, routing::get};
use platform_core::runtime::{
    ConnectionLimits, Descriptor, Hook, Outcome, Parts, Platform, Shutdown, ShutdownConfig, Worker,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::support::{Client, Served, TestModule, builder, building, get as get_over_tcp, parse};

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, what: &str, who: &str) {
    log.lock().unwrap().push(format!("{what} {who}"));
}

/// A module whose worker takes a moment to stop, and which notes what happens to it.
fn noting(log: &Log, name: &'static str, descriptor: Descriptor) -> TestModule {
    let log = Arc::clone(log);
    building(descriptor, move |_| {
        let (of_worker, of_hook) = (Arc::clone(&log), Arc::clone(&log));
        let worker = Worker::new(name, move |stop| {
            let log = Arc::clone(&of_worker);
            async move {
                note(&log, "start", name);
                stop.cancelled().await;
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                note(&log, "stop", name);
                Ok(())
            }
        });
        let hook = Hook::new(name, move || {
            note(&of_hook, "hook", name);
            async { Ok(()) }
        });
        Ok(Parts {
            workers: vec![worker],
            on_stop: vec![hook],
            ..Parts::default()
        })
    })
}

/// A route that tells when it is entered and answers when it is released.
struct Slow {
    entered: mpsc::UnboundedReceiver<()>,
    release: Arc<Notify>,
}

fn slow() -> (Router, Slow) {
    let (entering, entered) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let handler = async move || {
        entering.send(()).unwrap();
        released.notified().await;
        "at last"
    };
    (
        Router::new().route("/slow", get(handler)),
        Slow { entered, release },
    )
}

async fn with_request_in_flight(
    platform: Platform,
    slow: &mut Slow,
    config: ShutdownConfig,
) -> (Served, Client) {
    let served = Served::start(platform, config).await;
    let mut client = Client::connect(served.address).await;
    client.send("/slow").await;
    slow.entered.recv().await.unwrap();
    (served, client)
}

fn stubborn() -> Worker {
    Worker::new("stubborn", |_| pending())
}

#[tokio::test]
async fn workers_start_in_dependency_order_and_stop_in_reverse() {
    let log = Log::default();
    let platform = builder()
        .module(noting(
            &log,
            "trading",
            Descriptor::new("trading", "1.0.0").requires("audit", "*"),
        ))
        .module(noting(
            &log,
            "audit",
            Descriptor::new("audit", "1.0.0").requires("crypto", "*"),
        ))
        .module(noting(&log, "crypto", Descriptor::new("crypto", "1.0.0")))
        .build()
        .unwrap();
    let served = Served::start(platform, ShutdownConfig::default()).await;
    get_over_tcp(served.address, "/livez").await;

    let outcome = served.stop().await;

    assert_eq!(outcome, Outcome::Clean);
    assert_eq!(
        *log.lock().unwrap(),
        [
            "start crypto",
            "start audit",
            "start trading",
            "stop trading",
            "stop audit",
            "stop crypto",
            "hook trading",
            "hook audit",
            "hook crypto",
        ]
    );
}

#[tokio::test]
async fn a_request_in_flight_is_answered_and_no_other_is_taken() {
    let (routes, mut slow) = slow();
    let platform = builder().routes(routes).build().unwrap();
    let shutdown = platform.shutdown().clone();
    let (served, client) = with_request_in_flight(platform, &mut slow, ShutdownConfig::default()).await;
    let address = served.address;

    served.stop.cancel();
    shutdown.stopping().await;
    let refused = TcpStream::connect(address).await.is_err();
    slow.release.notify_one();

    assert_eq!(parse(&client.rest().await), (200, "at last".to_owned()));
    assert_eq!(served.outcome().await, Outcome::Clean);
    assert!(refused);
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_the_end() {
    let limits = ConnectionLimits {
        header_read_timeout: Duration::from_secs(3600),
        ..ConnectionLimits::default()
    };
    let platform = builder().connections(limits).build().unwrap();
    let config = ShutdownConfig {
        drain: Duration::from_secs(5),
        ..ShutdownConfig::default()
    };
    let served = Served::start(platform, config).await;
    let mut client = Client::connect(served.address).await;
    client
        .0
        .write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    client.0.readable().await.unwrap();

    assert_eq!(served.stop().await, Outcome::Clean);
}

#[tokio::test]
async fn a_service_that_is_dropped_leaves_nothing_behind() {
    let (held, mut dropped) = mpsc::unbounded_channel::<()>();
    let worker = Worker::new("held", move |_| {
        let held = held.clone();
        async move {
            let () = pending().await;
            drop(held);
            Ok(())
        }
    });
    let (routes, mut slow) = slow();
    let parts = Parts {
        workers: vec![worker],
        ..Parts::default()
    };
    let platform = builder().routes(routes).parts(parts).build().unwrap();
    let (served, client) = with_request_in_flight(platform, &mut slow, ShutdownConfig::default()).await;

    served.abort();

    assert_eq!(client.rest().await, "", "the connection was cut");
    assert!(dropped.recv().await.is_none(), "the worker was dropped");
}

#[tokio::test]
async fn work_that_outlasts_the_deadline_is_named() {
    let (routes, mut slow) = slow();
    let parts = Parts {
        workers: vec![stubborn()],
        on_stop: vec![Hook::new("flush", pending)],
        ..Parts::default()
    };
    let platform = builder().routes(routes).parts(parts).build().unwrap();
    let config = ShutdownConfig {
        drain: Duration::from_millis(50),
        hook: Duration::from_millis(50),
        ..ShutdownConfig::default()
    };
    let (served, client) = with_request_in_flight(platform, &mut slow, config).await;

    let outcome = served.stop().await;

    let what = ["1 connection", "worker stubborn", "hook flush"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(outcome, Outcome::DeadlineExceeded { what });
    assert_eq!(outcome.code(), 124);
    assert_eq!(client.rest().await, "", "the connection was cut");
}

#[tokio::test]
async fn a_failed_hook_does_not_stop_the_others() {
    let log = Log::default();
    let hooked = Arc::clone(&log);
    let parts = Parts {
        on_stop: vec![
            Hook::new("broken", || async { Err("disk full".into()) }),
            Hook::new("second", move || {
                note(&hooked, "hook", "second");
                async { Ok(()) }
            }),
        ],
        ..Parts::default()
    };
    let served = Served::start(builder().parts(parts).build().unwrap(), ShutdownConfig::default()).await;

    assert_eq!(served.stop().await, Outcome::Clean);
    assert_eq!(*log.lock().unwrap(), ["hook second"]);
}

#[tokio::test]
async fn the_instance_is_not_ready_while_it_gives_notice_and_a_second_signal_ends_it() {
    let parts = Parts {
        workers: vec![stubborn()],
        ..Parts::default()
    };
    let platform = builder().parts(parts).build().unwrap();
    let config = ShutdownConfig {
        notice: Duration::from_secs(3600),
        ..ShutdownConfig::default()
    };
    let served = Served::start(platform, config).await;
    let before = get_over_tcp(served.address, "/readyz").await;

    served.stop.cancel();
    let during = get_over_tcp(served.address, "/readyz").await;
    let still_answered = get_over_tcp(served.address, "/livez").await;
    served.insist.cancel();
    let outcome = served.outcome().await;

    assert_eq!(before, (200, "ready\n".to_owned()));
    assert_eq!(during, (503, "not ready: draining\n".to_owned()));
    assert_eq!(still_answered.0, 200);
    assert!(matches!(&outcome, Outcome::Forced { what } if what.contains(&"worker stubborn".to_owned())));
    assert_eq!(outcome.code(), 130);
}

async fn until_restart(mut socket: WebSocket, shutdown: Shutdown) {
    shutdown.stopping().await;
    let goodbye = CloseFrame {
        code: 1012,
        reason: "".into(),
    };
    socket.send(Message::Close(Some(goodbye))).await.unwrap();
    while socket.recv().await.is_some_and(|message| message.is_ok()) {}
}

#[tokio::test]
async fn a_stream_is_told_and_waited_for() {
    let streams = building(Descriptor::new("quotes", "1.0.0"), |cx| {
        let shutdown = cx.shutdown().clone();
        let upgrade = async move |upgrade: WebSocketUpgrade| {
            upgrade.on_upgrade(move |socket| until_restart(socket, shutdown))
        };
        let routes = Router::new().route("/stream", get(upgrade));
        Ok(Parts {
            routes: Some(routes.into()),
            ..Parts::default()
        })
    });
    let platform = builder().module(streams).build().unwrap();
    let served = Served::start(platform, ShutdownConfig::default()).await;
    let mut client = Client::connect(served.address).await;
    let handshake = "GET /stream HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.0.write_all(handshake.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    client.0.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");

    served.stop.cancel();
    let mut received = Vec::new();
    while !received.ends_with(&[0x88, 0x02, 0x03, 0xF4]) {
        received.push(client.0.read_u8().await.unwrap());
    }
    assert!(!served.is_over(), "the open stream counts as a request in flight");
    drop(client);

    assert_eq!(served.outcome().await, Outcome::Clean);
}
