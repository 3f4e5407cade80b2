//! An audit trail that is written in the transaction it describes.
//!
//! An event says who did what to which target, with which outcome, from where and under which request. It is inserted by the same
//! transaction as the change, so that one cannot exist without the other; what was refused or failed, and so has no transaction, is
//! recorded in a short one of its own. Nobody can change or delete an event afterwards: the application has no grant to, and a trigger
//! refuses it to the owner of the table too.
//!
//! Whoever has the rights of a superuser can drop the trigger, and is found all the same. With a [`LogKey`], which the database does not
//! have, every event is sealed and numbered as it is recorded: what was put into the table otherwise gets no place in the trail, and
//! what was taken out of it before it had one leaves a gap. Its place is in a Merkle tree (RFC 6962, kept as C2SP `tlog-tiles`) of the
//! canonical bytes of each [`Entry`]; the heads are signed as [`Checkpoint`]s, so that [`verify_event`] proves one event and
//! [`Verifier`] a whole trail, offline and with a public key alone.
//!
//! # Recording
//!
//! [`AuditLog::record`] belongs into the transaction of the change; [`AuditLog::record_refusal`] is for what was denied or failed, and
//! keeps it in a [`Spool`] while there is no database; the [`AuditWorker`] looks after both. Events that every service has are made by
//! functions such as [`sign_in_failed`] and [`role_granted`]. A table that a migration has put under `platform_audit.protect` cannot be
//! changed without an event by any statement, also not by one that goes around this crate; [`AuditLog::commit_unaudited`] is the way for
//! what has none.
//!
//! ```no_run
//! use platform_audit::{Action, AuditLog, Event, Outcome};
//! use platform_core::RequestContext;
//! use platform_core::pg::Db;
//!
//! const PARCEL_SENT: Action = Action::new("parcel.send");
//!
//! async fn send(db: &Db, audit: &AuditLog, ctx: &RequestContext, parcel: &str) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut tx = db.begin(ctx).await?;
//!     // … the change itself, in the same `tx` …
//!     audit.record(&mut tx, ctx, Event::new(PARCEL_SENT, Outcome::Success).target("parcel", parcel)).await?;
//!     tx.commit().await?;
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | `http` | `Audit`, the module of a service with its routes, and `Problem: From<AuditError>`; without it no axum is pulled |
//! | `keys` | `AuditLog: KeyLog`, so that a keyring records the life of its keys in the trail; personal data sealed in [`Changes`] |

mod acknowledge;
mod archive;
mod catalogue;
mod changes;
mod entry;
mod event;
mod export;
mod forgotten;
#[cfg(feature = "http")]
mod http;
mod key;
#[cfg(feature = "keys")]
mod key_log;
mod note;
mod permission;
#[cfg(feature = "http")]
mod problem;
mod producer;
mod proof;
mod prove;
mod query;
mod read;
mod record;
mod report;
mod retention;
mod roles;
mod sequence;
mod spool;
mod stored;
#[cfg(feature = "keys")]
mod subject;
mod tree;
mod verify;

