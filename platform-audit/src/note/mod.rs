//! Signed notes and the checkpoints they carry.
//!
//! The bytes are those of C2SP `signed-note` (text, signature lines, verifier keys) with Ed25519 signatures of RFC 8032, and of C2SP
//! `tlog-checkpoint`. A private key has the text form of Go's `golang.org/x/mod/sumdb/note`, so that other tools read it too.

mod checkpoint;
mod key;
mod signed;
mod signer;

pub(crate) use checkpoint::parse_decimal;
pub use checkpoint::{Checkpoint, CheckpointError, CheckpointInvalid};
pub use key::{
    DuplicateKey, InvalidKeyName, KEY_NAME_BYTES_MAX, KeyName, NoteKeyId, VerifierKey, VerifierKeyError,
    Verifiers,
};
pub use signed::{
    MalformedNote, NOTE_BYTES_MAX, NoteSignature, NoteUnverified, SIGNATURES_MAX, SignedNote, VerifiedNote,
};
pub use signer::{NoteSigner, SignerKeyError};
