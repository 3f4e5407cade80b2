//! The name a client gives its order.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

const MAX_BYTES: usize = 128;

/// A name the client gives an order: 1 to 128 visible ASCII characters, unique within the account for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ClientOrderId(String);

/// A text cannot name an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a client_order_id has 1 to 128 visible ASCII characters")]
pub struct ParseClientOrderIdError;

impl ClientOrderId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientOrderId {
    type Err = ParseClientOrderIdError;

    fn from_str(text: &str) -> Result<Self, ParseClientOrderIdError> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > MAX_BYTES || !visible {
            return Err(ParseClientOrderIdError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClientOrderId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

super::words::text_column!(ClientOrderId);

#[cfg(feature = "http")]
impl utoipa::PartialSchema for ClientOrderId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_BYTES))
            .into()
    }
}

#[cfg(feature = "http")]
impl utoipa::ToSchema for ClientOrderId {}
