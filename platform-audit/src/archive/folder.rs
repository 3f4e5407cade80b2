//! Where the files of an archive are.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use platform_core::TenantId;
use sha2::{Digest as _, Sha256};

use super::file::Packed;
use super::manifest::MANIFEST_BYTES_MAX;
use super::{ArchiveError, ArchiveManifest, ArchiveMonth};
use crate::{KeyName, LogKey};

/// The name of a manifest in the folder of its month.
pub(super) const MANIFEST: &str = "manifest";

const BUFFER_BYTES: usize = 256 * 1024;

/// A directory of archived months, laid out like the keys of an object store: `<origin>/<yyyy>/<mm>/events-<first>-<last>.jsonl.gz` and
/// beside it `manifest`. Cheap to clone.
///
/// A file appears under its name when it is whole and on the disk, and is never written again. The directory may be a volume of write
/// once, or be copied to one; whoever writes the database should not be able to write here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    pub(super) folder: PathBuf,
}

/// What an archive has of a tenant's trail.
#[derive(Debug, Default)]
pub(crate) struct Archived {
    months: Vec<ArchivedMonth>,
}

#[derive(Debug)]
struct ArchivedMonth {
    manifest: ArchiveManifest,
    file: PathBuf,
    /// Whether the file is what the manifest says; not known before it was looked at.
    is_whole: Option<bool>,
}

impl Archive {
    /// The archive in this directory, which is made when the first month is archived.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self { folder: path.into() }
    }

    /// The folder of a month.
    pub(super) fn month(&self, origin: &KeyName, month: ArchiveMonth) -> Result<PathBuf, ArchiveError> {
        Ok(self
            .log(origin)?
            .join(month.folders().iter().collect::<PathBuf>()))
    }

    /// The folder of a log.
    pub(super) fn log(&self, origin: &KeyName) -> Result<PathBuf, ArchiveError> {
        let mut parts = origin.as_str().split('/');
        let leads_elsewhere =
            |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\\');
        match parts.any(leads_elsewhere) {
            true => Err(ArchiveError::Origin),
            false => Ok(self.folder.join(origin.as_str())),
        }
    }

    /// What there is of a tenant's trail, by the manifests that its log has signed.
    pub(crate) async fn archived(&self, tenant: TenantId, key: &LogKey) -> Result<Archived, ArchiveError> {
        let origin = key.origin(tenant);
        let verifiers = key.verifiers(tenant);
        let log = self.log(&origin)?;
        let months = blocking(log.clone(), move || {
            let mut months = Vec::new();
            for folder in folders(&log)?
                .iter()
                .map(|year| folders(year))
                .collect::<Result<Vec<_>, _>>()?
                .concat()
            {
                let path = folder.join(MANIFEST);
                let Some(note) = read_note(&path)? else { continue };
                match ArchiveManifest::open(&note, &origin, &verifiers) {
                    Ok(manifest) => months.push(ArchivedMonth {
                        file: folder.join(&manifest.file),
                        manifest,
                        is_whole: None,
                    }),
                    Err(_) => return Err(ArchiveError::NotSigned { path }),
                }
            }
            Ok(months)
        });
        Ok(Archived {
            months: months.await?,
        })
    }
}

impl Archived {
    /// Whether the event of this position is in a file that is whole. Reads the file when it is asked for the first time.
    pub(crate) async fn has(&mut self, seq: u64) -> Result<bool, ArchiveError> {
        for month in &mut self.months {
            if (month.manifest.first_seq..=month.manifest.last_seq).contains(&seq) && month.is_whole().await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl ArchivedMonth {
    async fn is_whole(&mut self) -> Result<bool, ArchiveError> {
        if let Some(is_whole) = self.is_whole {
            return Ok(is_whole);
        }
        let (path, manifest) = (self.file.clone(), self.manifest.clone());
        let is_whole = blocking(path.clone(), move || is_as_signed(&path, &manifest)).await?;
        if !is_whole {
            tracing::error!(file = %self.file.display(), "an archived month is not what was archived; nothing of it is pruned");
        }
        self.is_whole = Some(is_whole);
        Ok(is_whole)
    }
}

/// Whether a file is the one that the manifest was signed for.
fn is_as_signed(path: &Path, manifest: &ArchiveManifest) -> Result<bool, ArchiveError> {
    let signed = Packed {
        bytes: manifest.packed_bytes,
        sha256: manifest.packed_sha256.clone(),
    };
    Ok(packed(path)? == Some(signed))
}

/// A file as it lies there; `None` when there is none.
pub(super) fn packed(path: &Path) -> Result<Option<Packed>, ArchiveError> {
    let of = || ArchiveError::file(path);
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(of()(error)),
    };
    let mut hash = Sha256::new();
    let mut bytes = 0_u64;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = file.read(&mut buffer).map_err(of())?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes = bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    Ok(Some(Packed {
        bytes,
        sha256: hex(&hash.finalize()),
    }))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A manifest; `None` when there is none.
pub(super) fn read_note(path: &Path) -> Result<Option<String>, ArchiveError> {
    let of = || ArchiveError::file(path);
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(of()(error)),
    };
    let mut note = String::new();
    file.take(MANIFEST_BYTES_MAX)
        .read_to_string(&mut note)
        .map_err(of())?;
    Ok(Some(note))
}

/// The folders in a folder, in order; none when it is not there.
fn folders(path: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let of = || ArchiveError::file(path);
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(of()(error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(of())?;
        if entry.file_type().map_err(of())?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

/// Runs what waits for the disk where that keeps nobody else waiting.
pub(super) async fn blocking<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ArchiveError::file(path)(io::Error::other(error))))
}
