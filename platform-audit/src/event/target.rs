//! What an event is about.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What it was done to: a kind such as `order`, and the id that kind is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Target {
    /// The kind, 1 to 64 characters.
    #[cfg_attr(feature = "http", schema(value_type = String))]
    pub kind: Cow<'static, str>,
    /// The id, 1 to 256 characters.
    pub id: String,
}
