use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use platform_core::{Sources, TenantId};
use platform_crypto::{ErasureStore, ErasureStoreError, FileErasureStore, Revision, SegmentId};
use tempfile::TempDir;

const SECRET_ONE: &[u8] = b"the first content, long enough to be found";
const SECRET_TWO: &[u8] = b"the second content";

struct Folder {
    dir: TempDir,
    store: FileErasureStore,
    id: SegmentId,
}

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = FileErasureStore::open(dir.path().join("erasure")).unwrap();
        let tenant = TenantId::generate(&Sources::system());
        Self {
            dir,
            store,
            id: SegmentId { tenant, number: 0 },
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("erasure")
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.path().join(format!("{}.0.erasure{suffix}", self.id.tenant))
    }

    async fn content(&self) -> Option<Vec<u8>> {
        let stored = self.store.load(self.id).await.unwrap();
        stored.map(|stored| stored.bytes.to_vec())
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn what_was_stored_is_loaded_with_its_revision() {
    let folder = Folder::new();
    assert!(folder.content().await.is_none());

    let first = folder
        .store
        .store(folder.id, Revision::ABSENT, SECRET_ONE)
        .await
        .unwrap();
    let second = folder.store.store(folder.id, first, SECRET_TWO).await.unwrap();

    let stored = folder.store.load(folder.id).await.unwrap().unwrap();
    assert_eq!(
        (first, second, stored.revision),
        (Revision(1), Revision(2), Revision(2))
    );
    assert_eq!(stored.bytes.as_slice(), SECRET_TWO);
}

#[tokio::test]
async fn storing_over_a_revision_that_is_no_longer_there_is_refused() {
    let folder = Folder::new();
    folder
        .store
        .store(folder.id, Revision::ABSENT, SECRET_ONE)
        .await
        .unwrap();

    for over in [Revision::ABSENT, Revision(2)] {
        let refused = folder.store.store(folder.id, over, SECRET_TWO).await.unwrap_err();
        assert!(matches!(refused, ErasureStoreError::Conflict));
    }
    assert_eq!(folder.content().await.unwrap(), SECRET_ONE);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let folder = Folder::new();
    let first = folder
        .store
        .store(folder.id, Revision::ABSENT, SECRET_ONE)
        .await
        .unwrap();
    folder.store.store(folder.id, first, SECRET_TWO).await.unwrap();

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;

    assert_eq!(mode(&folder.path()), 0o700);
    assert_eq!(mode(&folder.file("")), 0o600);
    assert_eq!(mode(&folder.path().join("lock")), 0o600);
}

#[tokio::test]
async fn the_old_content_is_overwritten_where_it_lay() {
    let folder = Folder::new();
    let first = folder
        .store
        .store(folder.id, Revision::ABSENT, SECRET_ONE)
        .await
        .unwrap();
    // Another name for the old content, so that it can be looked at after the store has let go of it.
    let kept = folder.dir.path().join("kept");
    fs::hard_link(folder.file(""), &kept).unwrap();

    folder.store.store(folder.id, first, SECRET_TWO).await.unwrap();

    let old = fs::read(kept).unwrap();
    assert_eq!(old, vec![0; old.len()]);
    assert!(old.len() > SECRET_ONE.len());
    assert_eq!(names(&folder.path()).len(), 2, "the file and the lock");
}

#[tokio::test]
async fn a_crash_before_the_new_content_is_whole_leaves_the_old() {
    let folder = Folder::new();
    let first = folder
        .store
        .store(folder.id, Revision::ABSENT, SECRET_ONE)
        .await
        .unwrap();
    fs::write(folder.file(".next"), b"\0\0\0").unwrap();

    assert_eq!(folder.content().await.unwrap(), SECRET_ONE);
    folder.store.store(folder.id, first, SECRET_TWO).await.unwrap();

    assert_eq!(folder.content().await.unwrap(), SECRET_TWO);
    assert_eq!(names(&folder.path()).len(), 2);
}

#[tokio::test]
async fn a_crash_before_the_step_to_the_new_content_keeps_the_old_whole() {
    let folder = Folder::new();
    let first = folder
        .store
        .store(folder.id, Revision::ABSENT, SECRET_ONE)
        .await
        .unwrap();
    // Both names for one file: it must not be taken for old content and overwritten.
    fs::hard_link(folder.file(""), folder.file(".old")).unwrap();
    fs::write(folder.file(".next"), b"whatever").unwrap();

    assert_eq!(folder.content().await.unwrap(), SECRET_ONE);
    let refused = folder.store.store(folder.id, Revision(7), SECRET_TWO).await;
    assert!(matches!(refused, Err(ErasureStoreError::Conflict)));
    assert_eq!(folder.content().await.unwrap(), SECRET_ONE);

    folder.store.store(folder.id, first, SECRET_TWO).await.unwrap();
    assert_eq!(folder.content().await.unwrap(), SECRET_TWO);
    assert_eq!(names(&folder.path()).len(), 2);
}

#[tokio::test]
async fn a_crash_before_the_old_content_was_overwritten_is_made_good_at_the_next_store() {
    let folder = Folder::new();
    let first = folder
        .store
        .store(folder.id, Revision::ABSENT, SECRET_TWO)
        .await
        .unwrap();
    fs::write(folder.file(".old"), SECRET_ONE).unwrap();
    let kept = folder.dir.path().join("kept");
    fs::hard_link(folder.file(".old"), &kept).unwrap();

    folder.store.store(folder.id, first, SECRET_TWO).await.unwrap();

    assert_eq!(fs::read(kept).unwrap(), vec![0; SECRET_ONE.len()]);
    assert_eq!(names(&folder.path()).len(), 2);
}

#[tokio::test]
async fn what_a_process_that_died_has_left_is_made_good_when_the_folder_is_opened() {
    let folder = Folder::new();
    folder
        .store
        .store(folder.id, Revision::ABSENT, SECRET_TWO)
        .await
        .unwrap();
    fs::write(folder.file(".old"), SECRET_ONE).unwrap();
    fs::write(folder.file(".next"), SECRET_ONE).unwrap();
    let kept = [folder.dir.path().join("old"), folder.dir.path().join("next")];
    fs::hard_link(folder.file(".old"), &kept[0]).unwrap();
    fs::hard_link(folder.file(".next"), &kept[1]).unwrap();

    FileErasureStore::open(folder.path()).unwrap();

    for left in kept {
        assert_eq!(fs::read(left).unwrap(), vec![0; SECRET_ONE.len()]);
    }
    assert_eq!(names(&folder.path()).len(), 2);
    assert_eq!(folder.content().await.unwrap(), SECRET_TWO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_store_over_one_revision_one_succeeds() {
    let folder = Folder::new();
    // As another process would: a store of its own on the same folder.
    let stores: Vec<_> = (0..16)
        .map(|_| FileErasureStore::open(folder.path()).unwrap())
        .collect();

    for revision in 0..4 {
        let tries = stores.iter().cloned().map(|store| {
            let id = folder.id;
            tokio::spawn(async move { store.store(id, Revision(revision), SECRET_ONE).await })
        });
        let mut stored = 0;
        for one in tries.collect::<Vec<_>>() {
            match one.await.unwrap() {
                Ok(new) => {
                    assert_eq!(new, Revision(revision + 1));
                    stored += 1;
                }
                Err(error) => assert!(matches!(error, ErasureStoreError::Conflict), "{error:?}"),
            }
        }
        assert_eq!(stored, 1);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_unavailable() {
    let folder = Folder::new();
    fs::remove_dir_all(folder.path()).unwrap();

    let refused = folder.store.store(folder.id, Revision::ABSENT, SECRET_ONE).await;

    assert!(matches!(refused, Err(ErasureStoreError::Unavailable(_))));
}

#[tokio::test]
async fn an_old_content_that_cannot_be_overwritten_is_told_and_overwritten_at_the_next_store() {
    let folder = Folder::new();
    // What nobody can write to, whoever runs the test: it is read as the content, and refuses the zeros.
    symlink("/proc/version", folder.file("")).unwrap();
    let first = folder.store.load(folder.id).await.unwrap().unwrap().revision;

    let failed = folder.store.store(folder.id, first, SECRET_ONE).await;

    assert!(
        matches!(failed, Err(ErasureStoreError::Unavailable(_))),
        "{failed:?}"
    );
    assert!(fs::symlink_metadata(folder.file(".old")).is_ok());
    let second = folder.store.load(folder.id).await.unwrap().unwrap().revision;
    let again = folder.store.store(folder.id, second, SECRET_TWO).await;
    assert!(
        matches!(again, Err(ErasureStoreError::Unavailable(_))),
        "{again:?}"
    );

    fs::remove_file(folder.file(".old")).unwrap();
    fs::write(folder.file(".old"), SECRET_ONE).unwrap();
    let kept = folder.dir.path().join("kept");
    fs::hard_link(folder.file(".old"), &kept).unwrap();
    folder.store.store(folder.id, second, SECRET_TWO).await.unwrap();

    assert_eq!(fs::read(kept).unwrap(), vec![0; SECRET_ONE.len()]);
    assert_eq!(names(&folder.path()).len(), 2);
}

#[tokio::test]
async fn however_many_wait_for_a_folder_that_another_process_has_locked_one_thread_does() {
    let folder = Folder::new();
    let held = fs::File::open(folder.path().join("lock")).unwrap();
    held.lock().unwrap();
    let waiting: Vec<_> = (0..1_000)
        .map(|_| {
            let (store, id) = (folder.store.clone(), folder.id);
            tokio::spawn(async move { store.load(id).await })
        })
        .collect();
    tokio::task::yield_now().await;

    // There are 512 threads for such work.
    tokio::task::spawn_blocking(|| ()).await.unwrap();

    assert!(waiting.iter().all(|one| !one.is_finished()));
    held.unlock().unwrap();
    for one in waiting {
        assert!(one.await.unwrap().unwrap().is_none());
    }
}
