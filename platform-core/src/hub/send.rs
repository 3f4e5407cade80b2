//! The socket, with a limit on every wait for it.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures::future::poll_immediate;
use futures::{SinkExt as _, StreamExt as _};
use tokio::time::{sleep, timeout};

use super::mailbox::Mailbox;
use super::{CloseReason, Frame};

/// Puts a message into the socket's buffer, and writes when that is full. The wait for a client that does not read ends with the time, or
/// when the connection is to end.
pub(super) async fn feed(
    socket: &mut WebSocket,
    message: Message,
    mailbox: &Mailbox,
    within: Duration,
) -> Result<(), CloseReason> {
    bounded(socket.feed(message), mailbox, within).await
}

/// Writes what is in the buffer, bounded likewise.
pub(super) async fn flush(
    socket: &mut WebSocket,
    mailbox: &Mailbox,
    within: Duration,
) -> Result<(), CloseReason> {
    bounded(socket.flush(), mailbox, within).await
}

async fn bounded(
    work: impl Future<Output = Result<(), axum::Error>>,
    mailbox: &Mailbox,
    within: Duration,
) -> Result<(), CloseReason> {
    let mut work = std::pin::pin!(work);
    // Nearly always there is room, and neither a timer nor a waker is needed.
    if let Some(done) = poll_immediate(work.as_mut()).await {
        return done.map_err(|_| CloseReason::ClientLeft);
    }
    // On the heap, so that a connection that need not wait does not carry it along.
    let waiting = async {
        tokio::select! {
            biased;
            done = work => done.map_err(|_| CloseReason::ClientLeft),
            reason = mailbox.closed() => Err(reason),
            () = sleep(within) => Err(CloseReason::TooSlow),
        }
    };
    Box::pin(waiting).await
}

/// Says a last thing and why the connection ends, and reads until the client has closed too: a connection that ends with something unread is reset, and the
/// client would not learn the reason.
pub(super) async fn farewell(
    socket: &mut WebSocket,
    (code, reason): (u16, String),
    last: Option<Frame>,
    within: Duration,
) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let goodbye = async {
        if let Some(last) = last {
            // Whether it was sent or not, the reason follows.
            let _ = socket.feed(Message::Text(last.utf8())).await;
        }
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // A client that does not close is left: the socket is dropped next, which breaks the connection off.
    let _ = timeout(within, goodbye).await;
}
