//! The bus across processes, with a real Redis at `REDIS_URL` or on this machine.

use std::time::Duration;

use async_trait::async_trait;
use platform_core::bus::{Bus, BusError, Heard, Listener, Redis, RedisBus, RedisConfig, Topic};
use platform_core::conformance::bus::{BusFactory, run};
use platform_core::testing::skipped;
use platform_core::{Sources, TenantId};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::proxy::Proxy;

const PATIENCE: Duration = Duration::from_secs(20);

fn url() -> String {
    std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/0".to_owned())
}

/// The address of the Redis, if one is there.
async fn address(test: &str) -> Option<String> {
    let url = url();
    let (_, rest) = url.split_once("://").unwrap();
    let rest = rest.rsplit('@').next().unwrap();
    let address = rest.split('/').next().unwrap().to_owned();
    let reached = timeout(Duration::from_secs(2), TcpStream::connect(&address)).await;
    if matches!(reached, Ok(Ok(_))) {
        return Some(address);
    }
    skipped(test, &format!("a Redis at {address} (REDIS_URL names another)"));
    None
}

/// A prefix of its own for each test.
fn config() -> RedisConfig {
    RedisConfig {
        prefix: format!("test-{}", TenantId::generate(&Sources::system())),
        ..RedisConfig::default()
    }
}

struct Processes(RedisConfig);

#[async_trait]
impl BusFactory for Processes {
    type Backend = RedisBus;

    async fn instance(&self) -> RedisBus {
        let bus = RedisBus::start(&Redis::new(&url().into(), self.0.clone()).unwrap());
        bus.connected().await.unwrap();
        bus
    }
}

#[tokio::test]
async fn it_does_what_it_declares() {
    if address("redis::it_does_what_it_declares").await.is_none() {
        return;
    }

    let ran = run(&Processes(config())).await;

    let every: Vec<String> = (1..=12).map(|number| format!("BUS-{number:02}")).collect();
    assert_eq!(ran, every);
}

/// A bus whose connection can be cut, and one next to it whose connection cannot.
struct Scene {
    proxy: Proxy,
    cut: Bus,
    backend: RedisBus,
    other: Bus,
    topic: Topic,
}

impl Scene {
    async fn new(address: &str) -> Self {
        let proxy = Proxy::to(address).await;
        let config = RedisConfig {
            ping_every: Duration::from_millis(100),
            response_timeout: Duration::from_millis(500),
            retry_max: Duration::from_millis(100),
            ..config()
        };
        let backend = RedisBus::start(&Redis::new(&proxy.url().into(), config.clone()).unwrap());
        let other = RedisBus::start(&Redis::new(&url().into(), config).unwrap());
        backend.connected().await.unwrap();
        other.connected().await.unwrap();
        Self {
            proxy,
            cut: Bus::new(backend.clone()),
            backend,
            other: Bus::new(other),
            topic: Topic::tenant(TenantId::generate(&Sources::system()), "scene").unwrap(),
        }
    }

    async fn listening(&self) -> Listener {
        let listener = self.cut.listener();
        listener.add(&self.topic).await.unwrap();
        listener
    }

    async fn disconnected(&self) {
        while self.backend.is_connected() {
            tokio::task::yield_now().await;
        }
    }
}

async fn next(listener: &mut Listener) -> Heard {
    timeout(PATIENCE, listener.next()).await.unwrap()
}

