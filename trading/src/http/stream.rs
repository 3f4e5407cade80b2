//! The WebSocket with the quotes as they come.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use platform_core::http::{Problem, WebSocketLimits};
use prometheus_client::metrics::gauge::Gauge;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::{QuoteBatch, QuoteStream, Symbol, Trading};

/// The bounds of the stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamConfig {
    /// Sockets that may be open at a time: 10,000. One more is answered 503.
    pub connections_max: usize,
    /// How often a ping is sent: every 30 s.
    pub ping_every: Duration,
    /// A socket that has been silent for so long, pongs included, is closed: 75 s.
    pub silence_max: Duration,
    /// A socket that does not take a message within this time is closed: 10 s.
    pub send_timeout: Duration,
    /// Messages a client may send in a second: 20. More close the socket.
    pub messages_per_second: u32,
    /// Message and buffer sizes.
    pub limits: WebSocketLimits,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            ping_every: Duration::from_secs(30),
            silence_max: Duration::from_secs(75),
            send_timeout: Duration::from_secs(10),
            messages_per_second: 20,
            limits: WebSocketLimits::default(),
        }
    }
}

/// What the stream's handlers share.
#[derive(Clone)]
pub(super) struct Streams {
    trading: Trading,
    config: StreamConfig,
    places: Arc<Semaphore>,
    stop: CancellationToken,
    open: Gauge,
}

impl Streams {
    pub(super) fn new(trading: &Trading, config: StreamConfig, stop: CancellationToken, open: Gauge) -> Self {
        let places = Arc::new(Semaphore::new(config.connections_max));
        Self {
            trading: trading.clone(),
            config,
            places,
            stop,
            open,
        }
    }
}

/// What a client may say.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum ClientMessage {
    Subscribe { symbols: Vec<String> },
    Unsubscribe { symbols: Vec<String> },
    SubscribeAll {},
    UnsubscribeAll {},
    Ping {},
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ServerMessage<'a> {
    Connected { symbols: usize },
    Subscribed { symbols: Vec<Symbol> },
    Pong {},
    Error { code: &'a str, message: &'a str },
}

/// Symbols that one message may name.
const SYMBOLS_PER_MESSAGE_MAX: usize = 1_000;

/// How long a client is given to close its side.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// Stream quotes over a WebSocket.
///
/// Say `{"type":"subscribe","symbols":["AAPL"]}` or `{"type":"subscribe_all"}`; `unsubscribe`, `unsubscribe_all` and `ping` are
/// the other messages. The current quotes come at once, then `{"type":"quotes","quotes":[…]}` as they change. A slow client gets
/// the newest quote of each symbol and not those between.
#[utoipa::path(
    get,
    path = "/ws",
    tag = "quotes",
    operation_id = "stream_quotes",
    responses(
        (status = 101, description = "The WebSocket is open."),
        (status = 503, description = "`too_many_streams`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn open(
    State(streams): State<Streams>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let place = Arc::clone(&streams.places).try_acquire_owned().map_err(|_| {
        let status = axum::http::StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, "too_many_streams", "too many streams are open")
            .retry_after(Duration::from_secs(5))
    })?;
    let upgrade = streams.config.limits.on(upgrade);
    Ok(upgrade.on_upgrade(move |socket| async move { Connection::new(socket, streams, place).run().await }))
}

struct Connection {
    socket: WebSocket,
    quotes: QuoteStream,
    streams: Streams,
    heard_at: Instant,
    /// The second that is counted, and the messages in it.
    counted: (Instant, u32),
    _place: OwnedSemaphorePermit,
}

/// Why a connection ends.
enum End {
    /// The client left or broke off.
    Gone,
    /// The server closes it, with a code of RFC 6455 and a reason.
    Close(u16, &'static str),
}

impl Connection {
    fn new(socket: WebSocket, streams: Streams, place: OwnedSemaphorePermit) -> Self {
        let quotes = streams.trading.board().subscribe();
        let now = Instant::now();
        streams.open.inc();
        Self {
            socket,
            quotes,
            streams,
            heard_at: now,
            counted: (now, 0),
            _place: place,
        }
    }

    async fn run(mut self) {
        if let Err(End::Close(code, reason)) = self.converse().await {
            let _ = timeout(FAREWELL_MAX, self.close(code, reason)).await;
        }
        self.streams.open.dec();
    }

