use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::{Arc, Barrier};

use platform_core::error_chain;
use platform_crypto::{
    KeyProvider as _, LocalRoot, RootKeyError, create_key_file, new_key_text, prepend_key,
};

use crate::support::{key_of_a_tenant, opens, sources};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_missing_key_file_is_made_once_and_read_from_then_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let (context, key) = key_of_a_tenant();

    let first = LocalRoot::from_key_file_or_new(&path, &sources()).unwrap();
    let wrapped = first.wrap(&context, &key).await.unwrap();
    let again = LocalRoot::from_key_file_or_new(&path, &sources()).unwrap();

    assert!(opens(&again, &context, &wrapped, &key).await);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_missing_key_file_is_an_error_where_none_is_to_be_made() {
    let directory = tempfile::tempdir().unwrap();

    let read = LocalRoot::from_key_file(directory.path().join("root.key"), &sources());

    assert!(matches!(read, Err(RootKeyError::File { .. })));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_key_file_is_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    fs::write(&path, "# nothing yet\n").unwrap();

    let made = create_key_file(&path, &sources());

    assert!(matches!(made, Err(RootKeyError::Exists { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "# nothing yet\n");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn processes_that_start_together_get_one_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let start = Arc::new(Barrier::new(16));

    let starts: Vec<_> = (0..16)
        .map(|_| {
            let (path, start) = (path.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                LocalRoot::from_key_file_or_new(&path, &sources())
                    .unwrap()
                    .current()
            })
        })
        .collect();

    let mut roots: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    roots.dedup();
    assert_eq!(roots.len(), 1);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_key_file_that_others_may_read_or_write_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    create_key_file(&path, &sources()).unwrap();

    for exposed in [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(exposed)).unwrap();
        let error = LocalRoot::from_key_file(&path, &sources()).unwrap_err();
        assert!(matches!(error, RootKeyError::Exposed { mode, .. } if mode == exposed));
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    for private in [0o600, 0o400] {
        fs::set_permissions(&path, fs::Permissions::from_mode(private)).unwrap();
        assert!(LocalRoot::from_key_file(&path, &sources()).is_ok());
    }
}

#[tokio::test]
async fn a_new_key_goes_in_front_of_the_others_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let before = LocalRoot::from_key_file_or_new(&path, &sources()).unwrap();
    let (context, key) = key_of_a_tenant();
    let wrapped = before.wrap(&context, &key).await.unwrap();

    let new = prepend_key(&path, &sources()).unwrap();
    let after = LocalRoot::from_key_file(&path, &sources()).unwrap();

    assert_eq!(after.current(), new);
    assert_ne!(new, before.current());
    assert!(opens(&after, &context, &wrapped, &key).await);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(
        fs::read_to_string(&path).unwrap().matches("# Root keys").count(),
        1
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_key_file_behind_a_link_stays_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (
        directory.path().join("root.key"),
        directory.path().join("current"),
    );
    create_key_file(&path, &sources()).unwrap();
    symlink(&path, &link).unwrap();

    let new = prepend_key(&link, &sources()).unwrap();

    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(
        LocalRoot::from_key_file(&path, &sources()).unwrap().current(),
        new
    );
}

#[test]
fn a_file_of_something_else_is_refused_without_showing_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let key = new_key_text(&sources());
    let contents: [Vec<u8>; 4] = [
        vec![0xff; 64],
        key.as_bytes()[..70].to_vec(),
        b"-----BEGIN PRIVATE KEY-----\n".to_vec(),
        vec![b'#'; 20_000],
    ];

    for content in contents {
        fs::write(&path, &content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = LocalRoot::from_key_file(&path, &sources()).unwrap_err();
        let shown = format!("{error:?} {}", error_chain(&error));
        assert!(
            !shown.contains(&key[8..24]) && !shown.contains("PRIVATE"),
            "{shown}"
        );
        assert!(prepend_key(&path, &sources()).is_err());
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    assert!(LocalRoot::from_key_file(directory.path(), &sources()).is_err());
}
