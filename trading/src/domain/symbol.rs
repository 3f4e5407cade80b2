//! The name of an instrument.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const MAX_BYTES: usize = 12;

/// The ticker of an instrument: 1 to 12 characters out of `A`-`Z`, `0`-`9`, `.` and `-`.
///
/// Lower case is refused, not raised: one instrument has one spelling everywhere.
///
/// ```
/// use trading::Symbol;
///
/// let symbol: Symbol = "BRK.B".parse()?;
/// assert_eq!(symbol.as_str(), "BRK.B");
/// assert!("aapl".parse::<Symbol>().is_err());
/// # Ok::<(), trading::ParseSymbolError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol {
    /// The characters, then zeros.
    bytes: [u8; MAX_BYTES],
}

/// A text is not a symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a symbol has 1 to 12 characters out of A-Z, 0-9, point and hyphen")]
pub struct ParseSymbolError;

impl Symbol {
    /// The characters of the symbol.
    pub fn as_str(&self) -> &str {
        let length = self.bytes.iter().position(|byte| *byte == 0).unwrap_or(MAX_BYTES);
        std::str::from_utf8(&self.bytes[..length]).expect("a symbol was parsed from ASCII")
    }
}

impl FromStr for Symbol {
    type Err = ParseSymbolError;

    fn from_str(text: &str) -> Result<Self, ParseSymbolError> {
        let allowed =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-';
        if text.is_empty() || text.len() > MAX_BYTES || !text.bytes().all(allowed) {
            return Err(ParseSymbolError);
        }
        let mut bytes = [0; MAX_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes })
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbol({self})")
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

super::words::text_column!(Symbol);

#[cfg(feature = "http")]
impl utoipa::PartialSchema for Symbol {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[A-Z0-9.-]{1,12}$"))
            .examples(["AAPL"])
            .into()
    }
}

#[cfg(feature = "http")]
impl utoipa::ToSchema for Symbol {}
