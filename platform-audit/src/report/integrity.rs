//! The attestation that the trail is whole.

use platform_core::pg::Db;
use platform_core::{RequestContext, Timestamp};
use serde::Serialize;

use super::ReportError;
use crate::{AuditLog, LogKey, Trust, VerifyOptions, verify_stored};

/// What a verification of the whole trail found, under the newest signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Integrity {
    /// The name of the log.
    pub origin: String,
    /// The name of the key that signs it.
    pub signer: String,
    /// The id of that key, in hexadecimal.
    pub key_id: String,
    /// How many positions the newest checkpoint covers; `None` before the first.
    pub checkpoint_size: Option<u64>,
    /// Its root, in base64.
    pub checkpoint_root: Option<String>,
    /// When it was signed.
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    pub signed_at: Option<Timestamp>,
    /// When it had been put outside of the database.
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    pub published_at: Option<Timestamp>,
    /// When the trail was verified.
    #[serde(with = "platform_core::time::serde::rfc3339")]
    pub verified_at: Timestamp,
    /// Up to which size it is proven.
    pub verified_size: Option<u64>,
    /// Whether nothing is wrong.
    pub is_clean: bool,
    /// How many things are.
    pub findings: u64,
    /// How many things would be, if somebody had not acknowledged them.
    pub acknowledged: u64,
    /// Events that were looked at.
    pub events: u64,
    /// Events that were deleted because their time was over.
    pub pruned: u64,
    /// Events that wait for their position.
    pub pending: u64,
    /// Events of which nobody knows whether they were ever recorded, because their process was killed.
    pub unattested: u64,
}

impl Integrity {
    pub(super) const COLUMNS: &'static [&'static str] = &[
        "origin",
        "signer",
        "key_id",
        "checkpoint_size",
        "checkpoint_root",
        "signed_at",
        "published_at",
        "verified_at",
        "verified_size",
        "is_clean",
        "findings",
        "acknowledged",
        "events",
        "pruned",
        "pending",
        "unattested",
    ];

    /// Verifies the trail of the context's tenant against the keys of its log.
    ///
    /// # Errors
    /// [`ReportError`] when it could not be verified; what is wrong with it is in the row.
    pub async fn of(
        db: &Db,
        log: &AuditLog,
        key: &LogKey,
        ctx: &RequestContext,
    ) -> Result<Self, ReportError> {
        let tenant = ctx.tenant();
        let verifier = key.verifier(tenant);
        let mut read = db.read(ctx).await?;
        let newest = log.checkpoint(&mut read).await?;
        read.finish().await?;
        let trust = Trust::new(key.origin(tenant), key.verifiers(tenant));
        let report = verify_stored(db, ctx, &trust, VerifyOptions::default()).await?;
        let listed = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
        Ok(Self {
            origin: key.origin(tenant).to_string(),
            signer: verifier.name().to_string(),
            key_id: verifier.id().to_string(),
            checkpoint_size: newest.as_ref().map(|newest| newest.head.size),
            checkpoint_root: newest.as_ref().map(|newest| newest.head.root.to_base64()),
            signed_at: newest.as_ref().map(|newest| newest.signed_at),
            published_at: newest.as_ref().and_then(|newest| newest.published_at),
            verified_at: db.sources().now(),
            verified_size: report.proven.map(|head| head.size),
            is_clean: report.is_clean(),
            findings: listed.saturating_add(report.suppressed),
            acknowledged: u64::try_from(report.acknowledged.len()).unwrap_or(u64::MAX),
            events: report.events,
            pruned: report.pruned,
            pending: report.pending,
            unattested: report.unattested,
        })
    }
}
