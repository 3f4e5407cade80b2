//! Why an export could not be verified.

use std::io;

use crate::{CheckpointInvalid, JsonInvalid, KeyName};

/// What was given cannot be verified against this log: it is not an export, not one of this log, or not signed by a trusted key.
/// Nothing in it is to be believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportInvalid {
    /// It could not be read.
    #[error("the export cannot be read")]
    Read(#[source] io::Error),
    /// It ends before the end of its first line.
    #[error("the export has no manifest")]
    NoManifest,
    /// It is of a format or version that this program does not know.
    #[error("the format of the export is unknown")]
    UnknownFormat,
    /// It is an export of another log.
    #[error("the export is of another log than {wanted}")]
    WrongOrigin {
        /// The log that is trusted.
        wanted: KeyName,
    },
    /// The checkpoint in its manifest is not one of the trusted log.
    #[error("the checkpoint of the export cannot be trusted")]
    Checkpoint(#[source] CheckpointInvalid),
    /// A line is longer than [`EXPORT_LINE_BYTES_MAX`](crate::EXPORT_LINE_BYTES_MAX).
    #[error("line {line} of the export is too long")]
    LineTooLong {
        /// Which, from 1.
        line: u64,
    },
    /// A line is not UTF-8.
    #[error("line {line} of the export is not text in utf-8")]
    NotText {
        /// Which, from 1.
        line: u64,
    },
    /// A line is not JSON, or has a name twice.
    #[error("line {line} of the export is not strict json")]
    NotJson {
        /// Which, from 1.
        line: u64,
        /// Why not.
        #[source]
        source: JsonInvalid,
    },
    /// A line is of a kind that this version does not have.
    #[error("line {line} of the export is of an unknown kind")]
    UnknownKind {
        /// Which, from 1.
        line: u64,
    },
    /// A member of a line is missing, is not what the format says, or contradicts the others.
    #[error("the member {member} in line {line} of the export is missing or malformed")]
    Member {
        /// Which line, from 1.
        line: u64,
        /// Which member.
        member: &'static str,
    },
    /// A line has a member that its kind does not have.
    #[error("line {line} of the export has a member that the format does not have")]
    UnknownMember {
        /// Which, from 1.
        line: u64,
    },
    /// A line stands where one of its kind cannot stand: a second manifest, a line of the other selection, anything after the end, a
    /// checkpoint away from its position.
    #[error("line {line} of the export cannot stand there")]
    OutOfPlace {
        /// Which, from 1.
        line: u64,
    },
}
