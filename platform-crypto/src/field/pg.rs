//! Sealed values and key ids as columns of type `bytea`.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef, Postgres};
use sqlx::{Decode, Encode, Type};

use super::Sealed;
use crate::KeyId;

impl<T> Type<Postgres> for Sealed<T> {
    fn type_info() -> PgTypeInfo {
        <[u8] as Type<Postgres>>::type_info()
    }
}

impl<T> PgHasArrayType for Sealed<T> {
    fn array_type_info() -> PgTypeInfo {
        <Vec<u8> as PgHasArrayType>::array_type_info()
    }
}

impl<T> Encode<'_, Postgres> for Sealed<T> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode_by_ref(&self.as_bytes(), buffer)
    }
}

impl<T> Decode<'_, Postgres> for Sealed<T> {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        <Vec<u8> as Decode<Postgres>>::decode(value).map(Self::from_bytes)
    }
}

impl Type<Postgres> for KeyId {
    fn type_info() -> PgTypeInfo {
        <[u8] as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for KeyId {
    fn array_type_info() -> PgTypeInfo {
        <Vec<u8> as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for KeyId {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode_by_ref(&self.as_bytes().as_slice(), buffer)
    }
}

impl Decode<'_, Postgres> for KeyId {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let bytes = <Vec<u8> as Decode<Postgres>>::decode(value)?;
        Ok(Self::try_from(bytes.as_slice())?)
    }
}
