//! A key that was claimed, or the answer that it has.

use super::{KeyScope, StoredResponse};
use crate::{IdempotencyKey, TenantId};

/// What a key comes to.
#[derive(Debug)]
#[must_use = "a key that was claimed has to be answered in the same transaction"]
pub enum Claim {
    /// Nobody has used it: do what was asked and store the answer.
    New(Claimed),
    /// What was asked was done: answer this.
    Replay(StoredResponse),
}

/// A key that this transaction has claimed and has to answer: a commit without an answer fails.
#[derive(Debug)]
#[must_use = "a key that was claimed has to be answered in the same transaction"]
pub struct Claimed {
    pub(super) tenant: TenantId,
    pub(super) scope: KeyScope,
    pub(super) key: IdempotencyKey,
}
