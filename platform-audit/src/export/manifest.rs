//! What is signed and kept of a finished export.

use platform_core::{TenantId, Timestamp};
use serde::Serialize;

use super::{ExportError, ExportFormat, ExportId};
use crate::{CanonicalJson, EXPORT_FORMAT, EventFilter, NoteSigner, SignedNote};

/// The first line of a manifest, which keeps it apart from every other note that a log signs.
pub const MANIFEST_FORMAT: &str = "platform-audit-manifest@v1";

/// The manifest of a finished export: a note signed by the log whose text has three lines.
///
/// 1. [`MANIFEST_FORMAT`]
/// 2. the log's name
/// 3. canonical JSON: `export_id`, `tenant_id`, `format`, `selection`, `filter`, `first_seq`, `checkpoint_size`, `events`,
///    `withheld`, `pruned`, `pending`, `bytes`, `sha256` (of the whole file, hexadecimal), `made_at`, `finished_at`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// The signed note, as the database has it.
    pub note: String,
    /// When the export was finished.
    pub finished_at: Timestamp,
}

/// What the manifest says.
#[derive(Debug, Serialize)]
pub(super) struct Manifest<'a> {
    pub(super) export_id: ExportId,
    pub(super) tenant_id: TenantId,
    pub(super) format: &'static str,
    pub(super) selection: &'static str,
    pub(super) filter: &'a EventFilter,
    pub(super) first_seq: u64,
    pub(super) checkpoint_size: u64,
    pub(super) events: u64,
    pub(super) withheld: u64,
    pub(super) pruned: u64,
    pub(super) pending: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    #[serde(with = "platform_core::time::serde::rfc3339")]
    pub(super) made_at: Timestamp,
    #[serde(with = "platform_core::time::serde::rfc3339")]
    pub(super) finished_at: Timestamp,
}

impl Manifest<'_> {
    pub(super) fn sign(&self, signer: &NoteSigner) -> Result<SignedNote, ExportError> {
        sign_manifest(self, signer)
    }
}

/// The note with the three lines.
pub(crate) fn sign_manifest(
    manifest: &impl Serialize,
    signer: &NoteSigner,
) -> Result<SignedNote, ExportError> {
    let value = serde_json::to_value(manifest).map_err(|_| ExportError::Manifest)?;
    let json = CanonicalJson::from_value(&value).map_err(|_| ExportError::Manifest)?;
    let text = format!("{MANIFEST_FORMAT}\n{}\n{}\n", signer.name(), json.as_str());
    SignedNote::sign(&text, &[signer]).map_err(|_| ExportError::Manifest)
}

/// What a manifest calls a format.
pub(super) const fn format_name(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::JsonLines => EXPORT_FORMAT,
        ExportFormat::Csv => "platform-audit-csv@v1",
        ExportFormat::Ocsf => "ocsf-1.6.0",
    }
}
