//! Structs from objects alone.

use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Reads a struct from a JSON object and from nothing else.
///
/// A derived struct is read from a list of values too, in the order of its fields: `["AAPL", "buy"]` would be an order. Holds for
/// the value itself, not for structs inside it.
pub(super) struct Object<D>(pub(super) D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Object<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Parcel {
        weight_grams: u32,
    }

    fn read<T: for<'de> Deserialize<'de>>(json: &str) -> Result<T, serde_json::Error> {
        T::deserialize(Object(&mut serde_json::Deserializer::from_str(json)))
    }

    #[test]
    fn a_struct_is_not_read_from_a_list() {
        assert_eq!(
            read::<Parcel>(r#"{"weight_grams":3}"#).unwrap(),
            Parcel { weight_grams: 3 }
        );
        assert!(read::<Parcel>("[3]").is_err());
    }

    #[test]
    fn other_values_are_read_as_ever() {
        assert_eq!(read::<Vec<u32>>("[1,2]").unwrap(), [1, 2]);
        assert_eq!(read::<Option<u32>>("null").unwrap(), None);
        assert_eq!(read::<String>(r#""text""#).unwrap(), "text");
    }
}
