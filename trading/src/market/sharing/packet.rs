//! Frames as they go over a bus.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | the version of this form, 1 |
//! | 1 to 16 | the instance that sent it |
//! | 17 to 24 | the leader's term, big-endian |
//! | 25 to 32 | how far the recording is, in microseconds, big-endian; all ones where there is none |
//! | from 33 | the frame, JSON |

use platform_core::bus::Bytes;
use uuid::Uuid;

use super::super::{Quote, QuoteFrame};

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 33;

/// Quotes of one packet. A quote has less than 600 bytes, and a notice of a bus at most 64 KiB.
const QUOTES_MAX: usize = 100;

/// Whose packet it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) origin: Uuid,
    /// Grows with every leader.
    pub(super) term: u64,
    pub(super) played_us: u64,
}

/// The packets of a frame, each of which follows the one before it. An empty one is told too: it says that somebody leads.
pub(super) fn packets(head: Head, frame: &QuoteFrame) -> Vec<Bytes> {
    if frame.quotes.is_empty() {
        return vec![packet(head, frame)];
    }
    let mut previous_seq = frame.previous_seq;
    let mut packets = Vec::new();
    for quotes in frame.quotes.chunks(QUOTES_MAX) {
        let part = QuoteFrame {
            previous_seq,
            quotes: quotes.to_vec(),
        };
        packets.push(packet(head, &part));
        // One that follows nothing is complete, and so are its parts.
        if previous_seq != 0 {
            previous_seq = newest(quotes).unwrap_or(previous_seq);
        }
    }
    packets
}

/// The greatest number among quotes.
pub(super) fn newest(quotes: &[Quote]) -> Option<u64> {
    quotes.iter().map(|quote| quote.seq).max()
}

fn packet(head: Head, frame: &QuoteFrame) -> Bytes {
    let mut body = Vec::with_capacity(HEAD_BYTES + frame.quotes.len() * 350);
    body.push(VERSION);
    body.extend_from_slice(head.origin.as_bytes());
    body.extend_from_slice(&head.term.to_be_bytes());
    body.extend_from_slice(&head.played_us.to_be_bytes());
    serde_json::to_writer(&mut body, frame).expect("a quote has only strings and numbers");
    body.into()
}

/// The head of a packet, and its frame, which is still to be [read](frame).
pub(super) fn head(body: &[u8]) -> Option<(Head, &[u8])> {
    let (version, rest) = body.split_first()?;
    let (origin, rest) = rest.split_first_chunk::<16>()?;
    let (term, rest) = rest.split_first_chunk::<8>()?;
    let (played_us, rest) = rest.split_first_chunk::<8>()?;
    let head = Head {
        origin: Uuid::from_bytes(*origin),
        term: u64::from_be_bytes(*term),
        played_us: u64::from_be_bytes(*played_us),
    };
    (*version == VERSION).then_some((head, rest))
}

/// The frame of a packet.
pub(super) fn frame(rest: &[u8]) -> Result<QuoteFrame, serde_json::Error> {
    serde_json::from_slice(rest)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::{Price, Quantity, QuoteSource};

    const HEAD: Head = Head {
        origin: Uuid::from_bytes([7; 16]),
        term: 9,
        played_us: 11,
    };

    /// Every field as long as it may be.
    fn quotes(count: u64) -> Vec<Quote> {
        let at = datetime!(2026-01-02 15:00:00.123456789 UTC);
        let (price, size) = (
            Price::from_e4(99_999_999_999_999).unwrap(),
            Quantity::from_e6(99_999_999_999_999).unwrap(),
        );
        let quote = |seq| Quote {
            seq: u64::MAX - count + seq,
            symbol: "ABCDEFGHIJKL".parse().unwrap(),
            bid: price,
            bid_size: size,
            ask: price,
            ask_size: size,
            last: price,
            at,
            source_at: at,
            source: QuoteSource::Simulator,
            halted: false,
        };
        (1..=count).map(quote).collect()
    }

    #[test]
    fn a_packet_is_read_as_it_was_written() {
        let written = QuoteFrame {
            previous_seq: 3,
            quotes: quotes(2),
        };

        let [packet] = &packets(HEAD, &written)[..] else {
            panic!("two quotes have room in one")
        };

        let (read, rest) = head(packet).unwrap();
        assert_eq!(read, HEAD);
        assert_eq!(frame(rest).unwrap(), written);
    }

    #[test]
    fn a_large_frame_is_told_in_parts_that_follow_each_other_and_have_room_in_a_notice() {
        let written = QuoteFrame {
            previous_seq: 3,
            quotes: quotes(250),
        };

        let packets = packets(HEAD, &written);

        let frames: Vec<QuoteFrame> = packets
            .iter()
            .map(|packet| frame(head(packet).unwrap().1).unwrap())
            .collect();
        assert_eq!(frames.len(), 3);
        let mut previous_seq = 3;
        for frame in &frames {
            assert_eq!(frame.previous_seq, previous_seq);
            previous_seq = newest(&frame.quotes).unwrap();
        }
        let told: Vec<Quote> = frames.into_iter().flat_map(|frame| frame.quotes).collect();
        assert_eq!(told, written.quotes);
        let largest = packets.iter().map(|packet| packet.len()).max().unwrap();
        assert!(largest <= platform_core::bus::NOTICE_BYTES_MAX, "{largest}");
    }

    #[test]
    fn what_nobody_of_ours_has_written_is_no_packet() {
        let packet = packets(
            HEAD,
            &QuoteFrame {
                previous_seq: 0,
                quotes: quotes(1),
            },
        )
        .remove(0);
        let mut newer = packet.to_vec();
        newer[0] = 2;

        assert_eq!(head(&newer), None);
        assert_eq!(head(&packet[..HEAD_BYTES - 1]), None);
        assert_eq!(head(b""), None);
        assert!(frame(&packet[HEAD_BYTES..packet.len() - 1]).is_err());
    }
}
