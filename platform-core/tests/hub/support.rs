//! A service with a hub, and clients of it. A pipe in memory stands for each connection, so that a client that does not read is one from
//! the first byte on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use futures::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use platform_core::bus::Topic;
use platform_core::http::Problem;
use platform_core::hub::{
    Access, Board, Frame, Framing, Handshake, History, Hub, HubBuilder, HubConfig, HubError, Identity, Link,
    Opening, Protocol, Recorded, Since,
};
use platform_core::metrics::Metrics;
use platform_core::{PrincipalId, RequestMeta, Sources, TenantId};
use tokio::io::DuplexStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The header in which a test says who has authenticated.
const WHO: &str = "x-who";

/// The header in which a test says from which address a client comes.
const FROM: &str = "x-from";

pub(crate) fn public() -> HubConfig {
    HubConfig {
        access: Access::Public,
        messages_per_second: 100_000,
        ..HubConfig::default()
    }
}

pub(crate) fn identity() -> Identity {
    identity_of(TenantId::generate(&Sources::system()))
}

pub(crate) fn identity_of(tenant: TenantId) -> Identity {
    Identity {
        tenant,
        principal: PrincipalId::generate(&Sources::system()),
        session: Some(Sources::system().uuid_v7()),
        api_key: None,
        permissions: Vec::new(),
    }
}

pub(crate) struct Service {
    pub(crate) hub: Hub,
    pub(crate) metrics: Metrics,
    pub(crate) quotes: Board,
    router: Router,
}

impl Service {
    pub(crate) fn new(config: HubConfig) -> Self {
        Self::with(config, |builder| builder)
    }

    pub(crate) fn with(config: HubConfig, more: impl FnOnce(HubBuilder) -> HubBuilder) -> Self {
        let metrics = Metrics::new();
        let hub = more(Hub::builder(config, Sources::system(), &metrics)).build();
        let framing = Framing::Array {
            before: "[",
            after: "]",
        };
        let quotes = Board::new(Topic::public("quotes").unwrap(), ["A", "B", "C"], framing);
        let words = Arc::new(Words {
            quotes: quotes.clone(),
        });
        let router = Router::new()
            .route("/", get(open))
            .with_state((hub.clone(), words));
        Self {
            hub,
            metrics,
            quotes,
            router,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        self.try_connect(None, 64 * 1024).await.unwrap()
    }

    pub(crate) async fn connect_as(&self, who: &Identity) -> Client {
        self.try_connect(Some(who), 64 * 1024).await.unwrap()
    }

    /// Connects through a pipe that holds so many bytes.
    pub(crate) async fn try_connect(&self, who: Option<&Identity>, pipe: usize) -> Result<Client, Error> {
        self.try_connect_from((None, who), pipe).await
    }

    /// The same from an address.
    pub(crate) async fn try_connect_from(
        &self,
        (from, who): (Option<&str>, Option<&Identity>),
        pipe: usize,
    ) -> Result<Client, Error> {
        let (near, far) = tokio::io::duplex(pipe);
        let service = TowerToHyperService::new(self.router.clone());
        let serving = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(far), service)
            .with_upgrades();
        tokio::spawn(serving);
        let mut request = "ws://test/".into_client_request().unwrap();
        if let Some(who) = who {
            let who = serde_json::to_string(who).unwrap();
            request.headers_mut().insert(WHO, who.parse().unwrap());
        }
        if let Some(from) = from {
            request.headers_mut().insert(FROM, from.parse().unwrap());
        }
        let (socket, _) = client_async(request, near).await?;
        Ok(Client(socket))
    }

    /// The value of a line of the metrics' page.
    pub(crate) fn metric(&self, name: &str) -> Option<u64> {
        let page = self.metrics.encode();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Some(line.parse().unwrap())
    }

    pub(crate) async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let until = async {
            while !is_so(self) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, until).await.unwrap();
    }
}

async fn open(
    State((hub, words)): State<(Hub, Arc<Words>)>,
    headers: HeaderMap,
    handshake: Handshake,
) -> Result<Response, Problem> {
    let who = headers
        .get(WHO)
        .map(|who| serde_json::from_slice(who.as_bytes()).unwrap());
    let from = headers
        .get(FROM)
        .map(|from| from.to_str().unwrap().parse().unwrap());
    let meta = RequestMeta {
        source_address: from,
        ..RequestMeta::internal(&Sources::system())
    };
    Ok(hub.accept(handshake, words, Opening { meta, identity: who })?)
}

/// A protocol of words: `say TEXT`, `follow TOPIC now|NUMBER`, `unfollow TOPIC`, `watch KEY…`, `watch-all`, `unwatch KEY…`,
/// `auth IDENTITY`, `from`, `hang`. What is done is answered `ok`, what is not by the code of its error.
struct Words {
    quotes: Board,
}

#[async_trait]
impl Protocol for Words {
    async fn opened(&self, link: &mut Link) {
        link.say(Frame::text("hello"));
    }

