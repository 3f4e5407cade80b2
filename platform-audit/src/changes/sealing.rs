//! Values that are sealed for the event they are in.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_core::TenantId;
use platform_crypto::{
    Column, FieldContext, KeyId, OpenError, OpenKeys, Padding, SealError, SealKeys, Sealed, Secret,
};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Changes, SEALED, Side};
use crate::RecordedEvent;

/// Where values are sealed for: the event is the row, and what is sealed says of which field and side it is.
const CHANGES: Column<String> = Column::new("platform_audit.event", "changes").padded(Padding::To64);

const BEFORE: &str = "before";
const AFTER: &str = "after";

/// A value was not sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealChangeError {
    /// The changes are not those of an event: make them with [`Changes::for_event`].
    #[error("values are sealed for an event, and the changes name none")]
    NoEvent,
    /// The value does not become JSON, or the name of the field holds U+0000.
    #[error("the value or the name of the field cannot be stored")]
    NotJson,
    /// The keys do not seal.
    #[error("the value could not be sealed")]
    Seal(#[from] SealError),
}

/// A sealed change does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenChangeError {
    /// The event has no such field.
    #[error("the event has no such field")]
    NoSuchField,
    /// A side of the field is not sealed, or not for the event it is in.
    #[error("the field is not sealed for its event")]
    NotSealed,
    /// The keys do not open it: the key was destroyed, is not at hand, or the value is not what was sealed.
    #[error("the value could not be opened")]
    Open(#[from] OpenError),
}

/// The two sides of a change as JSON text.
#[derive(Debug)]
pub struct OpenedChange {
    /// What it was; `None` when there was nothing.
    pub before: Option<Secret<String>>,
    /// What it is; `None` when there is nothing.
    pub after: Option<Secret<String>>,
}

impl Changes {
    /// Adds a field whose values are sealed for the event that the changes are [for](Changes::for_event): with the key of a data subject
    /// (`Keyring::ensure_subject`) they are gone with the subject, with those of the tenant (`Keyring::keys`) with the tenant.
    ///
    /// ```
    /// use platform_audit::{Changes, EventId};
    /// use platform_core::{Sources, TenantId};
    /// use platform_crypto::{Budget, DataKey, FieldKey, Keys};
    ///
    /// let sources = Sources::system();
    /// let (tenant, id) = (TenantId::generate(&sources), EventId::generate(&sources));
    /// // A service gets these from its keyring.
    /// let keys = Keys::new(tenant, FieldKey::new(DataKey::generate(&sources)), Budget::unlimited());
    ///
    /// let changes = Changes::for_event(tenant, id).seal(&keys, "email", Some("ada@example.com"), Some("ada@example.org"))?;
    /// assert!(!changes.to_value().to_string().contains("ada"));
    /// # Ok::<(), platform_audit::SealChangeError>(())
    /// ```
    ///
    /// # Errors
    /// [`SealChangeError`].
    pub fn seal<T: Serialize + ?Sized>(
        self,
        keys: &impl SealKeys,
        name: impl Into<Cow<'static, str>>,
        before: Option<&T>,
        after: Option<&T>,
    ) -> Result<Self, SealChangeError> {
        let (tenant, id) = self.sealed_for.ok_or(SealChangeError::NoEvent)?;
        let name = name.into();
        if name.contains('\0') {
            return Err(SealChangeError::NotJson);
        }
        let place = CHANGES.at(tenant, id.as_uuid());
        let seal = |side: &str, value: Option<&T>| match value {
            Some(value) => {
                let sealed = keys.seal(&place, &*plain(&name, side, value)?)?;
                Ok(Side::Sealed(sealed.as_bytes().into()))
            }
            None => Ok::<_, SealChangeError>(Side::Absent),
        };
        let (before, after) = (seal(BEFORE, before)?, seal(AFTER, after)?);
        Ok(self.with(name, before, after))
    }
}

impl RecordedEvent {
    /// Opens a field that was sealed for this event of this tenant; ask the keyring for the keys that [`sealed_keys`] names.
    ///
    /// # Errors
    /// [`OpenChangeError`].
    pub fn open_change(
        &self,
        keys: &impl OpenKeys,
        tenant: TenantId,
        name: &str,
    ) -> Result<OpenedChange, OpenChangeError> {
        let change = self
            .changes
            .as_ref()
            .and_then(|changes| changes.get(name))
            .ok_or(OpenChangeError::NoSuchField)?;
        let place = CHANGES.at(tenant, self.id.as_uuid());
        let open = |side: &str| match change.get(side) {
            None => Ok(None),
            Some(value) => opened(keys, &place, name, side, value).map(Some),
        };
        Ok(OpenedChange {
            before: open(BEFORE)?,
            after: open(AFTER)?,
        })
    }
}

/// The ids of the keys under which values of an event's changes are sealed, for `Keyring::keys_for`.
pub fn sealed_keys(changes: &Value) -> Vec<KeyId> {
    let fields = changes.as_object().into_iter().flat_map(|fields| fields.values());
    let sides = fields.flat_map(|change| [change.get(BEFORE), change.get(AFTER)]);
    let mut keys: Vec<_> = sides
        .flatten()
        .filter_map(|side| sealed(side)?.key_id().ok())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// `field`, NUL, `side`, NUL and the JSON of the value: what is moved to another field or side is not taken for its value.
fn plain<T: Serialize + ?Sized>(
    name: &str,
    side: &str,
    value: &T,
) -> Result<Zeroizing<String>, SealChangeError> {
    let json = serde_json::to_string(value).map_err(|_| SealChangeError::NotJson)?;
    let json = Zeroizing::new(json);
    let mut plain = Zeroizing::new(String::with_capacity(name.len() + side.len() + json.len() + 2));
    for part in [name, "\0", side, "\0", json.as_str()] {
        plain.push_str(part);
    }
    Ok(plain)
}

fn opened(
    keys: &impl OpenKeys,
    place: &FieldContext<'_, String>,
    name: &str,
    side: &str,
    value: &Value,
) -> Result<Secret<String>, OpenChangeError> {
    let sealed = sealed(value).ok_or(OpenChangeError::NotSealed)?;
    let plain = keys.open(place, &sealed)?;
    let json = plain
        .expose()
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('\0')?.strip_prefix(side)?.strip_prefix('\0'))
        .ok_or(OpenChangeError::NotSealed)?;
    Ok(Secret::new(json.to_owned()))
}

fn sealed(side: &Value) -> Option<Sealed<String>> {
    let members = side.as_object().filter(|members| members.len() == 1)?;
    let bytes = STANDARD.decode(members.get(SEALED)?.as_str()?).ok()?;
    Some(Sealed::from_bytes(bytes))
}
