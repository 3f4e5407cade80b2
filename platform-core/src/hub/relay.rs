//! Events from other instances.
//!
//! | bytes of a notice | what |
//! |---|---|
//! | 0 to 15 | the instance that published it |
//! | 16 to 23 | the number of the event, big-endian |
//! | from 24 | the frame, UTF-8 |

use bytes::{BufMut, Bytes, BytesMut};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Frame;
use super::facade::Inner;
use crate::bus::{Heard, Notice};

const HEAD_BYTES: usize = 24;

pub(super) fn notice(origin: Uuid, seq: u64, frame: &Frame) -> Bytes {
    let mut body = BytesMut::with_capacity(HEAD_BYTES + frame.size_bytes());
    body.put_slice(origin.as_bytes());
    body.put_u64(seq);
    body.put_slice(frame.as_str().as_bytes());
    body.freeze()
}

/// The instance, the number and the frame.
fn read(body: &[u8]) -> Option<(Uuid, u64, Frame)> {
    let (origin, rest) = body.split_first_chunk::<16>()?;
    let (seq, text) = rest.split_first_chunk::<8>()?;
    let text = std::str::from_utf8(text).ok()?;
    Some((
        Uuid::from_bytes(*origin),
        u64::from_be_bytes(*seq),
        Frame::text(text),
    ))
}

pub(super) async fn run(hub: &Inner, stop: CancellationToken) {
    let mut listener = hub.listener.lock().await;
    let Some(listener) = listener.as_mut() else {
        stop.cancelled().await;
        return;
    };
    while let Some(heard) = stop.run_until_cancelled(listener.next()).await {
        match heard {
            Heard::Notice(notice) => tell(hub, &notice),
            Heard::Missed => hub.registry.missed(),
        }
    }
}

fn tell(hub: &Inner, notice: &Notice) {
    match read(&notice.body) {
        Some((origin, _, _)) if origin == hub.origin => {}
        Some((_, seq, frame)) => hub.registry.deliver(&notice.topic, seq, &frame),
        None => tracing::warn!(topic = %notice.topic, "left out a notice that no hub has written"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_read_as_it_was_written() {
        let origin = Uuid::from_bytes([7; 16]);
        let frame = Frame::text("{\"price\":\"1.00 \u{20ac}\"}");

        assert_eq!(read(&notice(origin, 9, &frame)), Some((origin, 9, frame)));
    }

    #[test]
    fn what_no_hub_has_written_is_no_notice() {
        assert_eq!(read(&[0; 23]), None);
        assert_eq!(read(&[0xff; 30]), None);
    }
}
