//! What is tagged.

use std::fmt::{self, Debug};

use crate::{RowId, SubjectId};

/// A value of a row that is to be found by a blind index.
#[derive(Clone, Copy)]
pub struct Tagged<'a> {
    pub(super) row: RowId,
    pub(super) subject: Option<SubjectId>,
    pub(super) value: &'a str,
}

impl<'a> Tagged<'a> {
    /// The value of a row, as it is before it is normalised and sealed.
    pub fn new(row: impl Into<RowId>, value: &'a str) -> Self {
        Self {
            row: row.into(),
            subject: None,
            value,
        }
    }

    /// The same, as a value of this data subject, whose erasure deletes the tag.
    #[must_use]
    pub fn of(mut self, subject: SubjectId) -> Self {
        self.subject = Some(subject);
        self
    }
}

/// Without the value.
impl Debug for Tagged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            row,
            subject,
            value: _,
        } = self;
        write!(f, "Tagged({row:?}, {subject:?})")
    }
}
