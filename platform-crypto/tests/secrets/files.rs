//! Secrets in files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use platform_crypto::{FileSecrets, SecretError, SecretSource as _, Unusable};
use tempfile::TempDir;

use crate::support::{current, name, previous};

fn put(folder: &Path, file: &str, bytes: &[u8]) {
    let path = folder.join(file);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn one_line_end_at_the_end_of_a_file_is_no_part_of_the_secret() {
    let folder = folder();
    for (file, bytes) in [
        ("bare", "word"),
        ("unix", "word\n"),
        ("dos", "word\r\n"),
        ("two", "word\n\n"),
        ("inner", "wo\nrd\n"),
        ("spaces", " word \n"),
    ] {
        put(folder.path(), file, bytes.as_bytes());
    }
    let source = FileSecrets::new(folder.path());

    for (file, text) in [
        ("bare", "word"),
        ("unix", "word"),
        ("dos", "word"),
        ("two", "word\n"),
        ("inner", "wo\nrd"),
        ("spaces", " word "),
    ] {
        let found = source.fetch(&name(file)).await.unwrap().unwrap();
        assert_eq!(current(&found), text, "{file}");
    }
}

#[tokio::test]
async fn the_version_before_stands_in_a_file_beside_it() {
    let folder = folder();
    put(folder.path(), "password", b"two\n");
    put(folder.path(), "password.previous", b"one\n");

    let found = FileSecrets::new(folder.path())
        .fetch(&name("password"))
        .await
        .unwrap()
        .unwrap();

    assert_eq!((current(&found), previous(&found)), ("two", Some("one")));
}

#[tokio::test]
async fn what_is_not_there_is_nothing() {
    let folder = folder();

    let in_a_folder = FileSecrets::new(folder.path()).fetch(&name("password")).await;
    let without_one = FileSecrets::new(folder.path().join("none"))
        .fetch(&name("password"))
        .await;

    assert!(in_a_folder.unwrap().is_none());
    assert!(without_one.unwrap().is_none());
}

#[tokio::test]
async fn a_file_that_is_no_secret_is_refused() {
    let folder = folder();
    let outside = tempfile::tempdir().unwrap();
    put(outside.path(), "other", b"word");
    put(folder.path(), "empty", b"\n");
    put(folder.path(), "binary", &[0xff, 0xfe]);
    put(folder.path(), "nul", b"a\0b");
    put(folder.path(), "long", &vec![b'x'; 64 * 1024 + 1]);
    put(folder.path(), "longest", &vec![b'x'; 64 * 1024]);
    fs::create_dir(folder.path().join("folder")).unwrap();
    symlink(outside.path().join("other"), folder.path().join("link")).unwrap();
    symlink("/dev/zero", folder.path().join("device")).unwrap();
    let source = FileSecrets::new(folder.path());

    for (file, wrong) in [
        ("empty", Unusable::Empty),
        ("binary", Unusable::NotText),
        ("nul", Unusable::NotText),
        ("long", Unusable::TooLong),
        ("folder", Unusable::NotAFile),
        ("link", Unusable::NotAFile),
        ("device", Unusable::NotAFile),
    ] {
        let error = source.fetch(&name(file)).await.unwrap_err();
        assert!(
            matches!(error, SecretError::Unusable { reason, .. } if reason == wrong),
            "{file}: {error:?}"
        );
    }
    assert!(source.fetch(&name("longest")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_pipe_is_refused_and_not_waited_for() {
    let folder = folder();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());

    let error = FileSecrets::new(folder.path())
        .fetch(&name("pipe"))
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

#[tokio::test]
async fn a_file_that_others_may_read_or_change_is_refused() {
    let folder = folder();
    put(folder.path(), "password", b"word");
    let path = folder.path().join("password");
    let source = FileSecrets::new(folder.path());

    for mode in [0o444, 0o404, 0o602, 0o620] {
        chmod(&path, mode);
        let error = source.fetch(&name("password")).await.unwrap_err();
        assert!(
            matches!(error, SecretError::Exposed { mode: seen, .. } if seen == mode),
            "{error:?}"
        );
        assert!(error.to_string().contains(&format!("{mode:04o}")), "{error}");
    }
    for mode in [0o400, 0o440, 0o600, 0o640] {
        chmod(&path, mode);
        assert!(
            source.fetch(&name("password")).await.unwrap().is_some(),
            "{mode:o}"
        );
    }
    chmod(&path, 0o444);
    let lenient = source.clone().readable_by_others();
    assert!(lenient.fetch(&name("password")).await.unwrap().is_some());
    chmod(&path, 0o446);
    assert!(lenient.fetch(&name("password")).await.is_err());
}

#[tokio::test]
async fn a_folder_that_everybody_may_change_is_refused() {
    let folder = folder();
    put(folder.path(), "password", b"word");
    chmod(folder.path(), 0o777);

    let error = FileSecrets::new(folder.path())
        .fetch(&name("password"))
        .await
        .unwrap_err();

    assert!(
        matches!(error, SecretError::Exposed { mode: 0o777, .. }),
        "{error:?}"
    );
}
