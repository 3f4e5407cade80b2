//! Puncturable keys in a folder.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{ErasureStore, ErasureStoreError, Revision, SegmentId, StoredSegment};

/// How often the lock is tried for, and how long between two tries: 10 seconds in all. Whoever holds it has two files to write.
const LOCK_TRIES: u32 = 2_000;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// How long the turn to try for the lock is waited for.
const TURN_WAIT: Duration = Duration::from_secs(30);

/// What the content that is to be, and the one that was, are called beside the file.
const NEXT: &str = "next";
const OLD: &str = "old";

/// Puncturable keys in a folder of the file system, one file (mode 0600) for each segment.
///
/// A file is replaced in one step, after its new content is on the disk; then the old content is overwritten with zeros. What the
/// file system or the medium copies behind its back (journals of data, snapshots, worn cells of flash memory) is beyond reach:
/// keep the folder on an encrypted volume of its own without snapshots, and out of the backup of the database. Any number of
/// processes may share the folder, also on a network file system with locks (NFS 4).
#[derive(Debug, Clone)]
pub struct FileErasureStore(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// In front of the lock between processes, which is tried for at intervals. Waited for before a thread is taken, so that however
    /// many wait for the lock, one thread does.
    turn: Arc<Mutex<()>>,
}

impl FileErasureStore {
    /// The store in this folder, which is made (mode 0700) if it is not there. Finishes what a process that died there has left: blocks
    /// for some milliseconds, so open it at start-up.
    ///
    /// # Errors
    /// When the folder cannot be made or written to.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        let folder = Folder {
            path,
            turn: Arc::default(),
        };
        folder.tidy_all()?;
        Ok(Self(Arc::new(folder)))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, ErasureStoreError> + Send + 'static,
    ) -> Result<T, ErasureStoreError> {
        let folder = Arc::clone(&self.0);
        let turn = Arc::clone(&folder.turn).lock_owned();
        let turn = tokio::time::timeout(TURN_WAIT, turn)
            .await
            .map_err(|elapsed| ErasureStoreError::Unavailable(elapsed.into()))?;
        let working = tokio::task::spawn_blocking(move || {
            // Kept until the work is done, also when nobody waits for its result any more.
            let _turn = turn;
            work(&folder)
        });
        working
            .await
            .map_err(|error| ErasureStoreError::Unavailable(error.into()))?
    }
}

#[async_trait]
impl ErasureStore for FileErasureStore {
    async fn load(&self, id: SegmentId) -> Result<Option<StoredSegment>, ErasureStoreError> {
        self.blocking(move |folder| folder.load(id)).await
    }

    async fn store(
        &self,
        id: SegmentId,
        over: Revision,
        bytes: &[u8],
    ) -> Result<Revision, ErasureStoreError> {
        let bytes = Zeroizing::new(bytes.to_vec());
        self.blocking(move |folder| folder.store(id, over, &bytes)).await
    }
}

impl Folder {
    fn load(&self, id: SegmentId) -> Result<Option<StoredSegment>, ErasureStoreError> {
        // Without the lock a reader could see the zeros with which somebody overwrites the file it has just opened.
        self.locked(|| read(&self.file(id)))
    }

    fn store(&self, id: SegmentId, over: Revision, bytes: &[u8]) -> Result<Revision, ErasureStoreError> {
        self.locked(|| {
            let file = self.file(id);
            self.tidy(&file)?;
            let current = read(&file)?.map_or(Revision::ABSENT, |stored| stored.revision);
            if current != over {
                return Ok(None);
            }
            let revision = Revision(over.0 + 1);
            self.replace(&file, revision, bytes)?;
            Ok(Some(revision))
        })?
        .ok_or(ErasureStoreError::Conflict)
    }

    /// New content beside the old, both on the disk; one step from the old to the new; the old overwritten. Wherever this is cut
    /// off, the next one who stores the segment tidies up.
    fn replace(&self, current: &Path, revision: Revision, bytes: &[u8]) -> io::Result<()> {
        let (next, old) = (beside(current, NEXT), beside(current, OLD));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&next)?;
        file.write_all(&revision.0.to_be_bytes())?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if current.exists() {
            fs::hard_link(current, &old)?;
        }
        fs::rename(&next, current)?;
        self.sync()?;
        // From here on the segment is stored, but nothing was erased as long as the old content lies there: who punctured a key must
        // not be told that it is done. Whoever stores the segment next, or opens the folder, tries again.
        self.tidy(current)
    }

    /// Tidies up wherever something was left.
    fn tidy_all(&self) -> io::Result<()> {
        let _lock = self.lock()?;
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let is_left = path.extension().is_some_and(|left| left == NEXT || left == OLD);
            if is_left {
                self.tidy(&path.with_extension(""))?;
            }
        }
        Ok(())
    }

    /// Removes what an earlier, interrupted run has left of a file.
    fn tidy(&self, current: &Path) -> io::Result<()> {
        let (next, old) = (beside(current, NEXT), beside(current, OLD));
        if let Some(file) = metadata(&next)? {
            overwrite(&next, file.len())?;
        }
        if let Some(file) = metadata(&old)? {
            let still_current = metadata(current)?
                .is_some_and(|current| (current.dev(), current.ino()) == (file.dev(), file.ino()));
            match still_current {
                true => fs::remove_file(&old)?,
                false => overwrite(&old, file.len())?,
            }
            self.sync()?;
        }
        Ok(())
    }

    /// Runs `work` while no other process works in the folder. Needs the turn.
    fn locked<T>(&self, work: impl FnOnce() -> io::Result<T>) -> Result<T, ErasureStoreError> {
        let locked = || {
            // Given back when the file is closed, also by a process that dies.
            let _lock = self.lock()?;
            work()
        };
        locked().map_err(|error: io::Error| ErasureStoreError::Unavailable(error.into()))
    }

    fn lock(&self) -> io::Result<File> {
        let file = self.lock_file()?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    fn lock_file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        options.open(self.path.join("lock"))
    }

    fn file(&self, id: SegmentId) -> PathBuf {
        self.path.join(format!("{}.{}.erasure", id.tenant, id.number))
    }

    /// Makes what was created, renamed and removed in the folder durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

fn beside(current: &Path, extension: &str) -> PathBuf {
    current.with_extension(format!("erasure.{extension}"))
}

fn read(path: &Path) -> io::Result<Option<StoredSegment>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut revision = [0; 8];
    file.read_exact(&mut revision)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    file.read_to_end(&mut bytes)?;
    Ok(Some(StoredSegment {
        revision: Revision(u64::from_be_bytes(revision)),
        bytes,
    }))
}

fn metadata(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Fills a file with zeros where it lies, waits for the disk and removes it.
fn overwrite(path: &Path, size: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    io::copy(&mut io::repeat(0).take(size), &mut file)?;
    file.sync_all()?;
    fs::remove_file(path)
}
