//! Amounts as `bigint` columns and as OpenAPI schemas.

/// Makes an amount a `bigint` column. A stored value outside the range is an error of decoding, not an amount.
macro_rules! bigint_column {
    ($name:ident, $from:ident) => {
        impl sqlx::Type<sqlx::Postgres> for $name {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                <i64 as sqlx::Type<sqlx::Postgres>>::type_info()
            }
        }

        impl sqlx::postgres::PgHasArrayType for $name {
            fn array_type_info() -> sqlx::postgres::PgTypeInfo {
                <i64 as sqlx::postgres::PgHasArrayType>::array_type_info()
            }
        }

        impl sqlx::Encode<'_, sqlx::Postgres> for $name {
            fn encode_by_ref(
                &self,
                buf: &mut sqlx::postgres::PgArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                sqlx::Encode::<sqlx::Postgres>::encode_by_ref(&self.0, buf)
            }
        }

        impl sqlx::Decode<'_, sqlx::Postgres> for $name {
            fn decode(value: sqlx::postgres::PgValueRef<'_>) -> Result<Self, sqlx::error::BoxDynError> {
                Ok(Self::$from(<i64 as sqlx::Decode<sqlx::Postgres>>::decode(
                    value,
                )?)?)
            }
        }
    };
}

/// Gives an amount its schema: a string of format `decimal`.
macro_rules! decimal_schema {
    ($name:ident, $example:expr) => {
        #[cfg(feature = "http")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .format(Some(SchemaFormat::Custom("decimal".to_owned())))
                    .examples([$example])
                    .into()
            }
        }

        #[cfg(feature = "http")]
        impl utoipa::ToSchema for $name {}
    };
}

pub(super) use {bigint_column, decimal_schema};
