//! Writing mail in the transaction of what it tells of.

use std::sync::Arc;

use platform_core::pg::{TenantTx, TxEnd};
use platform_core::{PrincipalId, RequestContext, Timestamp};
use platform_crypto::Secret;

use super::MailId;
use super::letter::Letter;
use super::stored::{self, OpenedSealedMail};
use crate::Fault;
use crate::auth::Inner;
use crate::erasure::subject;

/// To whom a letter goes.
pub(crate) struct Addressee<'a> {
    pub(crate) user: PrincipalId,
    pub(crate) email: &'a Secret<String>,
    /// The name of the tenant, under which it is written.
    pub(crate) tenant: &'a str,
}

impl Inner {
    /// Has a letter sent once the transaction is committed, and never when it is not. Where no mail is configured, nothing is written.
    ///
    /// `until` is when it is of no use any more, if it is that before it is given up.
    pub(crate) async fn write_to(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        addressee: &Addressee<'_>,
        letter: &Letter<'_>,
        until: Option<Timestamp>,
    ) -> Result<(), Fault> {
        let Some(config) = &self.config.mail else {
            return Ok(());
        };
        let now = self.sources.now();
        let written = letter.written(addressee.email, addressee.tenant, config.link_base.as_deref());
        let content = Secret::new(serde_json::to_string(&written).unwrap_or_default());
        let key = self.keys.ensure_subject(tx, ctx, subject(addressee.user)).await?;
        let opened = OpenedSealedMail {
            tenant_id: ctx.tenant(),
            id: MailId::generate(&self.sources),
            subject_id: addressee.user,
            content_sealed: content,
        };
        let given_up = now + config.keep;
        let expires_at = until.map_or(given_up, |until| until.min(given_up));
        stored::insert(tx, &opened.seal(&key)?, letter.kind(), (now, expires_at)).await?;
        let (mails, tenant) = (Arc::clone(&self.mails), ctx.tenant());
        tx.on_end(move |end| {
            if end != TxEnd::RolledBack {
                mails.note(tenant, now);
            }
        });
        Ok(())
    }
}
