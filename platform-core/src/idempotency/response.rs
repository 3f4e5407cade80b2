//! What is answered again.

use std::fmt;

use serde::Serialize;

const CONTENT_TYPE_BYTES_MAX: usize = 200;

/// An answer as it is stored: status, content type, body.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredResponse {
    status: u16,
    content_type: Option<String>,
    body: Vec<u8>,
}

/// Something cannot be stored as an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidResponse {
    /// The status is not one of HTTP.
    #[error("a status is from 100 to 599")]
    Status,
    /// The content type is empty, longer than 200 characters or holds anything but visible ASCII and blanks.
    #[error("a content type is 1 to {CONTENT_TYPE_BYTES_MAX} ASCII characters")]
    ContentType,
    /// The value cannot be written as JSON.
    #[error("the body cannot be written as JSON")]
    Body(#[source] serde_json::Error),
}

impl StoredResponse {
    /// An answer of these bytes.
    ///
    /// # Errors
    /// [`InvalidResponse`] names the part that no answer can have.
    pub fn new(status: u16, content_type: Option<&str>, body: Vec<u8>) -> Result<Self, InvalidResponse> {
        if !(100..=599).contains(&status) {
            return Err(InvalidResponse::Status);
        }
        let fits = |text: &str| {
            let written = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
            (1..=CONTENT_TYPE_BYTES_MAX).contains(&text.len()) && text.bytes().all(written)
        };
        if content_type.is_some_and(|text| !fits(text)) {
            return Err(InvalidResponse::ContentType);
        }
        Ok(Self {
            status,
            content_type: content_type.map(str::to_owned),
            body,
        })
    }

    /// An answer whose body is a value as JSON.
    ///
    /// ```
    /// use platform_core::idempotency::StoredResponse;
    ///
    /// let answer = StoredResponse::json(201, &["on its way"])?;
    /// assert_eq!((answer.status(), answer.body()), (201, br#"["on its way"]"#.as_slice()));
    /// # Ok::<(), platform_core::idempotency::InvalidResponse>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidResponse`], as [`StoredResponse::new`], and when the value has no form in JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Result<Self, InvalidResponse> {
        let body = serde_json::to_vec(body).map_err(InvalidResponse::Body)?;
        Self::new(status, Some("application/json"), body)
    }

    /// The status of HTTP.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The content type, when there is a body that has one.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, taken out.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

/// Says nothing of the body.
impl fmt::Debug for StoredResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