    async fn heard(&self, link: &mut Link, text: &str) {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let done = match verb {
            "say" => {
                link.say(Frame::text(rest));
                return;
            }
            "hang" => return std::future::pending().await,
            "follow" => {
                let (topic, since) = rest.split_once(' ').unwrap();
                let since = since.parse().map_or(Since::Now, Since::Seq);
                link.follow(&topic_of(topic), since).await
            }
            "unfollow" => {
                link.unfollow(&topic_of(rest));
                Ok(())
            }
            "watch" => link.watch(&self.quotes, rest.split(' ')),
            "watch-all" => link.watch_all(&self.quotes),
            "unwatch" => {
                link.unwatch(&self.quotes, rest.split(' '));
                Ok(())
            }
            "watched" => {
                link.say(Frame::text(link.watched(&self.quotes).join(",")));
                return;
            }
            "from" => {
                let from = link.meta().source_address;
                link.say(Frame::text(from.map(|from| from.to_string()).unwrap_or_default()));
                return;
            }
            "auth" => link.admit(serde_json::from_str(rest).unwrap()),
            other => panic!("{other}"),
        };
        let answer = Frame::text(done.map_or_else(HubError::code, |()| "ok"));
        match done.err().and_then(HubError::ends_it) {
            Some(reason) => link.close_saying(answer, reason),
            None => link.say(answer),
        }
    }
}

/// A public topic, or `TENANT/NAME`.
pub(crate) fn topic_of(text: &str) -> Topic {
    match text.split_once('/') {
        Some((tenant, name)) => Topic::tenant(tenant.parse().unwrap(), name).unwrap(),
        None => Topic::public(text).unwrap(),
    }
}

pub(crate) struct Client(pub(crate) WebSocketStream<DuplexStream>);

impl Client {
    pub(crate) async fn say(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    /// The next text.
    pub(crate) async fn hear(&mut self) -> String {
        self.next().await.unwrap_or_else(|close| panic!("{close:?}"))
    }

    /// The next text, or how the server closes; `None` when it breaks off.
    pub(crate) async fn next(&mut self) -> Result<String, Option<CloseFrame>> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap() {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Says something after the greeting, and hears the answer.
    pub(crate) async fn ask(&mut self, text: impl Into<String>) -> String {
        self.say(text).await;
        loop {
            let heard = self.hear().await;
            if heard != "hello" {
                return heard;
            }
        }
    }

    /// The code and the reason with which the server closes, after whatever it said before.
    pub(crate) async fn closing(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Ok(_) => {}
                Err(Some(frame)) => return (frame.code.into(), frame.reason.to_string()),
                Err(None) => panic!("broken off"),
            }
        }
    }
}

/// Events that are kept in memory. Number 0 of a vector is event 1.
#[derive(Default)]
pub(crate) struct Log {
    events: Mutex<HashMap<Topic, Vec<Frame>>>,
    /// Events up to this number are not kept any more.
    pub(crate) gone: Mutex<u64>,
    /// Reads that answer as if nothing newer were there.
    pub(crate) lagging: Mutex<u32>,
    pub(crate) is_broken: Mutex<bool>,
}

impl Log {
    /// Keeps an event, and tells its number.
    pub(crate) fn keep(&self, topic: &Topic, text: impl FnOnce(u64) -> String) -> (u64, Frame) {
        let mut events = self.events.lock().unwrap();
        let of_topic = events.entry(topic.clone()).or_default();
        let seq = of_topic.len() as u64 + 1;
        let frame = Frame::text(text(seq));
        of_topic.push(frame.clone());
        (seq, frame)
    }
}

#[async_trait]
impl History for Log {
    async fn after(
        &self,
        topic: &Topic,
        after: u64,
        max: u32,
    ) -> Result<Vec<Recorded>, Box<dyn std::error::Error + Send + Sync>> {
        // What others do meanwhile.
        tokio::task::yield_now().await;
        if *self.is_broken.lock().unwrap() {
            return Err("broken".into());
        }
        let mut lagging = self.lagging.lock().unwrap();
        if *lagging > 0 {
            *lagging -= 1;
            return Ok(Vec::new());
        }
        let from = after.max(*self.gone.lock().unwrap());
        let events = self.events.lock().unwrap();
        let kept = events.get(topic).into_iter().flatten();
        let numbered = (1..).zip(kept).skip_while(|(seq, _)| *seq <= from);
        let recorded = |(seq, frame): (u64, &Frame)| Recorded {
            seq,
            frame: frame.clone(),
        };
        Ok(numbered.take(max as usize).map(recorded).collect())
    }
}

/// Keeps an event and publishes it.
pub(crate) async fn publish(hub: &Hub, log: &Log, topic: &Topic) -> u64 {
    let (seq, frame) = log.keep(topic, |seq| seq.to_string());
    hub.publish(topic, seq, &frame).await.unwrap();
    seq
}

/// The Redis at `REDIS_URL` or on this machine, under a prefix of the test's own; where there is none, the test says that it is skipped.
#[cfg(feature = "redis")]
pub(crate) async fn redis(test: &str) -> Option<platform_core::bus::Redis> {
    use platform_core::bus::{Redis, RedisConfig};

    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/0".to_owned());
    let address = url.rsplit_once("//").unwrap().1.rsplit('@').next().unwrap();
    let address = address.split('/').next().unwrap();
    let reached = timeout(Duration::from_secs(2), tokio::net::TcpStream::connect(address)).await;
    if !matches!(reached, Ok(Ok(_))) {
        platform_core::testing::skipped(test, &format!("a Redis at {address} (REDIS_URL names another)"));
        return None;
    }
    let config = RedisConfig {
        prefix: format!("test-{}", TenantId::generate(&Sources::system())),
        ..RedisConfig::default()
    };
    Some(Redis::new(&url.into(), config).unwrap())
}
