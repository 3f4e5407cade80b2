//! The lines of `platform-audit-export@v1`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_core::{TenantId, Timestamp};
use serde::{Serialize, Serializer};

use super::ExportId;
use crate::{EventFilter, InclusionProof, KeyName, LeafHash, NodeHash, VerifierKey};

/// The name of the format whose exports can be verified: JSON Lines in UTF-8, each line ended by one newline.
///
/// | line | members |
/// |---|---|
/// | the first | `kind` `manifest`, `format`, `export_id`, `origin`, `tenant_id`, `made_at`, `filter`, `selection` (`whole` or `selected`), `first_seq`, `size` (that of the checkpoint), `range` (for a whole export that begins later: the roots of the full subtrees before it), `pending` (events that no checkpoint covered yet and that are therefore not in it), `vkey` (for information: trust your own), `checkpoint` (a signed note) |
/// | an event | `kind` `event`, `seq`, `entry` (the canonical text), in a selected export `proof` (the hashes to the root of the checkpoint) |
/// | a position without its event | `kind` `leaf`, `seq`, `leaf`, `why` (`withheld` from this reader, or `pruned`); in a whole export alone |
/// | an older checkpoint | `kind` `checkpoint`, `note`; in a whole export alone, before the position of its size |
/// | what sealed values say | `kind` `opened`, `seq`, `changes` (JSON text); in an export for a data subject alone, after the event |
/// | the last | `kind` `end`, `events`, `leaves`, `sha256` (hexadecimal, over every byte before this line) |
///
/// Hashes are in base64. Without the last line an export was cut off.
pub const EXPORT_FORMAT: &str = "platform-audit-export@v1";

/// A line of an export, without the last.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    Manifest(Head<'a>),
    Event {
        seq: u64,
        entry: &'a str,
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hashes")]
        proof: Option<&'a InclusionProof>,
    },
    Leaf {
        seq: u64,
        #[serde(serialize_with = "leaf_hash")]
        leaf: LeafHash,
        why: Why,
    },
    Checkpoint {
        note: &'a str,
    },
    End {
        events: u64,
        leaves: u64,
        sha256: String,
    },
}

/// Why a position is exported without its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    Withheld,
    Pruned,
}

/// What is known before the first event.
#[derive(Debug, Serialize)]
pub(crate) struct Head<'a> {
    pub(crate) format: &'static str,
    pub(crate) export_id: ExportId,
    #[serde(serialize_with = "text")]
    pub(crate) origin: &'a KeyName,
    pub(crate) tenant_id: TenantId,
    #[serde(with = "platform_core::time::serde::rfc3339")]
    pub(crate) made_at: Timestamp,
    pub(crate) filter: &'a EventFilter,
    pub(crate) selection: &'static str,
    pub(crate) first_seq: u64,
    pub(crate) size: u64,
    #[serde(serialize_with = "nodes")]
    pub(crate) range: &'a [NodeHash],
    pub(crate) pending: u64,
    #[serde(serialize_with = "text")]
    pub(crate) vkey: &'a VerifierKey,
    pub(crate) checkpoint: &'a str,
}

impl Line<'_> {
    /// Adds the line and its newline.
    pub(crate) fn write_to(&self, bytes: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        serde_json::to_writer(&mut *bytes, self)?;
        bytes.push(b'\n');
        Ok(())
    }
}

fn text<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

fn leaf_hash<S: Serializer>(leaf: &LeafHash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(leaf.as_bytes()))
}

fn nodes<S: Serializer>(nodes: &[NodeHash], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(nodes.iter().map(NodeHash::to_base64))
}

fn hashes<S: Serializer>(proof: &Option<&InclusionProof>, serializer: S) -> Result<S::Ok, S::Error> {
    let hashes = proof.map_or(&[][..], |proof| &proof.hashes);
    nodes(hashes, serializer)
}
