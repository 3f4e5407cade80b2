//! Ids that cannot be mistaken for one another.

/// An id did not have the form of a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {kind} is a UUID such as 018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12")]
pub struct ParseIdError {
    /// The name of the type that was asked for.
    pub kind: &'static str,
}

/// Declares id newtypes over a UUID.
///
/// An id is parsed or generated, never converted from a bare UUID by accident; it becomes a UUID only where one is asked for: in a
/// query, a hash, the binding of a sealed field. With the
/// feature `pg` it is a `sqlx` column of type `uuid`, with the feature `http` an OpenAPI schema.
///
/// ```
/// platform_core::id_type! {
///     /// Names a parcel.
///     pub struct ParcelId;
/// }
///
/// let id: ParcelId = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12".parse()?;
/// assert_eq!(id.to_string(), "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12");
/// assert!("parcel".parse::<ParcelId>().is_err());
/// # Ok::<(), platform_core::ParseIdError>(())
/// ```
#[macro_export]
macro_rules! id_type {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, $crate::__private::serde::Serialize)]
        #[serde(transparent, crate = "platform_core::__private::serde")]
        $vis struct $name($crate::__private::Uuid);

        impl $name {
            /// A new id of version 7, ordered by the time of its making.
            pub fn generate(sources: &$crate::Sources) -> Self {
                Self(sources.uuid_v7())
            }

            /// The id that a stored or computed UUID stands for.
            pub const fn from_stored(uuid: $crate::__private::Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID, for a query or a hash.
            pub const fn as_uuid(self) -> $crate::__private::Uuid {
                self.0
            }
        }

        impl ::std::convert::From<$name> for $crate::__private::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let parsed = match text.len() {
                    36 => $crate::__private::Uuid::try_parse(text).ok(),
                    _ => None,
                };
                parsed.map(Self).ok_or($crate::ParseIdError { kind: stringify!($name) })
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $name {
            fn deserialize<D>(deserializer: D) -> Result<Self, D::Error>
            where
                D: $crate::__private::serde::Deserializer<'de>,
            {
                let text = <::std::borrow::Cow<'_, str> as $crate::__private::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err($crate::__private::serde::de::Error::custom)
            }
        }

        $crate::__id_type_pg!($name);
        $crate::__id_type_http!($name);
    )+};
}

#[doc(hidden)]
#[macro_export]
#[cfg(feature = "pg")]
macro_rules! __id_type_pg {
    ($name:ident) => {
        impl $crate::__private::sqlx::Type<$crate::__private::sqlx::Postgres> for $name {
            fn type_info() -> $crate::__private::sqlx::postgres::PgTypeInfo {
                <$crate::__private::Uuid as $crate::__private::sqlx::Type<$crate::__private::sqlx::Postgres>>::type_info()
            }
        }

        impl $crate::__private::sqlx::postgres::PgHasArrayType for $name {
            fn array_type_info() -> $crate::__private::sqlx::postgres::PgTypeInfo {
                <$crate::__private::Uuid as $crate::__private::sqlx::postgres::PgHasArrayType>::array_type_info()
            }
        }

        impl $crate::__private::sqlx::Encode<'_, $crate::__private::sqlx::Postgres> for $name {
            fn encode_by_ref(
                &self,
                buf: &mut $crate::__private::sqlx::postgres::PgArgumentBuffer,
            ) -> Result<$crate::__private::sqlx::encode::IsNull, $crate::__private::sqlx::error::BoxDynError> {
                $crate::__private::sqlx::Encode::<$crate::__private::sqlx::Postgres>::encode_by_ref(&self.0, buf)
            }
        }

        impl $crate::__private::sqlx::Decode<'_, $crate::__private::sqlx::Postgres> for $name {
            fn decode(
                value: $crate::__private::sqlx::postgres::PgValueRef<'_>,
            ) -> Result<Self, $crate::__private::sqlx::error::BoxDynError> {
                <$crate::__private::Uuid as $crate::__private::sqlx::Decode<$crate::__private::sqlx::Postgres>>::decode(value)
                    .map(Self)
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "pg"))]
macro_rules! __id_type_pg {
    ($name:ident) => {};
}

#[doc(hidden)]
#[macro_export]
#[cfg(feature = "http")]
macro_rules! __id_type_http {
    ($name:ident) => {
        impl $crate::__private::utoipa::PartialSchema for $name {
            fn schema()
            -> $crate::__private::utoipa::openapi::RefOr<$crate::__private::utoipa::openapi::schema::Schema>
            {
                $crate::__private::uuid_schema()
            }
        }

        impl $crate::__private::utoipa::ToSchema for $name {}
    };
}

#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "http"))]
macro_rules! __id_type_http {
    ($name:ident) => {};
}

id_type! {
    /// Names a tenant. Parsed or read from the database, never defaulted.
    pub struct TenantId;
    /// Names a principal: a user, a service or a job.
    pub struct PrincipalId;
    /// Names a request, in logs, problem documents and audit events.
    pub struct RequestId;
}
