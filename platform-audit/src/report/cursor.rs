//! Where a page of a report ends.

use std::fmt::{self, Display};
use std::str::FromStr;

use platform_core::uuid::Uuid;

use super::UserAccess;
use crate::EventId;

/// The last row of a page; the next page begins after it. As text it is part of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportCursor {
    pub(super) id: Uuid,
    /// In the report of users, which has several rows for each.
    pub(super) actor_kind: Option<String>,
    pub(super) action: Option<String>,
}

/// A text does not come from a page of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is what the page before has given")]
pub struct InvalidCursor;

impl ReportCursor {
    pub(super) const fn event(id: EventId) -> Self {
        Self {
            id: id.as_uuid(),
            actor_kind: None,
            action: None,
        }
    }

    pub(super) fn access(row: &UserAccess) -> Self {
        Self {
            id: row.actor_id.as_uuid(),
            actor_kind: Some(row.actor_kind.clone()),
            action: Some(row.action.clone()),
        }
    }
}

impl Display for ReportCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        match (&self.actor_kind, &self.action) {
            (Some(kind), Some(action)) => write!(f, "~{kind}~{action}"),
            _ => Ok(()),
        }
    }
}

impl FromStr for ReportCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('~');
        let id = parts.next().filter(|id| id.len() == 36).ok_or(InvalidCursor)?;
        let id = Uuid::try_parse(id).map_err(|_| InvalidCursor)?;
        let word = |part: &str| {
            let known = part
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'));
            known && (1..=64).contains(&part.len())
        };
        let (actor_kind, action) = (parts.next(), parts.next());
        let whole = actor_kind.is_some() == action.is_some() && parts.next().is_none();
        match whole && actor_kind.iter().chain(&action).all(|part| word(part)) {
            true => Ok(Self {
                id,
                actor_kind: actor_kind.map(str::to_owned),
                action: action.map(str::to_owned),
            }),
            false => Err(InvalidCursor),
        }
    }
}
