//! The socket, with a limit on every wait for it.

use std::time::Duration;

use futures::future::poll_immediate;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::mailbox::Mailbox;
use super::socket::Socket;
use super::{CloseReason, Frame};

/// Gives a frame to the socket, which writes when it has many. The wait for a client that does not read ends with the time, or when the
/// connection is to end.
pub(super) async fn feed(
    socket: &mut Socket,
    frame: &Frame,
    mailbox: &Mailbox,
    within: Duration,
) -> Result<(), CloseReason> {
    bounded(socket.feed(frame), mailbox, within).await
}

/// Writes what the socket was given, bounded likewise.
pub(super) async fn flush(
    socket: &mut Socket,
    mailbox: &Mailbox,
    within: Duration,
) -> Result<(), CloseReason> {
    bounded(socket.flush(), mailbox, within).await
}

/// Asks whether the client is still there, bounded likewise.
pub(super) async fn ping(
    socket: &mut Socket,
    mailbox: &Mailbox,
    within: Duration,
) -> Result<(), CloseReason> {
    let ping = Message::Ping(bytes::Bytes::new());
    bounded(socket.send(ping), mailbox, within).await
}

async fn bounded(
    work: impl Future<Output = Result<(), Error>>,
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
    let done = Box::pin(waiting).await;
    // The wait has used up what woke it, and there may be more to send by now.
    mailbox.wake();
    done
}

/// Says a last thing and why the connection ends, and reads until the client has closed too: a connection that ends with something unread is reset, and the
/// client would not learn the reason.
pub(super) async fn farewell(
    socket: &mut Socket,
    (code, reason): (u16, String),
    last: Option<Frame>,
    within: Duration,
) {
    let frame = CloseFrame {
        code: code.into(),
        reason: reason.into(),
    };
    let goodbye = async {
        if let Some(last) = last {
            // Whether it was sent or not, the reason follows.
            let _ = socket.feed(&last).await;
        }
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // A client that does not close is left: the socket is dropped next, which breaks the connection off.
    let _ = timeout(within, goodbye).await;
}
