//! What is recorded of the life of keys, and where.

use std::borrow::Cow;
use std::fmt::Debug;

use async_trait::async_trait;
use platform_core::RequestContext;
use platform_core::pg::{DbError, TenantTx};
use serde_json::Value;

use crate::KeyId;

/// Where the life of keys is recorded.
///
/// Called inside the transaction of the change, so that neither exists without the other. [`TracingKeyLog`] writes to the log; the audit
/// crate's `AuditLog` is one too.
#[async_trait]
pub trait KeyLog: Debug + Send + Sync + 'static {
    /// Records an event in the transaction that it describes.
    ///
    /// # Errors
    /// [`KeyLogError`]: nothing was recorded, and the change is not made either.
    async fn record(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        event: &KeyEvent,
    ) -> Result<(), KeyLogError>;
}

/// An event was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyLogError {
    /// The database failed.
    #[error("the event could not be stored")]
    Db(#[from] DbError),
    /// The log does not take the event.
    #[error("the log does not take the event")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Something that was done with a key, or that was refused.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KeyEvent {
    /// What was done.
    pub kind: KeyEventKind,
    /// How it ended.
    pub outcome: KeyOutcome,
    /// What it was done to.
    pub target: KeyTarget,
    /// The key that it is about, where the target is something else: that of a data subject.
    pub key: Option<KeyId>,
    /// Why it was refused or failed: a short stable code.
    pub reason: Option<&'static str>,
    /// What else there is to know, small, without anything personal and without keys.
    pub detail: Option<Value>,
}

/// What an event is about: the kind and the id by which it is found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTarget {
    /// The kind: `key`, `subject`, `column`.
    pub kind: &'static str,
    /// Its id: a key's is its [`KeyId`](crate::KeyId).
    pub id: Cow<'static, str>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyOutcome {
    /// It was done.
    Success,
    /// It was tried and did not succeed.
    Failure,
    /// It was not allowed.
    Denied,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyEventKind {
    /// The first key of a tenant for a purpose was made.
    KeyCreate,
    /// A new version of a key was published.
    KeyRotate,
    /// A published version came into use.
    KeyActivate,
    /// A key was wrapped under another root key.
    KeyRewrap,
    /// A key was destroyed, with everything that was still sealed under it.
    KeyDestroy,
    /// The re-sealing of a column under another key began.
    ResealStart,
    /// The re-sealing of a column ended.
    ResealFinish,
    /// Keys of data subjects were wrapped under another key of the tenant, many at a time.
    SubjectsRewrap,
    /// The erasure of a data subject was asked for.
    SubjectEraseRequest,
    /// The key of a data subject was destroyed.
    SubjectErase,
    /// The erasure of a data subject was refused.
    SubjectEraseRefused,
    /// A legal hold was placed on a data subject.
    HoldPlace,
    /// A legal hold was released.
    HoldRelease,
}

impl KeyEventKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::KeyCreate,
        Self::KeyRotate,
        Self::KeyActivate,
        Self::KeyRewrap,
        Self::KeyDestroy,
        Self::ResealStart,
        Self::ResealFinish,
        Self::SubjectsRewrap,
        Self::SubjectEraseRequest,
        Self::SubjectErase,
        Self::SubjectEraseRefused,
        Self::HoldPlace,
        Self::HoldRelease,
    ];

    /// The stable name, as `module.verb`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyCreate => "key.create",
            Self::KeyRotate => "key.rotate",
            Self::KeyActivate => "key.activate",
            Self::KeyRewrap => "key.rewrap",
            Self::KeyDestroy => "key.destroy",
            Self::ResealStart => "key.reseal_start",
            Self::ResealFinish => "key.reseal_finish",
            Self::SubjectsRewrap => "key.rewrap_subjects",
            Self::SubjectEraseRequest => "subject.erase_request",
            Self::SubjectErase => "subject.erase",
            Self::SubjectEraseRefused => "subject.erase_refused",
            Self::HoldPlace => "subject.hold_place",
            Self::HoldRelease => "subject.hold_release",
        }
    }
}

impl KeyEvent {
    /// An event that succeeded, without a detail.
    pub fn new(
        kind: KeyEventKind,
        target_kind: &'static str,
        target_id: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            outcome: KeyOutcome::Success,
            target: KeyTarget {
                kind: target_kind,
                id: target_id.into(),
            },
            key: None,
            reason: None,
            detail: None,
        }
    }

    /// The same event about this key.
    #[must_use]
    pub const fn about(mut self, key: KeyId) -> Self {
        self.key = Some(key);
        self
    }

    /// The same event, refused for a reason.
    #[must_use]
    pub fn denied(mut self, reason: &'static str) -> Self {
        self.outcome = KeyOutcome::Denied;
        self.reason = Some(reason);
        self
    }

    /// The same event, failed for a reason.
    #[must_use]
    pub fn failed(mut self, reason: &'static str) -> Self {
        self.outcome = KeyOutcome::Failure;
        self.reason = Some(reason);
        self
    }

    /// The same event with what else there is to know.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = Some(detail);
        self
    }
}

impl KeyOutcome {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
        }
    }
}

/// Writes the life of keys to the log of the program, for a service without an audit trail.
///
/// A line is written when the event happens; the transaction may still be rolled back after it.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingKeyLog;

#[async_trait]
impl KeyLog for TracingKeyLog {
    async fn record(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        event: &KeyEvent,
    ) -> Result<(), KeyLogError> {
        tracing::info!(
            tenant.id = %tx.tenant(),
            event.kind = event.kind.as_str(),
            event.outcome = event.outcome.as_str(),
            event.reason = event.reason,
            target.kind = event.target.kind,
            target.id = %event.target.id,
            request.id = %ctx.meta().request_id,
            "key event {} ({})",
            event.kind.as_str(),
            event.outcome.as_str(),
        );
        Ok(())
    }
}
