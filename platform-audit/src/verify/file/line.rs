//! What a line of an export says.

use super::error::ExportInvalid;
use crate::entry::Json;
use crate::note::parse_decimal;
use crate::{Absence, InclusionProof, LeafHash, NodeHash};

/// A line after the first.
pub(super) enum Line {
    Event {
        seq: u64,
        entry: String,
        proof: Option<InclusionProof>,
    },
    Leaf {
        seq: u64,
        leaf: LeafHash,
        why: Absence,
    },
    Checkpoint {
        note: String,
    },
    /// What the sealed values of the event before it say, for a reader: it proves nothing.
    Opened {
        seq: u64,
    },
    End {
        events: u64,
        leaves: u64,
        sha256: String,
    },
}

/// Nothing in an export needs more: the filter of a manifest is the deepest.
const DEPTH_MAX: usize = 16;

/// No proof is longer.
const HASHES_MAX: usize = 64;

impl Line {
    pub(super) fn parse(text: &str, number: u64) -> Result<Self, ExportInvalid> {
        let mut members = Members::parse(text, number)?;
        let kind = members.text("kind")?;
        let line = match kind.as_str() {
            "event" => Self::Event {
                seq: members.number("seq")?,
                entry: members.text("entry")?,
                proof: members
                    .optional_hashes("proof")?
                    .map(|hashes| InclusionProof { hashes }),
            },
            "leaf" => Self::Leaf {
                seq: members.number("seq")?,
                leaf: LeafHash::from_bytes(*members.hash("leaf")?.as_bytes()),
                why: match members.text("why")?.as_str() {
                    "withheld" => Absence::Withheld,
                    "pruned" => Absence::Pruned,
                    _ => return Err(members.malformed("why")),
                },
            },
            "checkpoint" => Self::Checkpoint {
                note: members.text("note")?,
            },
            "opened" => {
                members.text("changes")?;
                Self::Opened {
                    seq: members.number("seq")?,
                }
            }
            "end" => Self::End {
                events: members.number("events")?,
                leaves: members.number("leaves")?,
                sha256: members.text("sha256")?,
            },
            "manifest" => return Err(ExportInvalid::OutOfPlace { line: number }),
            _ => return Err(ExportInvalid::UnknownKind { line: number }),
        };
        members.end()?;
        Ok(line)
    }
}

/// The members of a line that were not taken yet.
pub(super) struct Members {
    members: Vec<(String, Json)>,
    line: u64,
}

impl Members {
    pub(super) fn parse(text: &str, line: u64) -> Result<Self, ExportInvalid> {
        match Json::parse(text, DEPTH_MAX) {
            Ok(Json::Object(members)) => Ok(Self { members, line }),
            Ok(_) => Err(ExportInvalid::UnknownKind { line }),
            Err(source) => Err(ExportInvalid::NotJson { line, source }),
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.members.iter().position(|(found, _)| found == name)?;
        Some(self.members.swap_remove(at).1)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<String, ExportInvalid> {
        match self.take(name) {
            Some(Json::Text(text)) => Ok(text),
            _ => Err(self.malformed(name)),
        }
    }

    pub(super) fn number(&mut self, name: &'static str) -> Result<u64, ExportInvalid> {
        match self.take(name) {
            Some(Json::Number(number)) => parse_decimal(&number).ok_or_else(|| self.malformed(name)),
            _ => Err(self.malformed(name)),
        }
    }

    fn hash(&mut self, name: &'static str) -> Result<NodeHash, ExportInvalid> {
        let text = self.text(name)?;
        NodeHash::from_base64(&text).map_err(|_| self.malformed(name))
    }

    pub(super) fn hashes(&mut self, name: &'static str) -> Result<Vec<NodeHash>, ExportInvalid> {
        self.optional_hashes(name)?.ok_or_else(|| self.malformed(name))
    }

    fn optional_hashes(&mut self, name: &'static str) -> Result<Option<Vec<NodeHash>>, ExportInvalid> {
        let hashes = match self.take(name) {
            None => return Ok(None),
            Some(Json::Array(hashes)) if hashes.len() <= HASHES_MAX => hashes,
            Some(_) => return Err(self.malformed(name)),
        };
        let hash = |json: Json| match json {
            Json::Text(text) => NodeHash::from_base64(&text).ok(),
            _ => None,
        };
        let hashes: Option<Vec<_>> = hashes.into_iter().map(hash).collect();
        hashes.map(Some).ok_or_else(|| self.malformed(name))
    }

    pub(super) fn end(self) -> Result<(), ExportInvalid> {
        if self.members.is_empty() {
            Ok(())
        } else {
            Err(ExportInvalid::UnknownMember { line: self.line })
        }
    }

    pub(super) const fn malformed(&self, member: &'static str) -> ExportInvalid {
        ExportInvalid::Member {
            line: self.line,
            member,
        }
    }
}
