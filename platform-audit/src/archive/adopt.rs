//! A file that an interrupted run has left without its manifest.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};

use super::folder::{blocking, hex, packed};
use super::write::{Contents, Job};
use super::{ArchiveError, ArchiveManifest};
use crate::{Trust, verify_export};

impl Job<'_> {
    /// What is to be signed of the file that is there already, when it is what would be written now; `None` when there is none.
    ///
    /// # Errors
    /// [`ArchiveError::NotSigned`] when it is something else.
    pub(super) async fn adopt(&self) -> Result<Option<ArchiveManifest>, ArchiveError> {
        let path = self.folder.join(self.file_name());
        let tenant = self.ctx.tenant();
        let trust = Trust::new(self.key.origin(tenant), self.key.verifiers(tenant));
        let (first, end) = (self.range.first, self.range.end);
        let read = move || verified(path, &trust, (first, end));
        let found = blocking(self.folder.clone(), read).await?;
        Ok(found.map(|(contents, packed)| self.manifest(contents, packed)))
    }
}

fn verified(
    path: PathBuf,
    trust: &Trust,
    (first, end): (u64, u64),
) -> Result<Option<(Contents, super::file::Packed)>, ArchiveError> {
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ArchiveError::file(path)(error)),
    };
    let mut unpacked = Hashed {
        reader: GzDecoder::new(BufReader::new(file)),
        hash: Sha256::new(),
    };
    let report = verify_export(BufReader::new(&mut unpacked), trust);
    let Ok(report) = report else {
        return Err(ArchiveError::NotSigned { path });
    };
    let leaves = report.pruned.saturating_add(report.withheld);
    let is_whole = report.is_clean()
        && report.proven.is_some_and(|head| head.size == end)
        && first
            .checked_add(report.events)
            .and_then(|seq| seq.checked_add(leaves))
            == Some(end);
    if !is_whole {
        return Err(ArchiveError::NotSigned { path });
    }
    let contents = Contents {
        events: report.events,
        leaves,
        sha256: hex(&unpacked.hash.finalize()),
    };
    Ok(packed(&path)?.map(|packed| (contents, packed)))
}

struct Hashed<R> {
    reader: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
