//! The life of encryption keys, in the trail.

use async_trait::async_trait;
use platform_core::RequestContext;
use platform_core::pg::TenantTx;
use platform_crypto::{KeyEvent, KeyLog, KeyLogError, KeyOutcome};

use crate::{Action, AuditError, AuditLog, Event, Outcome};

/// Records what happens to keys and data subjects, in the transaction of the change.
#[async_trait]
impl KeyLog for AuditLog {
    async fn record(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        event: &KeyEvent,
    ) -> Result<(), KeyLogError> {
        match AuditLog::record(self, tx, ctx, audited(event)).await {
            Ok(_) => Ok(()),
            Err(AuditError::Db(error)) => Err(KeyLogError::Db(error)),
            Err(other) => Err(KeyLogError::Refused(other.into())),
        }
    }
}

fn audited(event: &KeyEvent) -> Event {
    let outcome = match event.outcome {
        KeyOutcome::Success => Outcome::Success,
        KeyOutcome::Failure => Outcome::Failure,
        KeyOutcome::Denied => Outcome::Denied,
    };
    // The names of all kinds are actions, as a test makes sure.
    let audited = Event::new(Action::new(event.kind.as_str()), outcome)
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
