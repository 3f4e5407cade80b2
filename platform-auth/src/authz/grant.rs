//! What a grant is.

use std::fmt;

use platform_core::time::UtcOffset;
use platform_core::{OwnedResource, PrincipalId, RESOURCE_ID_BYTES_MAX, Timestamp, Window};

use super::{GrantId, GroupId, RoleId};
use crate::Role;

const KIND_CHARS_MAX: usize = 64;
const REASON_CHARS_MAX: usize = 200;

/// To whom something is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantPrincipal {
    /// A user.
    User(PrincipalId),
    /// A service principal.
    Service(PrincipalId),
    /// Whoever is a member of the group, directly or by way of other groups, as long as they are.
    Group(GroupId),
}

/// Which role is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleRef {
    /// One that is built in.
    BuiltIn(Role),
    /// One of the tenant's own.
    Custom(RoleId),
}

/// A role that somebody has, where and when. It holds from the first instant of its window until the last, or until it is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Who has it.
    pub principal: GrantPrincipal,
    /// What.
    pub role: RoleRef,
    /// On what; `None` for the whole tenant.
    pub on: Option<OwnedResource>,
    /// When.
    pub window: Window,
    /// When it was granted.
    pub granted_at: Timestamp,
    /// By whom; `None` for a job of the service.
    pub granted_by: Option<PrincipalId>,
    /// Why.
    pub reason: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// By whom; `None` for a job of the service too.
    pub revoked_by: Option<PrincipalId>,
}

/// A grant that is to be made.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// To whom.
    pub principal: GrantPrincipal,
    /// What.
    pub role: RoleRef,
    /// On what; `None` for the whole tenant. The kind is a word of `a-z`, `0-9` and `_` that begins with a letter, of at most 64
    /// characters; the id has 1 to 128 bytes.
    pub on: Option<OwnedResource>,
    /// From when; `None` for at once.
    pub valid_from: Option<Timestamp>,
    /// Until when, this instant not included; `None` for no end.
    pub valid_until: Option<Timestamp>,
    /// Why, in 1 to 200 characters.
    pub reason: Option<String>,
}

/// Which grants are asked for: those that match every field that is given.
#[derive(Debug, Clone, Default)]
pub struct GrantFilter {
    /// Directly to this user or group.
    pub principal: Option<GrantPrincipal>,
    /// Of this role.
    pub role: Option<RoleRef>,
    /// On this resource.
    pub on: Option<OwnedResource>,
    /// Those that were revoked as well.
    pub revoked: bool,
}

/// A grant cannot be as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidGrant {
    /// The resource's kind or id is not one.
    #[error(
        "a resource has a kind of 1 to 64 of a-z, 0-9 and _, a letter first, and an id of 1 to 128 bytes"
    )]
    Resource,
    /// It would hold at no instant that is still to come.
    #[error("a grant ends after it begins, and after now")]
    Window,
    /// The reason is empty, too long or holds control characters.
    #[error("a reason has 1 to 200 characters and no control characters")]
    Reason,
}

impl NewGrant {
    /// When it is to hold.
    pub(super) fn checked(&self, now: Timestamp) -> Result<Window, InvalidGrant> {
        if !self.on.as_ref().is_none_or(is_resource) {
            return Err(InvalidGrant::Resource);
        }
        if !self.reason.as_deref().is_none_or(is_reason) {
            return Err(InvalidGrant::Reason);
        }
        let kept = |at: Option<Timestamp>| at.map(to_stored).transpose();
        let window = Window::new(kept(self.valid_from)?, kept(self.valid_until)?);
        let window = window.filter(|window| window.since(now).is_some());
        window.ok_or(InvalidGrant::Window)
    }
}

pub(crate) fn is_resource(resource: &OwnedResource) -> bool {
    let (kind, id) = (&resource.kind, &resource.id);
    let of_words = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let kind_holds = kind.len() <= KIND_CHARS_MAX
        && kind.starts_with(|first: char| first.is_ascii_lowercase())
        && kind.bytes().all(of_words);
    let id_holds = !id.is_empty() && id.len() <= RESOURCE_ID_BYTES_MAX && !id.chars().any(char::is_control);
    kind_holds && id_holds
}

fn is_reason(reason: &str) -> bool {
    let count = reason.chars().take(REASON_CHARS_MAX + 1).count();
    (1..=REASON_CHARS_MAX).contains(&count) && !reason.chars().any(char::is_control)
}

/// As the database keeps it, in UTC and in microseconds. At the ends of all years another offset would leave them.
fn to_stored(at: Timestamp) -> Result<Timestamp, InvalidGrant> {
    let at = at.checked_to_offset(UtcOffset::UTC).ok_or(InvalidGrant::Window)?;
    if !(1..=9998).contains(&at.year()) {
        return Err(InvalidGrant::Window);
    }
    Ok(at.replace_nanosecond(at.microsecond() * 1_000).unwrap_or(at))
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => f.write_str(role.as_str()),
            Self::Custom(id) => fmt::Display::fmt(id, f),
        }
    }
}

/// A row of the table.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: GrantId,
    subject_id: Option<PrincipalId>,
    is_service: bool,
    group_id: Option<GroupId>,
    role_id: Option<RoleId>,
    builtin_role: Option<String>,
    resource_kind: Option<String>,
    resource_id: Option<String>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    granted_at: Timestamp,
    granted_by: Option<PrincipalId>,
    reason: Option<String>,
    revoked_at: Option<Timestamp>,
    revoked_by: Option<PrincipalId>,
}

impl Row {
    /// Constraints see to it that it is one.
    pub(super) fn grant(self) -> Option<Grant> {
        let subject = self.subject_id.map(match self.is_service {
            true => GrantPrincipal::Service,
            false => GrantPrincipal::User,
        });
        let builtin = self.builtin_role.and_then(|word| word.parse().ok());
        Some(Grant {
            id: self.id,
            principal: subject.or(self.group_id.map(GrantPrincipal::Group))?,
            role: self
                .role_id
                .map(RoleRef::Custom)
                .or(builtin.map(RoleRef::BuiltIn))?,
            on: self
                .resource_kind
                .zip(self.resource_id)
                .map(|(kind, id)| OwnedResource {
                    kind: kind.into(),
                    id: id.into(),
                }),
            window: Window::new(self.valid_from, self.valid_until)?,
            granted_at: self.granted_at,
            granted_by: self.granted_by,
            reason: self.reason,
            revoked_at: self.revoked_at,
            revoked_by: self.revoked_by,
        })
    }
}
