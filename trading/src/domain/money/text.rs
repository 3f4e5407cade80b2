//! The exact text of a number in JSON.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A number as the client wrote it: a JSON string or a JSON number, digit for digit.
///
/// Nothing is read into it, so a form can hold it for every field, and each field then says what is wrong with its own.
/// `1.10` stays `1.10`; it never passes through a float.
///
/// ```
/// use trading::{DecimalText, Price};
///
/// let text: DecimalText = serde_json::from_str("1.10")?;
/// assert_eq!(text.as_str(), "1.10");
/// assert_eq!(text.as_str().parse::<Price>()?.e4(), 11_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DecimalText(String);

impl DecimalText {
    /// The text of the number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for DecimalText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

/// Reads an integer that may be part of a tagged value: `serde` buffers those, and hands a number that is kept as text over as
/// something that no integer reads by itself.
pub(in crate::domain) fn exact_integer<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err = std::num::ParseIntError>,
{
    let text = DecimalText::deserialize(deserializer)?;
    text.as_str().parse().map_err(D::Error::custom)
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number, as a string or as a JSON number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<String, E> {
        Ok(value.to_string())
    }

    /// Parsed text never comes here. A `serde_json::Value` hands over a float only when the float's shortest text is the
    /// number's own text, so writing the shortest text again loses nothing.
    fn visit_f64<E: Error>(self, value: f64) -> Result<String, E> {
        Ok(value.to_string())
    }

    /// Where `serde_json` keeps numbers as text it presents each as a map of one private key.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<String, A::Error> {
        let number = serde_json::Number::deserialize(MapAccessDeserializer::new(map))
            .map_err(|_| A::Error::invalid_type(serde::de::Unexpected::Map, &self))?;
        Ok(number.to_string())
    }
}

#[cfg(feature = "http")]
mod schema {
    use super::DecimalText;
    use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
    use utoipa::openapi::{RefOr, Schema};

    impl utoipa::PartialSchema for DecimalText {
        fn schema() -> RefOr<Schema> {
            let text = ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::Custom("decimal".to_owned())));
            let number = ObjectBuilder::new().schema_type(Type::Number);
            OneOfBuilder::new().item(text).item(number).into()
        }
    }

    impl utoipa::ToSchema for DecimalText {}
}
