//! Where checkpoints are put, outside the database.

mod file;
mod journal;
mod signed;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use platform_core::{TenantId, error_chain};

use self::file::{make_folder, put, read};
use self::journal::{Journal, Lines};
use self::signed::Signed;
use super::lock::Alone;
use crate::note::parse_decimal;
use crate::{Checkpoint, LogKey, TreeHead};

const NEWEST: &str = "checkpoint";
const ALL: &str = "checkpoints";
const LOCK: &str = "lock";

const ABANDONED_MAX: u32 = 1_000;

/// A journal of this length is begun anew: some 10,000 checkpoints.
const JOURNAL_BYTES_MAX: u64 = 4 << 20;

/// A directory in which checkpoints are published, in the layout of an object store.
///
/// | path | content |
/// |---|---|
/// | `<tenant>/checkpoint` | the newest checkpoint; replaced in one step, never by a smaller one |
/// | `<tenant>/checkpoints/<size>` | every checkpoint, written once |
/// | `journal` | the last 4 MiB of all tenants: lines of `<tenant> <base64 of the checkpoint>` |
/// | `lock` | held by the process that writes |
///
/// The texts are signed notes (C2SP `tlog-checkpoint`). A checkpoint is on the disk, in the journal, before the database says that it is
/// published: one flush for all tenants of a round, in place of four for each. A file appears under its name when its text is written,
/// and is flushed when the journal is begun anew. After a machine has stopped, the first process that uses the directory makes every file
/// whole that the journal knows, whether or not there is anything to publish; what it cannot read of the journal it keeps as
/// `journal.unread-<number>`, and lines of a key that it does not have it leaves to one that has it. So after such a stop let others copy
/// the directory when the service runs again: until then the files of the last moments may be empty.
///
/// A file that is there under the size of a checkpoint is replaced when the log has not signed it. When it has, and it is another head of
/// that size, the tenant is [refused](crate::Refusal::PublishedForked).
///
/// Point a web server, a synchronisation to a store with object lock or a witness at the directory; the file system has to carry
/// `flock`. What is in it is compared too: a tree that does not begin with what was published is not signed any more. So keep it where
/// the database's administrators cannot write.
///
/// ```
/// use platform_audit::Outlet;
///
/// let outlet = Outlet::directory("/srv/audit-checkpoints");
/// assert!(outlet.path().ends_with("audit-checkpoints"));
/// ```
#[derive(Debug, Clone)]
pub struct Outlet {
    folder: Arc<Path>,
    /// Whether this process has seen to it that what was in the journal is in the files.
    recovered: Arc<AtomicBool>,
}

/// A checkpoint cannot be published. It is tried again until it can.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutletError {
    /// A file or a directory cannot be read or written.
    #[error("checkpoints cannot be written to where they are published")]
    File(#[source] io::Error),
    /// Writing took too long. It goes on in the background.
    #[error("writing to where checkpoints are published takes too long")]
    Slow,
}

/// A checkpoint to publish.
#[derive(Debug, Clone)]
pub(super) struct Publication {
    pub(super) tenant: TenantId,
    pub(super) head: TreeHead,
    pub(super) note: String,
}

impl Outlet {
    /// Publishes in a directory, which is made unless it is there.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self {
            folder: path.into().into(),
            recovered: Arc::default(),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Puts all of these on the disk, blocking the thread, but for those of tenants of which another head of the same size is published,
    /// which are returned. When it fails, some may be there; repeating it does no harm.
    pub(super) fn publish(
        &self,
        publications: &[Publication],
        key: &LogKey,
    ) -> io::Result<BTreeSet<TenantId>> {
        make_folder(&self.folder)?;
        let _alone = self.alone()?;
        if !self.is_recovered() || self.journal().length()? >= JOURNAL_BYTES_MAX {
            self.settle(key)?;
        }
        let mut new = Vec::with_capacity(publications.len());
        let mut forked = BTreeSet::new();
        for publication in publications {
            match self.what_is_there(publication, key)? {
                // It was in the journal before, so it is on the disk or will be made whole.
                There::Same => {}
                There::Nothing => new.push(publication),
                There::Other => {
                    forked.insert(publication.tenant);
                }
            }
        }
        new.retain(|publication| !forked.contains(&publication.tenant));
        if !new.is_empty() {
            self.journal().append(&new)?;
        }
        let sound = publications.iter().filter(|one| !forked.contains(&one.tenant));
        self.write(sound, key)?;
        Ok(forked)
    }

