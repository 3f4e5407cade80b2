//! An audit trail that is written in the transaction it describes.
//!
//! An event says who did what to which target, with which outcome, from where and under which request. It is inserted by the same
//! transaction as the change, so that one cannot exist without the other; what was refused or failed, and so has no transaction, is
//! recorded in a short one of its own. Nobody can change or delete an event afterwards: the application has no grant to, and a trigger
//! refuses it to the owner of the table too.
//!
//! What is in here: recording, reading the events of one target, and what it takes to prove that nobody with the rights of a superuser,
//! who can drop the trigger, has altered the trail. The canonical bytes of an [`Entry`] are the leaves of a Merkle tree (RFC 6962, kept
//! as C2SP `tlog-tiles`); its heads are signed as [`Checkpoint`]s, so that [`verify_event`] proves one event and [`Verifier`] a whole
//! trail, offline and with a public key alone. That part is pure: the tables that keep the tree are not written yet, so nothing that
//! is recorded is proven so far.
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
//! | `http` | `Problem: From<AuditError>`; without it no axum is pulled |
//! | `keys` | `AuditLog: KeyLog`, so that a keyring records the life of its keys in the trail |

mod catalogue;
mod entry;
mod event;
#[cfg(feature = "keys")]
mod key_log;
mod log;
mod note;
#[cfg(feature = "http")]
mod problem;
mod proof;
mod read;
mod tree;
mod verify;

pub use catalogue::{
    REGISTERED, SIGNED_IN, SIGNED_OUT, SignInFailure, registered, sign_in_failed, sign_in_succeeded,
    signed_out,
};
pub use entry::{
    CanonicalJson, ENTRY_BYTES_MAX, ENTRY_VERSION, Entry, EntryError, EntryInvalid, JSON_DEPTH_MAX,
    JsonInvalid, StoredRow,
};
pub use event::{Action, DETAIL_BYTES_MAX, Event, InvalidEvent, Outcome, TARGETS_MAX, Target};
pub use log::{AuditError, AuditLog};
pub use note::{
    Checkpoint, CheckpointError, CheckpointInvalid, DuplicateKey, InvalidKeyName, KEY_NAME_BYTES_MAX,
    KeyName, MalformedNote, NOTE_BYTES_MAX, NoteKeyId, NoteSignature, NoteSigner, NoteUnverified,
    SIGNATURES_MAX, SignedNote, SignerKeyError, VerifiedNote, VerifierKey, VerifierKeyError, Verifiers,
};
pub use proof::{
    EXTRA_BYTES_MAX, MalformedProof, PROOF_BYTES_MAX, ProofBundle, ProofError, Verified, verify_event,
};
pub use read::{EventPage, RecordedEvent};
pub use tree::{
    CompactRange, CompactRangeError, ConsistencyProof, HASH_BYTES, HashSource, InclusionProof, LeafHash,
    Leaves, MalformedTile, MalformedTilePath, MissingHash, NoSuchProof, NodeAt, NodeHash, NotAHash,
    ProofInvalid, ProofPlan, TILE_WIDTH, Tile, TileId, Tiles, TreeFull, TreeGrowth, TreeGrowthError,
    TreeHead, verify_consistency, verify_inclusion,
};
pub use verify::{FINDINGS_MAX, Finding, HeadRefused, Position, Report, Verifier, WINDOW, verify_entries};

pub use platform_core;

use platform_core::pg::Migrations;

platform_core::id_type! {
    /// Names an audit event.
    pub struct EventId;
}

/// The tables of this crate, in the schema `platform_audit`.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "platform_audit",
    migrator: &MIGRATOR,
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/platform-audit");
