//! What is sent.

use bytes::Bytes;
use serde::Serialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// The longest head of a frame that is not masked (RFC 6455, section 5.2).
const HEAD_BYTES_MAX: usize = 10;

/// A text message to clients, written once and shared by all to whom it goes. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    text: Utf8Bytes,
    /// The text behind the head that a server sends with it; both are in one place of memory.
    wire: Bytes,
}

impl Frame {
    /// A frame of this text.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        let mut wire = Vec::with_capacity(HEAD_BYTES_MAX + text.len());
        let head = FrameHeader {
            opcode: OpCode::Data(Data::Text),
            ..FrameHeader::default()
        };
        head.format(u64::try_from(text.len()).unwrap_or(u64::MAX), &mut wire)
            .expect("memory takes whatever is written");
        let head_bytes = wire.len();
        wire.extend_from_slice(text.as_bytes());
        let wire = Bytes::from(wire);
        let text = Utf8Bytes::try_from(wire.slice(head_bytes..)).expect("it was a text");
        Self { text, wire }
    }

    /// A frame with this value as JSON.
    ///
    /// # Errors
    /// When the value cannot be JSON, such as a map whose keys are no text.
    pub fn json(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self::text)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// The size of its text.
    pub fn size_bytes(&self) -> usize {
        self.text.as_str().len()
    }

    /// What a server writes to send it.
    pub(super) fn wire(&self) -> Bytes {
        self.wire.clone()
    }
}
