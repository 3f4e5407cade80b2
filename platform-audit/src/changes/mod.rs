//! What an event changed, field by field.

mod between;
mod check;
#[cfg(feature = "keys")]
mod sealing;
mod secret_name;

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_core::TenantId;
use platform_crypto::Sealed;
use serde::Serialize;
use serde_json::{Map, Value, json};

pub use between::NotComparable;
pub use check::{CHANGED_FIELDS_MAX, CHANGES_BYTES_MAX};
#[cfg(feature = "keys")]
pub use sealing::{OpenChangeError, OpenedChange, SealChangeError, sealed_keys};

use crate::EventId;

/// The member that tells a sealed value from one in the clear.
const SEALED: &str = "sealed";

/// What was changed: for each field what it was before and what it is after.
///
/// Stored as `{"field": {"before": …, "after": …}}`; a side that there was not is left out. A field whose name is that of a secret or
/// of personal data (`password`, `api_key`, `email`) is refused unless it is sealed, because nobody can erase an event: a sealed
/// value is stored as `{"sealed": "<base64>"}` and is gone with its key.
///
/// A field that is given again takes the place of the one before, so that [`between`](Self::between) can do the bulk and the secret ones
/// are sealed after it.
///
/// ```
/// use platform_audit::Changes;
///
/// let changes = Changes::new().field("limit_lots", 10, 20);
/// assert_eq!(changes.to_value(), serde_json::json!({ "limit_lots": { "before": 10, "after": 20 } }));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    fields: BTreeMap<Cow<'static, str>, Change>,
    sealed_for: Option<(TenantId, EventId)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Change {
    before: Side,
    after: Side,
}

#[derive(Debug, Clone, PartialEq)]
enum Side {
    Absent,
    Clear(Value),
    Sealed(Box<[u8]>),
    /// A value that cannot be JSON.
    Broken,
}

impl Changes {
    /// Nothing was changed, so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing was changed, so far, by this event of this tenant: for values that are sealed for it and open nowhere else.
    ///
    /// ```
    /// use platform_audit::{Changes, EventId};
    /// use platform_core::{Sources, TenantId};
    ///
    /// let sources = Sources::system();
    /// let (tenant, id) = (TenantId::generate(&sources), EventId::generate(&sources));
    /// assert!(Changes::for_event(tenant, id).is_empty());
    /// ```
    pub fn for_event(tenant: TenantId, id: EventId) -> Self {
        Self {
            fields: BTreeMap::new(),
            sealed_for: Some((tenant, id)),
        }
    }

    /// Adds a field in the clear.
    #[must_use]
    pub fn field(
        self,
        name: impl Into<Cow<'static, str>>,
        before: impl Serialize,
        after: impl Serialize,
    ) -> Self {
        self.with(name, Side::of(before), Side::of(after))
    }

    /// Adds a field with values that are sealed already, such as those of the column that was changed; they open where that column's
    /// do.
    #[must_use]
    pub fn sealed<T>(
        self,
        name: impl Into<Cow<'static, str>>,
        before: Option<&Sealed<T>>,
        after: Option<&Sealed<T>>,
    ) -> Self {
        let side = |sealed: Option<&Sealed<T>>| {
            sealed.map_or(Side::Absent, |sealed| Side::Sealed(sealed.as_bytes().into()))
        };
        self.with(name, side(before), side(after))
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The JSON that is stored.
    pub fn to_value(&self) -> Value {
        let fields = self
            .fields
            .iter()
            .map(|(name, change)| (name.clone().into_owned(), change.to_value()));
        Value::Object(fields.collect())
    }

    /// The event that values were sealed for.
    pub(crate) fn event(&self) -> Option<EventId> {
        self.sealed_for.map(|(_, id)| id)
    }

    /// Whether the values were sealed for another tenant.
    pub(crate) fn is_of_other_tenant(&self, tenant: TenantId) -> bool {
        self.sealed_for
            .is_some_and(|(sealed_for, _)| sealed_for != tenant)
    }

    fn with(mut self, name: impl Into<Cow<'static, str>>, before: Side, after: Side) -> Self {
        self.fields.insert(name.into(), Change { before, after });
        self
    }
}

impl Change {
    fn to_value(&self) -> Value {
        let sides = [("before", &self.before), ("after", &self.after)];
        let sides = sides
            .into_iter()
            .filter_map(|(name, side)| Some((name.to_owned(), side.to_value()?)));
        Value::Object(sides.collect::<Map<_, _>>())
    }
}

impl Side {
    fn of(value: impl Serialize) -> Self {
        serde_json::to_value(value).map_or(Self::Broken, Self::Clear)
    }

    fn to_value(&self) -> Option<Value> {
        match self {
            Self::Absent | Self::Broken => None,
            Self::Clear(value) => Some(value.clone()),
            Self::Sealed(bytes) => Some(json!({ SEALED: STANDARD.encode(bytes) })),
        }
    }
}
