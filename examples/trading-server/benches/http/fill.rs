//! From a quote to the fill of an order that rested, as one client sees both on the WebSocket.

use std::collections::HashMap;
use std::time::Instant;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::load::{at, exchange, post};
use crate::server::Server;
use crate::users::Orders;
use crate::{Anyhow, Plan};

/// A quote ten times a second, of simulated symbols alone: the real bars stand still for long.
const SETTINGS: [(&str, &str); 2] = [("PLATFORM_MARKET_TICK_MS", "100"), ("PLATFORM_REPLAY", "off")];

/// Keeps an order to buy at the bid resting in every symbol, so that a price that falls by its spread fills it.
pub(crate) async fn run(plan: Plan) -> Anyhow<()> {
    let server = Server::new(&SETTINGS)?;
    let orders = Orders::prepare(server.address, 1).await?;
    let [token] = orders.tokens() else {
        anyhow::bail!("there is no customer")
    };
    let mut heard = listen(&server, token).await?;
    let mut stream = TcpStream::connect(server.address).await?;
    let mut market = Market::default();
    let mut resting: HashMap<String, String> = HashMap::new();
    let mut times = Vec::new();
    let end = Instant::now() + plan.length;
    while Instant::now() < end {
        let Some((when, message)) = heard.recv().await else {
            anyhow::bail!("the stream ended")
        };
        if message["type"] == "quotes" {
            market.hear(&message, when);
        } else if let Some(symbol) = filled(&message).and_then(|order| resting.remove(order))
            && let Some((quoted, _)) = market.quotes.get(&symbol)
        {
            times.push(when.duration_since(*quoted));
        }
        // What came meanwhile carries the time at which it came.
        for (symbol, bid) in market.without(&resting) {
            let body = json!({ "symbol": symbol, "side": "buy", "order_type": "limit", "quantity": "0.01", "limit_price": bid });
            let request = post(
                "/api/v1/orders",
                &format!("Authorization: Bearer {token}"),
                &body.to_string(),
            );
            let (status, answer) = exchange(&mut stream, &request, &mut Vec::new()).await?;
            anyhow::ensure!(status < 300, "{status}: {}", String::from_utf8_lossy(&answer));
            let answer: Value = serde_json::from_slice(&answer)?;
            // One that was filled at once did not rest.
            if answer["order"]["status"] == "submitted" {
                resting.insert(text(&answer["order"]["id"]), symbol);
            }
        }
    }
    times.sort();
    println!(
        "fill      {:>5} fills  quote to fill p50 {:.2?}  p99 {:.2?}",
        times.len(),
        at(&times, 50),
        at(&times, 99)
    );
    Ok(())
}

/// The newest quote of each symbol: when it came, and its bid.
#[derive(Default)]
struct Market {
    quotes: HashMap<String, (Instant, String)>,
}

impl Market {
    fn hear(&mut self, message: &Value, when: Instant) {
        for quote in message["quotes"].as_array().into_iter().flatten() {
            self.quotes
                .insert(text(&quote["symbol"]), (when, text(&quote["bid"])));
        }
    }

    /// The symbols in which nothing rests, with their bids.
    fn without(&self, resting: &HashMap<String, String>) -> Vec<(String, String)> {
        let free = self
            .quotes
            .iter()
            .filter(|(symbol, _)| !resting.values().any(|one| one == *symbol));
        free.map(|(symbol, (_, bid))| (symbol.clone(), bid.clone()))
            .collect()
    }
}

/// The order that a message says was filled.
fn filled(message: &Value) -> Option<&str> {
    let is_fill = message["type"] == "order" && message["kind"] == "filled";
    message["order_id"].as_str().filter(|_| is_fill)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Everything that the stream says to a customer, with the time at which it came.
async fn listen(server: &Server, token: &str) -> Anyhow<mpsc::UnboundedReceiver<(Instant, Value)>> {
    let (mut socket, _) = connect_async(format!("ws://{}/ws", server.address)).await?;
    for message in [
        json!({ "type": "auth", "token": token }),
        json!({ "type": "subscribe_all" }),
    ] {
        socket.send(Message::text(message.to_string())).await?;
    }
    // From there on fills are told.
    let mut is_known = false;
    while !is_known {
        let message = socket.next().await;
        let message = message.ok_or_else(|| anyhow::anyhow!("the stream ended"))??;
        is_known = message
            .to_text()
            .is_ok_and(|text| text.contains(r#""type":"authenticated""#));
    }
    // It is read as fast as it comes, for a few seconds.
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            let when = Instant::now();
            if let Message::Text(text) = message
                && let Ok(message) = serde_json::from_str(&text)
                && tell.send((when, message)).is_err()
            {
                return;
            }
        }
    });
    Ok(heard)
}
