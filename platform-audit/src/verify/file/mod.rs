//! Verifying an export from its file alone.

mod error;
mod line;
mod lines;
mod manifest;
mod selected;
mod signed;
mod whole;

use std::io::BufRead;

pub use error::ExportInvalid;
pub use lines::EXPORT_LINE_BYTES_MAX;
pub use signed::{ExportManifest, ExportManifestInvalid};

use line::Line;
use lines::{Lines, Next};
use manifest::{Manifest, Selection};
use selected::Selected;
use signed::Found;
use whole::Whole;

use crate::{Absence, Finding, Report, Trust};

/// Verifies an export in the format `platform-audit-export@v1`, line by line and in constant memory, with nothing but the trusted name
/// and key.
///
/// Of a whole export every position is compared with the signed heads, and heads from outside with both; of a selected one each event
/// with its proof, which says nothing about what was left out. Positions that an export shows as a hash alone are counted as withheld
/// or pruned, as it says. What it says of itself, where it begins and which checkpoint it ends with, somebody else may have changed:
/// whoever has the signed manifest takes [`verify_signed_export`].
///
/// ```
/// use platform_audit::{Checkpoint, ExportInvalid, Finding, LeafHash, NoteSigner, TreeHead, Trust, verify_export};
/// use platform_core::Sources;
///
/// # fn json(text: &str) -> String { format!("{text:?}") }
/// let signer = NoteSigner::generate("audit.example.com/audit/acme".parse()?, &Sources::system());
/// let head = TreeHead { size: 1, root: LeafHash::of(b"an event").into() };
/// let checkpoint = Checkpoint::new(signer.name().clone(), head).sign(&signer)?.to_string();
/// let cut_off = format!(
///     concat!(
///         r#"{{"kind":"manifest","format":"platform-audit-export@v1","export_id":"1","origin":"audit.example.com/audit/acme","#,
///         r#""tenant_id":"acme","made_at":"2026-01-02T03:04:05Z","filter":{{}},"selection":"whole","first_seq":0,"size":1,"#,
///         r#""range":[],"vkey":"","checkpoint":{}}}"#,
///         "\n",
///         r#"{{"kind":"event","seq":0,"entry":"an event"}}"#,
///         "\n",
///     ),
///     json(&checkpoint)
/// );
///
/// let trust = Trust::new(signer.name().clone(), signer.verifier_key());
/// let report = verify_export(cut_off.as_bytes(), &trust)?;
/// assert_eq!(report.proven, Some(head));
/// assert_eq!(report.findings, [Finding::ExportTruncated { lines: 2 }]);
///
/// let another = NoteSigner::generate(signer.name().clone(), &Sources::system());
/// let trust = Trust::new(signer.name().clone(), another.verifier_key());
/// assert!(matches!(verify_export(cut_off.as_bytes(), &trust), Err(ExportInvalid::Checkpoint(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ExportInvalid`]: it could not be verified at all. What is wrong with an export that could be is in the report.
pub fn verify_export(reader: impl BufRead, trust: &Trust) -> Result<Report, ExportInvalid> {
    verify(reader, trust, None)
}

/// Verifies an export as [`verify_export`] does, and that it is the file about which the log has signed this manifest.
///
/// Without the manifest a stranger can leave something out that the file alone does not give away as wrong: show events as withheld,
/// begin later, end with an older checkpoint, or take events out of a selection. The report shows the first three, as `withheld`,
/// `first` and `proven`. With the manifest every difference is a [`Finding::ManifestContradicted`].
///
/// ```no_run
/// use std::io::BufRead;
///
/// use platform_audit::{ExportManifest, Trust, verify_signed_export};
///
/// # fn example(file: impl BufRead, note: &str, trust: &Trust) -> Result<(), Box<dyn std::error::Error>> {
/// let manifest = ExportManifest::open(note, trust)?;
/// let report = verify_signed_export(file, trust, &manifest)?;
/// assert!(report.is_clean());
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`ExportInvalid`] as for [`verify_export`].
pub fn verify_signed_export(
    reader: impl BufRead,
    trust: &Trust,
    manifest: &ExportManifest,
) -> Result<Report, ExportInvalid> {
    verify(reader, trust, Some(manifest))
}

