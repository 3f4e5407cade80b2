//! Positions as bytes of one of the formats.

use super::lines::{Head, Line, Why};
use super::pages::Place;
use super::totals::Totals;
use super::{ExportError, ExportFormat, ocsf_event, table};
use crate::{Entry, InclusionProof, KeyName};

/// Writes what is exported in one of the formats.
#[derive(Debug)]
pub(super) struct Encoder {
    format: ExportFormat,
    origin: KeyName,
}

impl Encoder {
    pub(super) const fn new(format: ExportFormat, origin: KeyName) -> Self {
        Self { format, origin }
    }

    pub(super) fn head(&self, head: Head<'_>, bytes: &mut Vec<u8>) -> Result<(), ExportError> {
        match self.format {
            ExportFormat::JsonLines => line(&Line::Manifest(head), bytes),
            ExportFormat::Csv => {
                bytes.extend(table::header().map_err(|_| ExportError::Manifest)?);
                Ok(())
            }
            ExportFormat::Ocsf => Ok(()),
        }
    }

    pub(super) fn event(
        &self,
        place: &Place,
        entry: &[u8],
        proof: Option<&InclusionProof>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), ExportError> {
        let Place { seq, leaf, .. } = *place;
        let damaged = || ExportError::Damaged { seq };
        match self.format {
            ExportFormat::JsonLines => {
                // Bytes that are no text were altered; whoever verifies the line will find that.
                let entry = &String::from_utf8_lossy(entry);
                line(&Line::Event { seq, entry, proof }, bytes)
            }
            ExportFormat::Csv => {
                let entry = Entry::from_bytes(entry).map_err(|_| damaged())?;
                bytes.extend(table::event(seq, leaf, &entry).map_err(|_| damaged())?);
                Ok(())
            }
            ExportFormat::Ocsf => {
                let entry = Entry::from_bytes(entry).map_err(|_| damaged())?;
                let event = ocsf_event(&self.origin, seq, leaf, &entry);
                serde_json::to_writer(&mut *bytes, &event).map_err(|_| damaged())?;
                bytes.push(b'\n');
                Ok(())
            }
        }
    }

    pub(super) fn leaf(&self, place: &Place, why: Why, bytes: &mut Vec<u8>) -> Result<(), ExportError> {
        let Place { seq, leaf, .. } = *place;
        self.json_line(&Line::Leaf { seq, leaf, why }, bytes)
    }

    pub(super) fn checkpoint(&self, note: &str, bytes: &mut Vec<u8>) -> Result<(), ExportError> {
        self.json_line(&Line::Checkpoint { note }, bytes)
    }

    pub(super) fn end(&self, totals: &Totals, bytes: &mut Vec<u8>) -> Result<(), ExportError> {
        let end = Line::End {
            events: totals.events,
            leaves: totals.leaves(),
            sha256: totals.sha256(),
        };
        self.json_line(&end, bytes)
    }

    /// A line that the other formats have no place for.
    fn json_line(&self, line: &Line<'_>, bytes: &mut Vec<u8>) -> Result<(), ExportError> {
        match self.format {
            ExportFormat::JsonLines => self::line(line, bytes),
            ExportFormat::Csv | ExportFormat::Ocsf => Ok(()),
        }
    }
}

fn line(line: &Line<'_>, bytes: &mut Vec<u8>) -> Result<(), ExportError> {
    line.write_to(bytes).map_err(|_| ExportError::Manifest)
}
