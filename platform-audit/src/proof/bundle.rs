//! The text of a proof.

use std::fmt::{self, Display};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::note::parse_decimal;
use crate::{InclusionProof, MalformedNote, NOTE_BYTES_MAX, NodeHash, SignedNote};

/// The most bytes of extra data that a proof carries.
pub const EXTRA_BYTES_MAX: usize = 64 * 1024;

/// The longest text of a proof that is read.
pub const PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX + 2 * EXTRA_BYTES_MAX;

/// No tree has more levels.
const HASHES_MAX: usize = 64;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A checkpoint and the way from one leaf to its root.
///
/// Its `Display` and `FromStr` are the text of C2SP `tlog-proof`. Nothing in it is checked before
/// [`verify_event`](crate::verify_event) has done so, and the extra data never is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofBundle {
    /// The index of the leaf.
    pub index: u64,
    /// The hashes from the leaf to the root.
    pub proof: InclusionProof,
    /// The checkpoint whose root it is, as the log signed it.
    pub checkpoint: SignedNote,
    /// Data that travels along and that nothing vouches for.
    pub extra: Option<Vec<u8>>,
}

/// A text is not a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedProof {
    /// It is longer than [`PROOF_BYTES_MAX`], or its extra data than [`EXTRA_BYTES_MAX`].
    #[error("a proof has at most {PROOF_BYTES_MAX} bytes, {EXTRA_BYTES_MAX} of them extra data")]
    TooLong,
    /// It does not begin with the line of version 1.
    #[error("the first line of a proof is {HEADER}")]
    Header,
    /// The extra data or the index is not as it should be.
    #[error("a proof has a line with its index, after one with its extra data if there is any")]
    Index,
    /// A hash is none, or there are more than a tree has levels.
    #[error("a proof has at most {HASHES_MAX} hashes of 44 characters")]
    Hash,
    /// What should be the checkpoint is not a note.
    #[error(transparent)]
    Checkpoint(#[from] MalformedNote),
}

impl FromStr for ProofBundle {
    type Err = MalformedProof;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > PROOF_BYTES_MAX {
            return Err(MalformedProof::TooLong);
        }
        let (lines, checkpoint) = text.split_once("\n\n").ok_or(MalformedProof::Index)?;
        let mut lines = lines.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(MalformedProof::Header);
        }
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(parse_decimal).ok_or(MalformedProof::Index)?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == HASHES_MAX {
                return Err(MalformedProof::Hash);
            }
            hashes.push(NodeHash::from_base64(line).map_err(|_| MalformedProof::Hash)?);
        }
        Ok(Self {
            index,
            proof: InclusionProof { hashes },
            checkpoint: checkpoint.parse()?,
            extra: extra.map(decode_extra).transpose()?,
        })
    }
}

fn decode_extra(line: &str) -> Result<Vec<u8>, MalformedProof> {
    let base64 = line.strip_prefix("extra ").ok_or(MalformedProof::Index)?;
    let extra = STANDARD.decode(base64).map_err(|_| MalformedProof::Index)?;
    if extra.len() > EXTRA_BYTES_MAX {
        return Err(MalformedProof::TooLong);
    }
    Ok(extra)
}

impl Display for ProofBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.proof.hashes {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
