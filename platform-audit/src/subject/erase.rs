//! Erasing a data subject whose events are in the trail.

use platform_core::RequestContext;
use platform_core::pg::{Db, DbError};
use platform_core::time::format_description::well_known::Rfc3339;
use platform_crypto::{EraseError, Erased, Hold, KeyError, Keyring, SubjectId};
use serde_json::json;

use super::{ErasureBasis, ErasureRefused};
use crate::{Action, Activity, AuditError, AuditLog, Event, Outcome, Severity};

/// The erasure of a data subject was refused.
pub const ERASURE_REFUSED: Action = Action::new("subject.erase_refused");

/// A data subject was not erased.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseSubjectError {
    /// Legal holds stand on the subject. Nothing was changed, and the refusal was recorded.
    #[error("the data subject is under {} legal hold(s)", .holds.len())]
    Held {
        /// Those that stand.
        holds: Vec<Hold>,
    },
    /// Events about the subject have to be kept as they are. Nothing was changed, and the refusal was recorded.
    #[error(transparent)]
    Refused(ErasureRefused),
    /// The subject never had a key.
    #[error("the data subject has no key")]
    NotFound,
    /// The refusal could not be recorded. Nothing was changed.
    #[error("the refusal to erase a data subject could not be recorded")]
    Unrecorded(#[from] AuditError),
    /// The database, the erasure store or the log failed. If the erasure had begun, call again to finish it.
    #[error("the data subject could not be erased yet")]
    Keys(#[source] KeyError),
    /// The database refused or could not be reached.
    #[error("the data subject could not be erased yet")]
    Db(#[from] DbError),
}

impl AuditLog {
    /// Erases a data subject, unless events about it have to be kept as they are: what was sealed under its key is gone from the trail
    /// as from every other table, and every proof stands, because the tree commits to what is sealed and not to what it says.
    ///
    /// The keyring's log has to be this trail: in the transaction that begins the erasure it looks for holds on events about the
    /// subject, and for values under its key in events that a law demands. Such a refusal is recorded, with its ground.
    ///
    /// ```no_run
    /// use platform_audit::{AuditLog, EraseSubjectError};
    /// use platform_core::RequestContext;
    /// use platform_core::pg::Db;
    /// use platform_crypto::{Keyring, SubjectId};
    ///
    /// async fn forget(db: &Db, audit: &AuditLog, keyring: &Keyring, ctx: &RequestContext, who: SubjectId) -> String {
    ///     match audit.erase_subject(db, keyring, ctx, who).await {
    ///         Ok(erased) => format!("erased at {}", erased.destroyed_at),
    ///         Err(EraseSubjectError::Refused(refused)) => format!("not yet: {}", refused.basis),
    ///         Err(error) => error.to_string(),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`EraseSubjectError`].
    pub async fn erase_subject(
        &self,
        db: &Db,
        keyring: &Keyring,
        ctx: &RequestContext,
        subject: SubjectId,
    ) -> Result<Erased, EraseSubjectError> {
        let error = match keyring.erase(ctx, subject).await {
            Ok(erased) => return Ok(erased),
            Err(error) => error,
        };
        if let Some(refused) = ErasureRefused::of(&error) {
            self.record_refused_erasure(db, ctx, refused).await?;
            return Err(EraseSubjectError::Refused(refused.clone()));
        }
        Err(match error {
            EraseError::Held { holds } => EraseSubjectError::Held { holds },
            EraseError::NotFound => EraseSubjectError::NotFound,
            EraseError::Keys(error) => EraseSubjectError::Keys(error),
            _ => EraseSubjectError::NotFound,
        })
    }

    /// Records that an erasure was refused, for whoever erases through the keyring itself and finds an [`ErasureRefused`] in its error.
    ///
    /// # Errors
    /// [`AuditError`] when it could not be recorded.
    pub async fn record_refused_erasure(
        &self,
        db: &Db,
        ctx: &RequestContext,
        refused: &ErasureRefused,
    ) -> Result<(), AuditError> {
        let detail = match &refused.basis {
            ErasureBasis::Held { holds } => json!({ "holds": holds }),
            ErasureBasis::Duty { class, law, until } => json!({
                "class": class,
                "law": law,
                "until": until.to_utc().format(&Rfc3339).ok(),
            }),
        };
        let event = Event::new(ERASURE_REFUSED, Outcome::Denied)
            .activity(Activity::Delete)
            .severity(Severity::Medium)
            .reason(refused.basis.code())
            .target("subject", refused.subject.to_string())
            .detail(detail);
        self.record_refusal(db, ctx, event).await?;
        Ok(())
    }
}
