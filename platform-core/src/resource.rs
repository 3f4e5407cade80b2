//! Things of a tenant's to which a permission may be limited.

use std::fmt;

use uuid::Uuid;

/// The most bytes of a resource's id.
pub const RESOURCE_ID_BYTES_MAX: usize = 128;

/// One thing of a tenant's, such as an account or a project: what sort of thing it is, and its id.
///
/// The kind is a word of the module that owns the thing, the id is its own: 1 to 128 bytes of text, or a UUID, which stands for the text
/// it is printed as. It only borrows, so that asking costs no allocation.
///
/// ```
/// use platform_core::{InvalidResourceId, Resource, uuid::Uuid};
///
/// let id = Uuid::from_u128(7);
/// assert_eq!(Resource::of("account", id), Resource::new("account", "00000000-0000-0000-0000-000000000007")?);
/// assert_eq!(Resource::new("account", ""), Err(InvalidResourceId));
/// # Ok::<(), InvalidResourceId>(())
/// ```
#[derive(Clone, Copy)]
pub struct Resource<'a> {
    kind: &'static str,
    id: Id<'a>,
}

#[derive(Clone, Copy)]
enum Id<'a> {
    Text(&'a str),
    /// Printed, hyphenated, in lower case: ASCII.
    Uuid([u8; 36]),
}

/// A text is not the id of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a resource has 1 to {RESOURCE_ID_BYTES_MAX} bytes and no control characters")]
pub struct InvalidResourceId;

impl<'a> Resource<'a> {
    /// The resource of this kind whose id is a text.
    ///
    /// # Errors
    /// [`InvalidResourceId`] when the id is empty, longer than 128 bytes or holds control characters.
    pub fn new(kind: &'static str, id: &'a str) -> Result<Self, InvalidResourceId> {
        if id.is_empty() || id.len() > RESOURCE_ID_BYTES_MAX || id.chars().any(char::is_control) {
            return Err(InvalidResourceId);
        }
        Ok(Self {
            kind,
            id: Id::Text(id),
        })
    }

    /// The resource of this kind whose id is a UUID, such as one declared with [`id_type!`](crate::id_type).
    pub fn of(kind: &'static str, id: impl Into<Uuid>) -> Self {
        let mut printed = [0; 36];
        id.into().hyphenated().encode_lower(&mut printed);
        Self {
            kind,
            id: Id::Uuid(printed),
        }
    }

    /// What sort of thing it is.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Which one it is.
    pub fn id(&self) -> &str {
        match &self.id {
            Id::Text(text) => text,
            Id::Uuid(printed) => std::str::from_utf8(printed).unwrap_or_default(),
        }
    }
}

impl PartialEq for Resource<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, self.id()) == (other.kind, other.id())
    }
}

impl Eq for Resource<'_> {}

impl fmt::Debug for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({} {})", self.kind, self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_resource_has_bounds() {
        assert!(Resource::new("account", &"x".repeat(128)).is_ok());
        for id in ["", &"x".repeat(129), "a\nb", "a\u{0}b"] {
            assert_eq!(Resource::new("account", id), Err(InvalidResourceId), "{id:?}");
        }
    }

    #[test]
    fn resources_of_two_kinds_with_one_id_are_two() {
        assert_ne!(Resource::new("account", "7"), Resource::new("project", "7"));
    }
}
