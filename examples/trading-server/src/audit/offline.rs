//! Verifying an export from its file alone.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use flate2::read::MultiGzDecoder;
use platform_audit::{
    EXPORT_FORMAT, ExportManifest, ExportManifestInvalid, Trust, verify_export, verify_signed_export,
};

use super::verdict::Verdict;
use super::verify::{verifiers, vkeys};
use crate::cli::Verification;
use crate::commands::say;
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};

/// What the first bytes of a compressed file are.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Verifies the file, and that it is the one of the manifest where one is given. `None` for a form that has nothing to verify but that.
/// Needs neither a database nor a configuration.
pub(super) fn verify(file: &Path, verification: &Verification) -> Result<Option<Verdict>, Refusal> {
    let Some(origin) = &verification.origin else {
        return Err(Refusal::new(Exit::Usage, anyhow!("--origin is needed")));
    };
    let origin = origin.parse().or_refuse(Exit::Usage)?;
    let trust = Trust::new(origin, verifiers(vkeys(verification)?)?);
    let manifest = verification.manifest.as_deref();
    let manifest = manifest.map(|path| signed(path, &trust)).transpose()?;
    let report = match &manifest {
        None => verify_export(opened(file)?, &trust),
        Some(manifest) if manifest.format == EXPORT_FORMAT => {
            verify_signed_export(opened(file)?, &trust, manifest)
        }
        Some(manifest) => {
            match manifest.check(opened(file)?) {
                Ok(()) => {}
                Err(error @ ExportManifestInvalid::AnotherFile) => {
                    return Err(Refusal::new(Exit::Findings, error));
                }
                Err(error) => return Err(Refusal::new(Exit::NoInput, error)),
            }
            say("the file is the one that the log has given out\n");
            return Ok(None);
        }
    };
    let report = report.or_refuse(Exit::DataError)?;
    let ids = vec![Vec::new(); report.findings.len()];
    Ok(Some(Verdict {
        name: file.display().to_string(),
        origin: trust.origin,
        report,
        refused: None,
        ids,
        torn: Vec::new(),
    }))
}

/// The manifest, as the log has signed it.
fn signed(path: &Path, trust: &Trust) -> Result<ExportManifest, Refusal> {
    let note = std::fs::read_to_string(path)
        .with_context(|| format!("the manifest {} cannot be read", path.display()))
        .or_refuse(Exit::NoInput)?;
    ExportManifest::open(&note, trust).or_refuse(Exit::DataError)
}

/// The file, unpacked where it is compressed.
fn opened(path: &Path) -> Result<Box<dyn BufRead>, Refusal> {
    let cannot = || format!("the export {} cannot be read", path.display());
    let mut file = File::open(path).with_context(cannot).or_refuse(Exit::NoInput)?;
    let mut first = Vec::new();
    (&file)
        .take(2)
        .read_to_end(&mut first)
        .and_then(|_| file.rewind())
        .with_context(cannot)
        .or_refuse(Exit::NoInput)?;
    Ok(match first == GZIP {
        true => Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file)))),
        false => Box::new(BufReader::new(file)),
    })
}
