//! The first line of an export.

use super::error::ExportInvalid;
use super::line::Members;
use crate::entry::Json;
use crate::{CompactRange, TreeHead, Trust};

pub(super) const FORMAT: &str = "platform-audit-export@v1";

/// The first line, as far as anything depends on it.
pub(super) struct Manifest {
    pub(super) export_id: String,
    pub(super) first_seq: u64,
    pub(super) selection: Selection,
    /// That of the opened checkpoint.
    pub(super) head: TreeHead,
}

pub(super) enum Selection {
    /// All positions behind this tree, which nobody vouches for before the head has been reached.
    Whole(CompactRange),
    /// Single events, each with its proof.
    Selected,
}

impl Manifest {
    pub(super) fn parse(text: &str, trust: &Trust) -> Result<Self, ExportInvalid> {
        let mut members = Members::parse(text, 1)?;
        if !matches!(members.take("kind"), Some(Json::Text(kind)) if kind == "manifest") {
            return Err(ExportInvalid::NoManifest);
        }
        if !matches!(members.take("format"), Some(Json::Text(format)) if format == FORMAT) {
            return Err(ExportInvalid::UnknownFormat);
        }
        if members.text("origin")? != trust.origin.as_str() {
            return Err(ExportInvalid::WrongOrigin {
                wanted: trust.origin.clone(),
            });
        }
        let checkpoint = members.text("checkpoint")?;
        let head = *trust.open(&checkpoint).map_err(ExportInvalid::Checkpoint)?.head();
        if members.number("size")? != head.size {
            return Err(members.malformed("size"));
        }
        let selection = members.text("selection")?;
        let first_seq = members.number("first_seq")?;
        let range = members.hashes("range")?;
        let selection = match selection.as_str() {
            "whole" if first_seq <= head.size => CompactRange::from_parts(first_seq, range)
                .map(Selection::Whole)
                .map_err(|_| members.malformed("range"))?,
            "whole" => return Err(members.malformed("first_seq")),
            "selected" => Selection::Selected,
            _ => return Err(members.malformed("selection")),
        };
        // For whoever reads the file; nothing vouches for it.
        let export_id = members.text("export_id")?;
        for informational in ["tenant_id", "made_at", "vkey"] {
            members.text(informational)?;
        }
        if !matches!(members.take("filter"), Some(Json::Object(_))) {
            return Err(members.malformed("filter"));
        }
        if !matches!(members.take("pending"), None | Some(Json::Number(_))) {
            return Err(members.malformed("pending"));
        }
        members.end()?;
        Ok(Self {
            export_id,
            first_seq,
            selection,
            head,
        })
    }
}

impl Selection {
    /// As the first line has it.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Whole(_) => "whole",
            Self::Selected => "selected",
        }
    }
}
