//! A platform with the trading module, and a WebSocket to it over a real connection.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use futures::{SinkExt, StreamExt};
use platform_core::http::HttpConfig;
use platform_core::metrics::Metrics;
use platform_core::runtime::{Platform, PlatformBuilder};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use trading::http::{StreamBackends, StreamConfig, TradingModule};
use trading::{MarketFeed, SimulatorConfig};

use crate::support::World;

/// The module in a platform whose workers do not run: quotes only come by hand.
pub(crate) fn platform(world: &World, stream: StreamConfig, metrics: &Metrics) -> Platform {
    platform_of(world, (stream, StreamBackends::default()), metrics, |builder| {
        builder
    })
}

/// The same with backends of the stream, and more of the platform.
pub(crate) fn platform_of(
    world: &World,
    (stream, backends): (StreamConfig, StreamBackends),
    metrics: &Metrics,
    more: impl FnOnce(PlatformBuilder) -> PlatformBuilder,
) -> Platform {
    let feed = MarketFeed::simulated(SimulatorConfig::default());
    let module = TradingModule::new(&world.trading, feed)
        .tick(Duration::from_secs(3_600))
        .alone()
        .stream(stream)
        .stream_with(backends);
    let config = HttpConfig {
        rate_limit: None,
        ..HttpConfig::default()
    };
    let builder = Platform::builder(world.db.clone(), world.sources.clone(), metrics.clone())
        .http(config)
        .module(module);
    more(builder).build().unwrap()
}

/// A served stream; it ends with the test's runtime.
pub(crate) struct Served {
    pub(crate) world: World,
    pub(crate) metrics: Metrics,
    pub(crate) address: SocketAddr,
}

impl Served {
    pub(crate) async fn new(stream: StreamConfig) -> Self {
        let world = World::new().await;
        let metrics = Metrics::new();
        let router = platform(&world, stream, &metrics).router();
        Self {
            address: serve(router).await,
            metrics,
            world,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address, "/ws").await
    }

    /// The number of open streams of nobody who has signed in that the metrics show.
    pub(crate) fn open(&self) -> String {
        let page = self.metrics.encode();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix("websocket_connections{authenticated=\"false\"} "));
        line.unwrap().to_owned()
    }
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    address
}

/// A client that has been greeted.
pub(crate) struct Client(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Self {
        let mut client = Self::try_connect(address, path).await.unwrap();
        assert_eq!(client.hear().await["type"], "connected");
        client
    }

    pub(crate) async fn try_connect(address: SocketAddr, path: &str) -> Result<Self, Error> {
        Self::try_connect_with(address, path, &[]).await
    }

    /// With more headers.
    pub(crate) async fn try_connect_with(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = connect_async(request).await?;
        Ok(Self(socket))
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message, which is JSON.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match self.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Says something and hears the answer.
    pub(crate) async fn ask(&mut self, text: &str) -> Value {
        self.say(text).await;
        self.hear().await
    }

    /// The code with which the server closes, after whatever it said before; 1006 when it breaks off.
    pub(crate) async fn closing(&mut self) -> u16 {
        loop {
            match self.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map_or(1005, |frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return 1006,
            }
        }
    }

    async fn next(&mut self) -> Option<Result<Message, Error>> {
        timeout(Duration::from_secs(3_600), self.0.next()).await.unwrap()
    }
}
