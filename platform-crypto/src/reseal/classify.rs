//! What is to be done about a value, by its header alone.

use super::FailureReason;
use super::page::Glance;
use super::plan::Plan;
use crate::{KeyId, OVERHEAD_BYTES, Sealed};

/// What is to be done about a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing: there is none, or it is under a key that stays.
    Fine,
    /// It is sealed anew.
    Stale,
    /// Under no data key of the tenant: a subject's, if there is one of that id.
    Other(KeyId),
    /// It cannot be opened.
    Broken(FailureReason, Option<KeyId>),
}

impl Plan {
    /// Judges a value by its header; `about_subject` says whether its row is about a data subject.
    pub(super) fn classify(&self, glance: &Glance, about_subject: bool) -> Class {
        let Some(key) = key_of(glance) else {
            return Class::Broken(FailureReason::Unreadable, None);
        };
        if self.stale.contains(&key) {
            return Class::Stale;
        }
        if self.fresh.contains(&key) {
            // What is about a subject belongs under the subject's key: erasing the subject would leave it otherwise.
            return if about_subject { Class::Stale } else { Class::Fine };
        }
        if self.destroyed.contains(&key) {
            return Class::Broken(FailureReason::KeyDestroyed, Some(key));
        }
        Class::Other(key)
    }
}

/// The key that a header names, when a value of that size can have such a header.
fn key_of(glance: &Glance) -> Option<KeyId> {
    let mut bytes = glance.header.clone();
    bytes.resize(glance.size.min(OVERHEAD_BYTES), 0);
    Sealed::<Vec<u8>>::from_bytes(bytes).key_id().ok()
}
