//! What a handler leaves unread of a request's body.
//!
//! A connection cannot be used again before the body of its last request is read, and closing it over unread bytes resets it: the
//! client may see that instead of its answer, or find the connection gone that it sends its next request over. So what was refused
//! unread is read and thrown away, within bounds; beyond them the client is told that the connection closes.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures::{Stream, StreamExt};
use tokio::time::timeout;

const DRAIN_BYTES_MAX: usize = 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The body of a request that is being answered.
pub(super) struct Unread {
    /// `None` when there is no body.
    body: Option<Arc<Mutex<Reading>>>,
    /// The client sends the body only once somebody begins to read it (`Expect: 100-continue`).
    waits: bool,
}

impl Unread {
    /// Lends the body to whoever answers the request.
    pub(super) fn of(request: Request) -> (Request, Self) {
        let waits = request.headers().contains_key(header::EXPECT);
        let (parts, body) = request.into_parts();
        if body.is_end_stream() {
            return (Request::from_parts(parts, body), Self { body: None, waits });
        }
        let reading = Arc::new(Mutex::new(Reading {
            stream: body.into_data_stream(),
            begun: false,
            ended: false,
        }));
        let lent = Body::from_stream(Lent(Arc::clone(&reading)));
        let unread = Self {
            body: Some(reading),
            waits,
        };
        (Request::from_parts(parts, lent), unread)
    }

    /// Reads what is left. Where there is too much of it, or it does not come, the answer says that the connection closes.
    pub(super) async fn settle(self, mut answer: Response) -> Response {
        if !self.read_rest().await {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        answer
    }

    /// Is the body read to its end now?
    async fn read_rest(self) -> bool {
        // A handler that answers while it still reads keeps the body.
        let Some(reading) = self.body.and_then(Arc::into_inner) else {
            return true;
        };
        let mut reading = reading.into_inner().unwrap_or_else(PoisonError::into_inner);
        if reading.ended || (self.waits && !reading.begun) {
            return reading.ended;
        }
        timeout(DRAIN_TIMEOUT, reading.drain()).await == Ok(true)
    }
}

struct Reading {
    stream: BodyDataStream,
    begun: bool,
    ended: bool,
}

impl Reading {
    /// Was it read to its end?
    async fn drain(&mut self) -> bool {
        let mut drained: usize = 0;
        while let Some(Ok(chunk)) = self.stream.next().await {
            drained = drained.saturating_add(chunk.len());
            if drained > DRAIN_BYTES_MAX {
                return false;
            }
        }
        true
    }
}

/// The body in the hands of a handler.
struct Lent(Arc<Mutex<Reading>>);

impl Stream for Lent {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.begun = true;
        let polled = reading.stream.poll_next_unpin(cx);
        // After an error nothing more comes over this connection.
        reading.ended |= matches!(polled, Poll::Ready(None | Some(Err(_))));
        polled
    }
}
