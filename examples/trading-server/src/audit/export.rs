//! Writing a trail, or a part of it, into a file.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use flate2::Compression;
use flate2::write::GzEncoder;
use platform_audit::{EventFilter, Export, ExportError, ExportFormat, Reader, RunningExport};

use super::{Site, words};
use crate::cli::{ExportForm, OfTenant};
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};

/// What is written where.
pub(super) struct Wanted<'a> {
    pub(super) tenant: &'a OfTenant,
    pub(super) out: &'a Path,
    pub(super) manifest: Option<&'a Path>,
    pub(super) form: ExportForm,
    pub(super) target: Option<&'a str>,
    pub(super) action: Option<&'a str>,
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
    pub(super) hidden: bool,
}

/// Writes the export; a file that could not be finished is taken away.
pub(super) async fn run(site: &Site, wanted: &Wanted<'_>) -> Result<String, Refusal> {
    let ctx = site.context(wanted.tenant, "export the audit trail").await?;
    let export = wanted.export()?;
    let mut running = site
        .trail
        .log
        .export(&site.db, &site.trail.key, &ctx, export)
        .await
        .map_err(refused)?;
    let written = write(&mut running, wanted.out).await;
    if written.is_err() {
        let _ = std::fs::remove_file(wanted.out);
    }
    let bytes = written?;
    let id = running.id();
    if let Some(path) = wanted.manifest {
        let mut read = site.db.read(&ctx).await.or_refuse(Exit::Unavailable)?;
        let manifest = site.trail.log.export_manifest(&mut read, id).await;
        let manifest = manifest
            .or_refuse(Exit::Unavailable)?
            .ok_or_else(|| Refusal::new(Exit::Internal, anyhow!("the manifest of export {id} is gone")))?;
        let mut file = new_file(path)?;
        file.write_all(manifest.note.as_bytes())
            .and_then(|()| file.sync_all())
            .with_context(|| format!("{} cannot be written", path.display()))
            .or_refuse(Exit::NoInput)?;
    }
    Ok(format!(
        "export {id}: {bytes} bytes in {}\n",
        wanted.out.display()
    ))
}

impl Wanted<'_> {
    fn export(&self) -> Result<Export, Refusal> {
        let mut filter = EventFilter::new();
        if let Some(target) = self.target {
            filter = match words::target(target) {
                (kind, Some(id)) => filter.target(kind, id),
                (kind, None) => filter.target_kind(kind),
            };
        }
        if let Some(action) = self.action {
            filter = filter.action(action);
        }
        if let Some(from) = self.from {
            filter = filter.recorded_from(words::time(from)?);
        }
        if let Some(to) = self.to {
            filter = filter.recorded_to(words::time(to)?);
        }
        let export = match filter == EventFilter::new() {
            true => Export::whole(),
            false => Export::selected(filter),
        };
        let export = export.format(match self.form {
            ExportForm::Jsonl => ExportFormat::JsonLines,
            ExportForm::Csv => ExportFormat::Csv,
            ExportForm::Ocsf => ExportFormat::Ocsf,
        });
        Ok(match self.hidden {
            true => export.reader(Reader::Platform),
            false => export,
        })
    }
}

/// Chunk after chunk, compressed where the name says so; how many bytes that were before they were compressed.
async fn write(running: &mut RunningExport, path: &Path) -> Result<u64, Refusal> {
    let cannot = || format!("{} cannot be written", path.display());
    let mut file = Out::new(new_file(path)?, path);
    let mut bytes = 0;
    while let Some(chunk) = running.next().await.map_err(refused)? {
        bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        file.write(&chunk).with_context(cannot).or_refuse(Exit::NoInput)?;
    }
    file.finish().with_context(cannot).or_refuse(Exit::NoInput)?;
    Ok(bytes)
}

/// A file that is not there yet and that nobody else may read: an export tells who did what.
fn new_file(path: &Path) -> Result<File, Refusal> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} cannot be made", path.display()))
        .or_refuse(Exit::NoInput)
}

enum Out {
    Plain(BufWriter<File>),
    Packed(GzEncoder<BufWriter<File>>),
}

impl Out {
    fn new(file: File, path: &Path) -> Self {
        let file = BufWriter::new(file);
        match path.extension().is_some_and(|extension| extension == "gz") {
            true => Self::Packed(GzEncoder::new(file, Compression::default())),
            false => Self::Plain(file),
        }
    }

    fn write(&mut self, chunk: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(chunk),
            Self::Packed(file) => file.write_all(chunk),
        }
    }

    fn finish(self) -> std::io::Result<()> {
        let mut file = match self {
            Self::Plain(file) => file,
            Self::Packed(file) => file.finish()?,
        };
        file.flush()?;
        file.get_ref().sync_all()
    }
}

fn refused(error: ExportError) -> Refusal {
    let exit = match &error {
        ExportError::Filter(_) => Exit::Usage,
        ExportError::NoCheckpoint | ExportError::Damaged { .. } | ExportError::Unproven(_) => Exit::Findings,
        _ => Exit::Unavailable,
    };
    Refusal::new(exit, error)
}
