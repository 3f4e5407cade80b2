//! What is sent.

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;

/// A text message to clients, written once and shared by all to whom it goes. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Utf8Bytes);

impl Frame {
    /// A frame of this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(text.into().into())
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
        self.0.as_str()
    }

    /// Its size.
    pub fn size_bytes(&self) -> usize {
        self.0.as_str().len()
    }

    pub(super) fn utf8(&self) -> Utf8Bytes {
        self.0.clone()
    }
}
