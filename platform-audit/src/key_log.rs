//! The life of encryption keys, in the trail.

use async_trait::async_trait;
use platform_core::RequestContext;
use platform_core::pg::TenantTx;
use platform_crypto::{KeyEvent, KeyEventKind, KeyLog, KeyLogError, KeyOutcome, SubjectId};

use crate::catalogue::weighed;
use crate::subject::obstacle;
use crate::{Action, AuditError, AuditLog, ErasureRefused, Event, Outcome};

/// An erasure does not say whose key it destroys, so that nobody can tell what would be lost.
#[derive(Debug, thiserror::Error)]
#[error("the erasure does not name the data subject and its key")]
struct UnknownSubject;

/// Records what happens to keys and data subjects, in the transaction of the change.
///
/// An erasure is refused with [`ErasureRefused`] where events about the subject have to be kept as they are.
#[async_trait]
impl KeyLog for AuditLog {
    async fn record(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        event: &KeyEvent,
    ) -> Result<(), KeyLogError> {
        if event.kind == KeyEventKind::SubjectEraseRequest {
            check_erasure(tx, event).await?;
        }
        match AuditLog::record(self, tx, ctx, audited(event)).await {
            Ok(_) => Ok(()),
            Err(AuditError::Db(error)) => Err(KeyLogError::Db(error)),
            Err(other) => Err(KeyLogError::Refused(other.into())),
        }
    }
}

async fn check_erasure(tx: &mut TenantTx, event: &KeyEvent) -> Result<(), KeyLogError> {
    let subject: Result<SubjectId, _> = event.target.id.parse();
    let (Ok(subject), Some(key)) = (subject, event.key) else {
        // What cannot be looked for is not known to be absent.
        return Err(KeyLogError::Refused(Box::new(UnknownSubject)));
    };
    match obstacle(tx, subject, key).await? {
        None => Ok(()),
        Some(basis) => Err(KeyLogError::Refused(Box::new(ErasureRefused { subject, basis }))),
    }
}

fn audited(event: &KeyEvent) -> Event {
    let outcome = match event.outcome {
        KeyOutcome::Success => Outcome::Success,
        KeyOutcome::Failure => Outcome::Failure,
        KeyOutcome::Denied => Outcome::Denied,
    };
    // The names of all kinds are actions, as a test makes sure.
    let (activity, severity) = weighed(event.kind, event.outcome);
    let audited = Event::new(Action::new(event.kind.as_str()), outcome)
        .activity(activity)
        .severity(severity)
        .target(event.target.kind, event.target.id.as_ref());
    let audited = match event.reason {
        Some(reason) => audited.reason(reason),
        None => audited,
    };
    match &event.detail {
        Some(detail) => audited.detail(detail.clone()),
        None => audited,
    }
}