    /// Makes every file whole that the journal knows, once in a process. Where nothing was published yet, nothing is made.
    pub(super) fn recover(&self, key: &LogKey) -> io::Result<()> {
        if self.is_recovered() {
            return Ok(());
        }
        if self.journal().length()? == 0 {
            self.recovered.store(true, Ordering::Relaxed);
            return Ok(());
        }
        let _alone = self.alone()?;
        self.settle(key)
    }

    /// What stands under the size of a checkpoint.
    fn what_is_there(&self, publication: &Publication, key: &LogKey) -> io::Result<There> {
        let Some(text) = read(&self.numbered(publication))? else {
            return Ok(There::Nothing);
        };
        if text == publication.note {
            return Ok(There::Same);
        }
        Ok(match Signed::read(&text, publication.tenant, key) {
            // The same by another key of the log.
            Signed::ByLog(head) if head == publication.head => There::Same,
            Signed::ByLog(head) if head.size == publication.head.size => There::Other,
            Signed::ByUnknownKey if is_of(&text, publication) => There::Same,
            _ => There::Nothing,
        })
    }

    /// Writes the files of those that are not there, or are not what the log has signed.
    fn write<'a>(
        &self,
        publications: impl IntoIterator<Item = &'a Publication>,
        key: &LogKey,
    ) -> io::Result<()> {
        let mut newest: BTreeMap<TenantId, &Publication> = BTreeMap::new();
        for publication in publications {
            if self.what_is_there(publication, key)? == There::Nothing {
                let numbered = self.numbered(publication);
                let all = self.folder_of(publication.tenant).join(ALL);
                DirBuilder::new().recursive(true).mode(0o755).create(all)?;
                put(&numbered, &publication.note)?;
            }
            let known = newest.entry(publication.tenant).or_insert(publication);
            if known.head.size < publication.head.size {
                *known = publication;
            }
        }
        for publication in newest.into_values() {
            // Where one does not look larger, nobody need check its signature.
            let path = self.folder_of(publication.tenant).join(NEWEST);
            let before = read(&path)?;
            let is_larger = size_of(before.as_deref()) > Some(publication.head.size)
                && self.newest(publication.tenant, key)?.is_some();
            if !is_larger && before.as_deref() != Some(publication.note.as_str()) {
                put(&path, &publication.note)?;
            }
        }
        Ok(())
    }

    /// Brings the journal's checkpoints into their files, flushes them, and begins the journal anew.
    fn settle(&self, key: &LogKey) -> io::Result<()> {
        let journal = self.journal();
        let Lines {
            publications,
            foreign,
            others,
        } = journal.read(key)?;
        self.write(&publications, key)?;
        self.flush(&publications)?;
        if others {
            tracing::warn!("what cannot be read of the journal of published checkpoints is kept beside it");
            journal.keep_copy()?;
        }
        journal.begin_anew(&foreign)?;
        self.recovered.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Flushes all files of the folder at once, where the system can.
    #[cfg(target_os = "linux")]
    fn flush(&self, publications: &[Publication]) -> io::Result<()> {
        match publications {
            [] => Ok(()),
            _ => Ok(rustix::fs::syncfs(File::open(&self.folder)?)?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn flush(&self, publications: &[Publication]) -> io::Result<()> {
        for publication in publications {
            let folder = self.folder_of(publication.tenant);
            File::open(self.numbered(publication))?.sync_all()?;
            for changed in [folder.join(NEWEST), folder.join(ALL), folder] {
                File::open(changed)?.sync_all()?;
            }
        }
        File::open(&self.folder)?.sync_all()
    }

    /// The newest head that was published for a tenant; `None` too for a text that the log has not signed.
    pub(super) fn newest(&self, tenant: TenantId, key: &LogKey) -> io::Result<Option<TreeHead>> {
        let note = read(&self.folder_of(tenant).join(NEWEST))?;
        let opened = note.and_then(|note| {
            let opened = Checkpoint::open(&note, &key.origin(tenant), &key.verifiers(tenant));
            opened
                .inspect_err(|error| {
                    tracing::warn!(
                        tenant.id = %tenant, error = %error_chain(error),
                        "what is published as the checkpoint of tenant {tenant} is not signed by its log"
                    );
                })
                .ok()
        });
        Ok(opened.map(|checkpoint| *checkpoint.head()))
    }

    /// Puts aside what was published for a tenant beyond a size, and what contradicts what the database has `stored`, for a log that
    /// begins anew there; nothing is deleted. Then publishes the newest of these.
    pub(super) fn begin_anew(
        &self,
        (tenant, beyond): (TenantId, u64),
        stored: &[Publication],
        key: &LogKey,
    ) -> io::Result<()> {
        make_folder(&self.folder)?;
        let _alone = self.alone()?;
        // The journal may hold what is put aside, and would bring it back.
        self.settle(key)?;
        let mut contradicted = BTreeSet::new();
        for publication in stored {
            if self.what_is_there(publication, key)? == There::Other {
                contradicted.insert(publication.head.size);
            }
        }
        self.abandon(tenant, |size| size > beyond || contradicted.contains(&size))?;
        let Some(newest) = stored.iter().max_by_key(|one| one.head.size) else {
            return Ok(());
        };
        // Its file may be there, and the name of the newest one is not.
        self.journal().append(&[newest])?;
        self.write([newest], key)
    }

    fn abandon(&self, tenant: TenantId, is_abandoned: impl Fn(u64) -> bool) -> io::Result<()> {
        let folder = self.folder_of(tenant);
        if !folder.try_exists()? {
            return Ok(());
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder.join(ALL))?;
        let aside = self.new_folder_beside(tenant)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(aside.join(ALL))?;
        for file in fs::read_dir(folder.join(ALL))? {
            let name = file?.file_name();
            let size = name.to_str().and_then(parse_decimal);
            if size.is_some_and(&is_abandoned) {
                fs::rename(folder.join(ALL).join(&name), aside.join(ALL).join(&name))?;
            }
        }
        if folder.join(NEWEST).try_exists()? {
            fs::rename(folder.join(NEWEST), aside.join(NEWEST))?;
        }
        for changed in [
            folder.join(ALL),
            folder,
            aside.join(ALL),
            aside,
            self.folder.to_path_buf(),
        ] {
            File::open(changed)?.sync_all()?;
        }
        Ok(())
    }

    fn new_folder_beside(&self, tenant: TenantId) -> io::Result<PathBuf> {
        for number in 1..=ABANDONED_MAX {
            let aside = self.folder.join(format!("{tenant}.abandoned-{number}"));
            if !aside.try_exists()? {
                return Ok(aside);
            }
        }
        Err(io::Error::other("the tenant's log was begun anew too often"))
    }

    /// One process at a time writes, so that what comes later in the journal is newer.
    fn alone(&self) -> io::Result<Alone> {
        Ok(Alone::with(&self.folder.join(LOCK))?)
    }

    fn journal(&self) -> Journal {
        Journal::new(&self.folder)
    }

    pub(super) fn is_recovered(&self) -> bool {
        self.recovered.load(Ordering::Relaxed)
    }

    fn numbered(&self, publication: &Publication) -> PathBuf {
        let name = publication.head.size.to_string();
        self.folder_of(publication.tenant).join(ALL).join(name)
    }

    fn folder_of(&self, tenant: TenantId) -> PathBuf {
        self.folder.join(tenant.to_string())
    }
}

/// What stands where a checkpoint is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    /// The same head, signed by the log.
    Same,
    /// Nothing, or what the log has not signed.
    Nothing,
    /// Another head of the same size that the log has signed.
    Other,
}

fn is_of(note: &str, publication: &Publication) -> bool {
    let body = |note: &str| note.split_once("\n\n").map(|(body, _)| body.to_owned());
    body(note) == body(&publication.note)
}

/// What a note says of its size, true or not; `None` before anything when it does not look like a checkpoint.
fn size_of(note: Option<&str>) -> Option<u64> {
    note.and_then(|note| parse_decimal(note.lines().nth(1)?))
}
