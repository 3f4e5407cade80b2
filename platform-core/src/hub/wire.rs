//! The stream under a WebSocket.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most frames that wait, and that one write takes.
const FRAMES_MAX: usize = 16;

/// A stream that also writes what many connections share, from where it is: a connection has no copy of it.
///
/// What waits here is written before anything that is written to the stream itself. So whoever lets something wait has seen to it that the
/// codec above has nothing left to write, which might be the rest of a frame.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        }
    }

    /// Lets a whole frame wait.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.waiting_bytes = self.waiting_bytes.saturating_add(frame.len());
        self.waiting.push_back(frame);
    }

    /// Whether so much waits that it is to be written before there is more.
    pub(super) fn is_full(&self, bytes_max: usize) -> bool {
        self.waiting.len() >= FRAMES_MAX || self.waiting_bytes >= bytes_max
    }

    fn written(&mut self, mut bytes: usize) {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        while let Some(first) = self.waiting.front_mut() {
            if bytes < first.len() {
                first.advance(bytes);
                return;
            }
            bytes -= first.len();
            self.waiting.pop_front();
        }
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Writes what waits.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(first) = self.waiting.front() {
            let stream = Pin::new(&mut self.stream);
            let bytes = if self.waiting.len() == 1 {
                ready!(stream.poll_write(cx, first))?
            } else {
                let mut slices = [IoSlice::new(&[]); FRAMES_MAX];
                for (slice, frame) in slices.iter_mut().zip(&self.waiting) {
                    *slice = IoSlice::new(frame);
                }
                ready!(stream.poll_write_vectored(cx, &slices))?
            };
            if bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_written(cx))?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_written(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_written(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::executor::block_on;
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// Takes as much at a time as it is told, and with 0 asks to come again.
    struct Narrow {
        takes: Vec<usize>,
        at: usize,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored_of(cx, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored_of(cx, slices)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Narrow {
        fn poll_write_vectored_of(
            &mut self,
            cx: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let takes = self.takes[self.at % self.takes.len()];
            self.at += 1;
            if takes == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let before = self.taken.len();
            let bytes = slices.iter().flat_map(|slice| slice.iter());
            self.taken.extend(bytes.take(takes));
            Poll::Ready(Ok(self.taken.len() - before))
        }
    }

    proptest! {
        #[test]
        fn what_is_shared_and_what_is_written_keep_their_order_and_are_whole(
            steps in prop::collection::vec((any::<bool>(), 1_usize..40), 0..30),
            mut takes in prop::collection::vec(0_usize..25, 0..6),
        ) {
            takes.push(1);
            let mut wire = Wire::new(Narrow { takes, at: 0, taken: Vec::new() });
            let mut expected = Vec::new();
            for (number, (is_shared, length)) in (0_u8..).zip(steps) {
                let bytes = vec![number; length];
                expected.extend_from_slice(&bytes);
                if is_shared {
                    if wire.is_full(100) {
                        block_on(poll_fn(|cx| wire.poll_written(cx))).unwrap();
                    }
                    wire.push(bytes.into());
                } else {
                    block_on(wire.write_all(&bytes)).unwrap();
                }
            }
            block_on(wire.flush()).unwrap();

            prop_assert_eq!(&wire.stream.taken, &expected);
            prop_assert!(!wire.is_full(1), "nothing waits any more");
        }
    }
}
