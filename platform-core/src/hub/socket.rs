//! A WebSocket whose frames belong to many.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::ready;

use futures::{Sink as _, SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Frame;
use super::wire::Wire;

/// A WebSocket of the server's. Its codec reads, and writes what concerns this connection alone; frames that are shared go past it.
#[derive(Debug)]
pub(super) struct Socket {
    codec: WebSocketStream<Wire<TokioIo<Upgraded>>>,
    /// What is gathered before it is written.
    gather_bytes: usize,
    /// Whether the codec may have something left to write: the answer to a ping or a close, or a message that it was given.
    may_owe: bool,
}

impl Socket {
    pub(super) async fn new(upgraded: Upgraded, config: WebSocketConfig) -> Self {
        let wire = Wire::new(TokioIo::new(upgraded));
        Self {
            codec: WebSocketStream::from_raw_socket(wire, Role::Server, Some(config)).await,
            gather_bytes: config.write_buffer_size,
            may_owe: false,
        }
    }

    /// The next message; `None` behind the last.
    pub(super) async fn next(&mut self) -> Option<Result<Message, Error>> {
        let next = self.codec.next().await;
        // It answers nothing else, and has not written the answer yet.
        self.may_owe |= matches!(next, Some(Ok(Message::Ping(_) | Message::Close(_))));
        next
    }

    /// Takes a frame, and writes when much was taken.
    ///
    /// Cancel-safe: it was taken, or it was not.
    pub(super) async fn feed(&mut self, frame: &Frame) -> Result<(), Error> {
        poll_fn(|cx| {
            if self.may_owe {
                ready!(Pin::new(&mut self.codec).poll_flush(cx))?;
                self.may_owe = false;
            }
            let wire = self.codec.get_mut();
            if wire.is_full(self.gather_bytes) {
                ready!(wire.poll_written(cx))?;
            }
            wire.push(frame.wire());
            std::task::Poll::Ready(Ok(()))
        })
        .await
    }

    /// Writes what was taken.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| Pin::new(self.codec.get_mut()).poll_flush(cx)).await?;
        Ok(())
    }

    /// Sends a message for this connection alone, behind what was taken.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.may_owe = true;
        self.codec.send(message).await
    }
}