pub use acknowledge::{ACKNOWLEDGED, AcknowledgeError, Acknowledged};
pub use archive::{
    ARCHIVED, Archive, ArchiveError, ArchiveManifest, ArchiveManifestInvalid, ArchiveMonth, ArchiveOptions,
    ArchiveOutcome, ArchiveSummary, InvalidMonth, archive,
};
pub use catalogue::{
    ACCESS_DENIED, API_KEY_CREATED, API_KEY_REVOKED, API_KEY_ROTATED, ATTESTED, CONFIGURATION_CHANGED,
    CREDENTIAL_CHANGED, DATA_EXPORTED, PERMISSION_GRANTED, PERMISSION_REVOKED, REGISTERED, ROLE_CHANGED,
    ROLE_GRANTED, ROLE_REVOKED, SESSION_ENDED, SIGNED_IN, SIGNED_OUT, SUPPORT_ACCESSED, SignInFailure,
    TENANT_CLOSED, TENANT_CREATED, TENANT_RESUMED, TENANT_SUSPENDED, UNAUDITED_COMMIT, access_denied,
    api_key_created, api_key_revoked, api_key_rotated, configuration_changed, credential_changed,
    data_exported, permission_granted, permission_revoked, registered, role_changed, role_granted,
    role_revoked, session_ended, sign_in_failed, sign_in_succeeded, signed_out, support_accessed,
    tenant_closed, tenant_created, tenant_resumed, tenant_suspended,
};
pub use changes::{CHANGED_FIELDS_MAX, CHANGES_BYTES_MAX, Changes, NotComparable};
#[cfg(feature = "keys")]
pub use changes::{OpenChangeError, OpenedChange, SealChangeError, sealed_keys};
pub use entry::{
    CanonicalJson, ENTRY_BYTES_MAX, ENTRY_VERSION, Entry, EntryError, EntryInvalid, JSON_DEPTH_MAX,
    JsonInvalid, StoredRow,
};
pub use event::{
    ACTION_VERSION_MAX, Action, Activity, DETAIL_BYTES_MAX, Event, InvalidEvent, InvalidRetention, Outcome,
    Retention, Severity, TARGETS_MAX, Target, UnknownWord, Visibility,
};
pub use export::{
    EXPORT_FINISHED, EXPORT_FORMAT, EXPORTED, Export, ExportError, ExportFormat, ExportId, MANIFEST_FORMAT,
    OCSF_VERSION, RunningExport, Selection, StoredManifest, ocsf_event,
};
pub use forgotten::ANSWERS_FORGOTTEN;
#[cfg(feature = "http")]
pub use http::{
    Audit, CheckpointBody, ConsistencyBody, EventBody, EventStateBody, HoldBody, LogKeyBody, NewHoldBody,
    ReportBody,
};
pub use key::{LogKey, LogKeyError, NotASeal, Seal};
pub use note::{
    Checkpoint, CheckpointError, CheckpointInvalid, DuplicateKey, InvalidKeyName, KEY_NAME_BYTES_MAX,
    KeyName, MalformedNote, NOTE_BYTES_MAX, NoteKeyId, NoteSignature, NoteSigner, NoteUnverified,
    SIGNATURES_MAX, SignedNote, SignerKeyError, VerifiedNote, VerifierKey, VerifierKeyError, Verifiers,
};
pub use permission::{AUDIT_EXPORT, AUDIT_HOLD, AUDIT_PLATFORM, AUDIT_READ};
pub use producer::{AuditRound, AuditWorker};
pub use proof::{
    EXTRA_BYTES_MAX, MalformedProof, PROOF_BYTES_MAX, ProofBundle, ProofError, Verified, verify_event,
};
pub use prove::{EntryTile, ProveError, StoredCheckpoint};
pub use query::{EventFilter, EventList, InvalidFilter, Reader, SearchError, TRAIL_READ, trail_read};
pub use read::{EventPage, RecordedEvent};
pub use record::{AuditCounts, AuditError, AuditLog, TRACKED_TENANTS_MAX};
pub use report::{
    ConfigurationChange, DataExport, FailedSignIn, Integrity, InvalidCursor, InvalidRange, KeyOperation,
    PrivilegedAccess, REPORTED, ReportCursor, ReportError, ReportFormat, ReportKind, ReportOptions,
    ReportPage, ReportRange, ReportRow, ReportRows, ReportSummary, RunningReport, UserAccess, report,
};
pub use retention::{
    HOLD_PLACED, HOLD_RELEASED, HOLDS_MAX, Hold, HoldError, HoldId, HoldPage, HoldScope, InvalidHold,
    KeepFor, NewHold, PERMANENT, PRUNED, PruneAfter, PruneError, PruneOptions, PruneSummary, Pruner,
    RetentionClass,
};
pub use roles::{AUDIT_TABLES, RETENTION, SEQUENCER};
pub use sequence::{
    AdoptError, Adopted, AwaitError, Backlog, EventState, Mark, Marks, MarksError, Outlet, OutletError,
    Refusal, Rejection, RejectionLabels, Round, RoundStep, Sequencer, SequencerConfig, SequencerError,
    SequencerHealth, SequencerMetrics, Unsealed,
};
pub use spool::{Spool, SpoolBounds, SpoolError, SpoolState};
pub use stored::{Progress, VerifyError, VerifyOptions, verify_stored};
#[cfg(feature = "keys")]
pub use subject::{
    ERASURE_REFUSED, EraseSubjectError, ErasureBasis, ErasureRefused, SUBJECT_EVENTS_MAX,
    SUBJECT_EXPORT_FINISHED, SUBJECT_EXPORTED, SubjectExport, SubjectExportError,
};
pub use tree::{
    CompactRange, CompactRangeError, ConsistencyProof, HASH_BYTES, HashSource, InclusionProof, LeafHash,
    Leaves, MalformedTile, MalformedTilePath, MissingHash, NoSuchProof, NodeAt, NodeHash, NotAHash,
    ProofInvalid, ProofPlan, TILE_WIDTH, Tile, TileId, Tiles, TreeFull, TreeGrowth, TreeGrowthError,
    TreeHead, verify_consistency, verify_inclusion,
};
pub use verify::{
    Absence, EXPORT_LINE_BYTES_MAX, ExportInvalid, ExportManifest, ExportManifestInvalid, FINDINGS_MAX,
    Finding, HeadRefused, MalformedResumePoint, Position, ProducerNumbers, Report, ResumePoint, Trust,
    Verifier, WINDOW, verify_entries, verify_export, verify_signed_export,
};

pub use platform_core;

use platform_core::pg::Migrations;

platform_core::id_type! {
    /// Names an audit event.
    pub struct EventId;
    /// Names a process that records events, for as long as it runs.
    pub struct ProducerId;
}

/// The tables of this crate, in the schema `platform_audit`.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "platform_audit",
    migrator: &MIGRATOR,
    roles: &[SEQUENCER, RETENTION],
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/platform-audit");
