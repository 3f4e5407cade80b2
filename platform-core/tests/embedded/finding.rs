//! Where PostgreSQL is found.

use std::os::unix::fs::symlink;
use std::path::Path;

use platform_core::embedded::{Binaries, FindError, SearchPath};

use crate::support::{Place, binaries, set_mode};

/// A stand-in for a PostgreSQL of some version.
fn fake(folder: &Path, version: &str) {
    std::fs::create_dir_all(folder).unwrap();
    for program in ["initdb", "postgres"] {
        let script = format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n");
        std::fs::write(folder.join(program), script).unwrap();
        set_mode(&folder.join(program), 0o755);
    }
}

fn through_path(folders: &[&Path]) -> SearchPath {
    let path = std::env::join_paths(folders).unwrap();
    SearchPath::new(None, Some(path)).without_system_folders()
}

#[tokio::test]
async fn a_machine_without_postgresql_is_told_every_way_out() {
    let search = SearchPath::new(None, None).without_system_folders();

    let error = Binaries::find(&search).await.unwrap_err();

    let message = error.to_string();
    assert!(matches!(error, FindError::NotFound(_)));
    for way_out in [
        "no PostgreSQL 15 or newer",
        "install it",
        "PG_BIN_DIR=",
        "DATABASE_URL=",
    ] {
        assert!(message.contains(way_out), "{message}");
    }
}

#[tokio::test]
async fn an_old_postgresql_is_passed_over_and_named() {
    let place = Place::new();
    let old = place.folder().join("old");
    fake(&old, "14.9");

    let error = Binaries::find(&through_path(&[&old])).await.unwrap_err();

    let message = error.to_string();
    assert!(
        message.contains("holds PostgreSQL 14.9, older than 15"),
        "{message}"
    );
}

#[tokio::test]
async fn path_is_followed_through_symlinks_to_where_the_programs_stand_side_by_side() {
    let place = Place::new();
    let (home, bin) = (place.folder().join("home"), place.folder().join("bin"));
    fake(&home, "17.2");
    std::fs::create_dir(&bin).unwrap();
    symlink(home.join("postgres"), bin.join("psql")).unwrap();

    let found = Binaries::find(&through_path(&[place.folder(), &bin]))
        .await
        .unwrap();

    assert_eq!(found.folder(), home.canonicalize().unwrap());
    assert_eq!(
        (found.version().major(), found.version().to_string().as_str()),
        (17, "17.2")
    );
}

#[tokio::test]
async fn a_folder_that_is_named_is_the_only_one_that_is_tried() {
    let place = Place::new();
    let search = SearchPath::new(Some(place.folder().into()), std::env::var_os("PATH"));

    let error = Binaries::find(&search).await.unwrap_err();

    assert!(matches!(error, FindError::Named { .. }), "{error}");
    assert!(
        error.to_string().contains("does not hold initdb and postgres"),
        "{error}"
    );
}

#[tokio::test]
async fn a_folder_that_is_named_works() {
    let found = binaries().await;

    let search = SearchPath::new(Some(found.folder().into()), None);

    assert_eq!(Binaries::find(&search).await.unwrap().folder(), found.folder());
}

#[tokio::test]
async fn an_existing_data_folder_gets_the_version_it_was_made_with() {
    let place = Place::new();
    let (new, old) = (place.folder().join("new"), place.folder().join("old"));
    fake(&new, "18.1");
    fake(&old, "16.4");
    let search = through_path(&[&new, &old]);
    let data_dir = place.data_dir();
    std::fs::create_dir_all(data_dir.join("pg")).unwrap();

    let without_a_cluster = Binaries::find_for(&search, &data_dir).await.unwrap();
    std::fs::write(data_dir.join("pg/PG_VERSION"), "16\n").unwrap();
    let with_a_cluster = Binaries::find_for(&search, &data_dir).await.unwrap();

    assert_eq!(without_a_cluster.version().major(), 18);
    assert_eq!(with_a_cluster.version().major(), 16);
}