fn verify(
    reader: impl BufRead,
    trust: &Trust,
    signed: Option<&ExportManifest>,
) -> Result<Report, ExportInvalid> {
    let mut lines = Lines::new(reader);
    let manifest = match lines.next()? {
        Next::Line(line) => Manifest::parse(line, trust)?,
        Next::CutOff | Next::End => return Err(ExportInvalid::NoManifest),
    };
    let Manifest {
        export_id,
        first_seq,
        selection,
        head,
    } = manifest;
    let selected = selection.as_str();
    let mut export = match selection {
        Selection::Whole(before) => Export::Whole(Box::new(Whole::new(before, head, trust))),
        Selection::Selected => Export::Selected(Selected::new(head, trust)),
    };
    let mut counted = Counted::default();
    let mut beside = counted.read(&mut lines, &mut export)?;
    let contradicted = signed.map(|signed| {
        signed.contradicted_by(&Found {
            export_id: &export_id,
            selection: selected,
            first_seq,
            checkpoint_size: head.size,
            events: counted.events,
            withheld: counted.withheld,
            pruned: counted.pruned,
            bytes: lines.bytes(),
            sha256: lines.sha256(),
        })
    });
    let contradicted = contradicted.into_iter().flatten();
    beside.extend(contradicted.map(|member| Finding::ManifestContradicted { member }));
    export.finish(beside, lines.number() + 1)
}

/// How many lines of which kind there are.
#[derive(Debug, Default)]
struct Counted {
    events: u64,
    withheld: u64,
    pruned: u64,
}

impl Counted {
    /// Reads everything behind the first line, and gives what is wrong with the end of it.
    fn read(
        &mut self,
        lines: &mut Lines<impl BufRead>,
        export: &mut Export<'_>,
    ) -> Result<Vec<Finding>, ExportInvalid> {
        loop {
            let number = lines.number() + 1;
            let line = match lines.next()? {
                Next::Line(line) => Line::parse(line, number)?,
                Next::CutOff | Next::End => {
                    return Ok(vec![Finding::ExportTruncated {
                        lines: lines.number(),
                    }]);
                }
            };
            match &line {
                Line::End {
                    events,
                    leaves,
                    sha256,
                } => {
                    let stated = [
                        ("events", *events == self.events),
                        ("leaves", *leaves == self.withheld.saturating_add(self.pruned)),
                        ("sha256", *sha256 == lines.sha256_before()),
                    ];
                    let wrong = stated.into_iter().filter(|(_, holds)| !holds);
                    let damaged = wrong.map(|(member, _)| Finding::ExportDamaged { member });
                    return match lines.next()? {
                        Next::End => Ok(damaged.collect()),
                        Next::Line(_) | Next::CutOff => Err(ExportInvalid::OutOfPlace { line: number + 1 }),
                    };
                }
                Line::Event { .. } => self.events += 1,
                Line::Leaf { why, .. } => match why {
                    Absence::Withheld => self.withheld += 1,
                    Absence::Pruned => self.pruned += 1,
                },
                Line::Checkpoint { .. } | Line::Opened { .. } => {}
            }
            export.take(line, number)?;
        }
    }
}

enum Export<'a> {
    Whole(Box<Whole<'a>>),
    Selected(Selected),
}

impl Export<'_> {
    fn take(&mut self, line: Line, number: u64) -> Result<(), ExportInvalid> {
        match self {
            Self::Whole(whole) => whole.take(line, number),
            Self::Selected(selected) => selected.take(line, number),
        }
    }

    fn finish(self, beside: Vec<Finding>, number: u64) -> Result<Report, ExportInvalid> {
        match self {
            Self::Whole(whole) => whole.finish(beside, number),
            Self::Selected(selected) => Ok(selected.finish(beside)),
        }
    }
}
