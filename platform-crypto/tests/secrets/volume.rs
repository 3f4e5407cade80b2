//! A volume of secrets as Kubernetes mounts and changes it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::mpsc;

use platform_crypto::{FileSecrets, SecretError, SecretSource as _, Unusable};

use crate::support::{current, name, previous};

/// Puts a new state of the volume in place as the kubelet does: a folder of its own, and one link that is turned to it.
fn mount(volume: &Path, state: &str, files: &[(&str, &str)]) {
    let folder = volume.join(format!("..{state}"));
    fs::create_dir(&folder).unwrap();
    for (file, text) in files {
        let path = folder.join(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        let link = volume.join(file);
        if !link.is_symlink() {
            symlink(format!("..data/{file}"), link).unwrap();
        }
    }
    let before = fs::canonicalize(volume.join("..data"));
    symlink(format!("..{state}"), volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    if let Ok(before) = before {
        fs::remove_dir_all(before).unwrap();
    }
}

#[tokio::test]
async fn a_change_of_the_volume_is_seen_with_its_version() {
    let volume = tempfile::tempdir().unwrap();
    let source = FileSecrets::new(volume.path());

    mount(volume.path(), "2026_11_20_14_35_00.1", &[("password", "one\n")]);
    let before = source.fetch(&name("password")).await.unwrap().unwrap();
    mount(volume.path(), "2026_11_20_14_36_00.2", &[("password", "two\n")]);
    let after = source.fetch(&name("password")).await.unwrap().unwrap();

    assert_eq!((current(&before), current(&after)), ("one", "two"));
    assert_eq!(after.current.version(), Some("..2026_11_20_14_36_00.2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_while_the_volume_changes_is_of_one_state() {
    let volume = tempfile::tempdir().unwrap();
    let path = volume.path().to_owned();
    let state = |number: usize| {
        [
            ("key", format!("current {number}")),
            ("key.previous", format!("previous {number}")),
        ]
    };
    let put = move |number: usize| {
        let [(key, current), (before, previous)] = state(number);
        mount(
            &path,
            &format!("state_{number}"),
            &[(key, &current), (before, &previous)],
        );
    };
    put(0);
    // One change at a time, begun when a read begins and so at any moment of it.
    let (turn, turns) = mpsc::sync_channel::<()>(0);
    let kubelet = std::thread::spawn(move || {
        for number in 1.. {
            if turns.recv().is_err() {
                return;
            }
            put(number);
        }
    });
    let source = FileSecrets::new(volume.path());

    for _ in 0..2000 {
        turn.send(()).unwrap();
        let found = source.fetch(&name("key")).await.unwrap().unwrap();
        let number = current(&found).strip_prefix("current ").unwrap();
        assert_eq!(previous(&found).unwrap(), format!("previous {number}"));
    }

    drop(turn);
    kubelet.join().unwrap();
}

#[tokio::test]
async fn a_volume_whose_link_leads_out_of_it_is_refused() {
    let volume = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("password"), "word").unwrap();
    symlink(outside.path(), volume.path().join("..data")).unwrap();

    let error = FileSecrets::new(volume.path())
        .fetch(&name("password"))
        .await
        .unwrap_err();

    assert!(
        matches!(
            error,
            SecretError::Unusable {
                reason: Unusable::NotAFile,
                ..
            }
        ),
        "{error:?}"
    );
}