    /// Says why, and reads until the client has closed too: a connection that ends with something unread is reset, and the client
    /// would not learn the reason.
    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        };
        if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = self.socket.recv().await {}
        }
    }

    async fn converse(&mut self) -> Result<(), End> {
        let known = self.streams.trading.board().instruments().len();
        self.say(&ServerMessage::Connected { symbols: known }).await?;
        let mut pings = interval(self.streams.config.ping_every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        let stop = self.streams.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Err(End::Close(close_code::RESTART, "the server is stopping, connect again")),
                _ = pings.tick() => self.beat().await?,
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.hear(message).await?,
                    Some(Err(_)) | None => return Err(End::Gone),
                },
                batch = self.quotes.next() => match batch {
                    Some(batch) => self.tell(&batch).await?,
                    None => return Err(End::Close(close_code::AWAY, "the market is closed")),
                },
            }
        }
    }

    async fn beat(&mut self) -> Result<(), End> {
        if self.heard_at.elapsed() > self.streams.config.silence_max {
            return Err(End::Close(close_code::POLICY, "no answer to pings"));
        }
        self.send(Message::Ping(axum::body::Bytes::new())).await
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        self.heard_at = Instant::now();
        self.count()?;
        match message {
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(message) => self.obey(message).await,
                Err(_) => {
                    self.complain(
                        "malformed_message",
                        "send one of subscribe, unsubscribe, subscribe_all, unsubscribe_all, ping",
                    )
                    .await
                }
            },
            Message::Binary(_) => Err(End::Close(close_code::UNSUPPORTED, "send text")),
            Message::Close(_) => Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
        }
    }

    /// Bounds how many messages of a client are read in a second.
    fn count(&mut self) -> Result<(), End> {
        let (since, messages) = &mut self.counted;
        if since.elapsed() >= Duration::from_secs(1) {
            self.counted = (Instant::now(), 1);
            return Ok(());
        }
        *messages += 1;
        if *messages > self.streams.config.messages_per_second {
            return Err(End::Close(close_code::POLICY, "too many messages"));
        }
        Ok(())
    }

    async fn obey(&mut self, message: ClientMessage) -> Result<(), End> {
        match message {
            ClientMessage::Ping {} => return self.say(&ServerMessage::Pong {}).await,
            ClientMessage::SubscribeAll {} => self.quotes.add_all(),
            ClientMessage::UnsubscribeAll {} => self.quotes.clear(),
            ClientMessage::Subscribe { symbols } => match parse(&symbols) {
                // All or none: a client that misspells one symbol should not have to find out which of them work.
                Some(known)
                    if known
                        .iter()
                        .all(|symbol| self.streams.trading.board().instrument(*symbol).is_some()) =>
                {
                    for symbol in known {
                        self.quotes.add(symbol);
                    }
                }
                _ => {
                    return self
                        .complain(
                            "unknown_symbol",
                            "nothing with one of these symbols is traded here",
                        )
                        .await;
                }
            },
            ClientMessage::Unsubscribe { symbols } => {
                for symbol in parse(&symbols).unwrap_or_default() {
                    self.quotes.remove(symbol);
                }
            }
        }
        let symbols = self.quotes.symbols().collect();
        self.say(&ServerMessage::Subscribed { symbols }).await
    }

    async fn tell(&mut self, batch: &QuoteBatch) -> Result<(), End> {
        let json = format!("{{\"type\":\"quotes\",\"quotes\":{}}}", batch.to_json());
        self.send(Message::Text(json.into())).await
    }

    async fn complain(&mut self, code: &str, message: &str) -> Result<(), End> {
        self.say(&ServerMessage::Error { code, message }).await
    }

    async fn say(&mut self, message: &ServerMessage<'_>) -> Result<(), End> {
        let json = serde_json::to_string(message).map_err(|_| End::Close(close_code::ERROR, "internal"))?;
        self.send(Message::Text(json.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.streams.config.send_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Close(close_code::POLICY, "too slow")),
        }
    }
}

fn parse(symbols: &[String]) -> Option<Vec<Symbol>> {
    if symbols.is_empty() || symbols.len() > SYMBOLS_PER_MESSAGE_MAX {
        return None;
    }
    symbols.iter().map(|symbol| symbol.parse().ok()).collect()
}