async fn text(listener: &mut Listener) -> String {
    match next(listener).await {
        Heard::Notice(notice) => String::from_utf8(notice.body.to_vec()).unwrap(),
        Heard::Missed => panic!("missed"),
    }
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_what_may_be_lost_is_told() {
    let Some(address) = address("redis::a_lost_connection_is_made_again_and_what_may_be_lost_is_told").await
    else {
        return;
    };
    let scene = Scene::new(&address).await;
    let mut listener = scene.listening().await;
    scene.other.publish(&scene.topic, "before".into()).await.unwrap();
    assert_eq!(text(&mut listener).await, "before");

    scene.proxy.refuse();
    scene.disconnected().await;
    scene.other.publish(&scene.topic, "lost".into()).await.unwrap();
    let refused = scene.cut.publish(&scene.topic, "unsent".into()).await;
    scene.proxy.accept();
    let first = next(&mut listener).await;
    scene.other.publish(&scene.topic, "after".into()).await.unwrap();

    assert!(
        matches!(&refused, Err(error @ BusError::Unavailable(_)) if error.is_retryable()),
        "{refused:?}"
    );
    assert_eq!(first, Heard::Missed);
    assert_eq!(text(&mut listener).await, "after");
}

#[tokio::test]
async fn a_connection_that_says_nothing_any_more_is_given_up() {
    let Some(address) = address("redis::a_connection_that_says_nothing_any_more_is_given_up").await else {
        return;
    };
    let scene = Scene::new(&address).await;
    let mut listener = scene.listening().await;

    scene.proxy.silence();

    assert_eq!(next(&mut listener).await, Heard::Missed);
    scene.other.publish(&scene.topic, "after".into()).await.unwrap();
    assert_eq!(text(&mut listener).await, "after");
}

#[tokio::test]
async fn what_is_listened_to_while_redis_is_away_is_heard_when_it_is_back() {
    let Some(address) =
        address("redis::what_is_listened_to_while_redis_is_away_is_heard_when_it_is_back").await
    else {
        return;
    };
    let scene = Scene::new(&address).await;
    scene.proxy.refuse();
    scene.disconnected().await;

    let mut listener = scene.cut.listener();
    let added = listener.add(&scene.topic).await;
    scene.proxy.accept();
    let first = next(&mut listener).await;
    scene.other.publish(&scene.topic, "after".into()).await.unwrap();

    assert!(matches!(added, Err(BusError::Unavailable(_))), "{added:?}");
    assert_eq!(first, Heard::Missed);
    assert_eq!(text(&mut listener).await, "after");
}

#[tokio::test]
async fn a_bus_that_never_reached_redis_says_so_within_its_limits() {
    let config = RedisConfig {
        connect_timeout: Duration::from_millis(50),
        response_timeout: Duration::from_millis(50),
        ..RedisConfig::default()
    };
    // Port 1 refuses.
    let redis = Redis::new(&"redis://127.0.0.1:1".to_owned().into(), config).unwrap();
    let bus = Bus::new(RedisBus::start(&redis));
    let topic = Topic::public("news").unwrap();

    let listener = bus.listener();
    let added = timeout(PATIENCE, listener.add(&topic)).await.unwrap();
    let published = timeout(PATIENCE, bus.publish(&topic, "news".into()))
        .await
        .unwrap();

    assert!(matches!(added, Err(BusError::Unavailable(_))), "{added:?}");
    assert!(
        matches!(published, Err(BusError::Unavailable(_))),
        "{published:?}"
    );
}

#[tokio::test]
async fn a_sign_of_life_is_asked_for_within_limits_and_tells_why_there_is_none() {
    let config = RedisConfig {
        connect_timeout: Duration::from_millis(200),
        response_timeout: Duration::from_millis(200),
        ..RedisConfig::default()
    };
    let ping = async |url: String| {
        let redis = Redis::new(&url.into(), config.clone()).unwrap();
        let answer = timeout(PATIENCE, redis.ping()).await.unwrap();
        let error = answer.expect_err("nobody answers");
        let said = platform_core::error_chain(&error);
        assert!(!said.contains("hunter2"), "{said}");
        said
    };
    // It accepts and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();

    let refused = ping("redis://:hunter2@127.0.0.1:1".to_owned()).await;
    let unanswered = ping(format!("redis://:hunter2@127.0.0.1:{port}")).await;

    assert!(refused.contains("refused"), "{refused}");
    assert_ne!(refused, unanswered);
}

#[tokio::test]
async fn a_redis_that_is_there_gives_a_sign_of_life() {
    if address("redis::a_redis_that_is_there_gives_a_sign_of_life")
        .await
        .is_none()
    {
        return;
    }
    let redis = Redis::new(&url().into(), config()).unwrap();

    redis.ping().await.unwrap();
}

#[tokio::test]
async fn what_others_write_to_the_channels_is_left_out() {
    let Some(_) = address("redis::what_others_write_to_the_channels_is_left_out").await else {
        return;
    };
    let config = config();
    let foreign = RedisConfig {
        prefix: format!("{}-other", config.prefix),
        ..config.clone()
    };
    let ours = Processes(config).instance().await;
    let theirs = Processes(foreign).instance().await;
    let topic = Topic::public("news").unwrap();
    let bus = Bus::new(ours);
    let mut listener = bus.listener();
    listener.add(&topic).await.unwrap();

    Bus::new(theirs)
        .publish(&topic, "of another prefix".into())
        .await
        .unwrap();
    bus.publish(&topic, "ours".into()).await.unwrap();

    assert_eq!(text(&mut listener).await, "ours");
}

#[test]
fn a_url_that_is_none_is_refused_and_not_repeated() {
    for bad in [
        "",
        "127.0.0.1",
        "http://user:secret@host",
        "redis://user:secret@host:port",
    ] {
        let refused = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let refused = refused.block_on(async { Redis::new(&bad.to_owned().into(), RedisConfig::default()) });
        let said = refused.map(drop).unwrap_err().to_string();
        assert!(!said.contains("secret"), "{said}");
    }
}
