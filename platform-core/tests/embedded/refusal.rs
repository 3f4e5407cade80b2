//! Data folders that must not be touched.

use platform_core::embedded::{Cluster, StartError};

use crate::support::{Place, config, start, stop};

#[tokio::test]
async fn a_second_start_is_refused_while_the_first_serves() {
    let place = Place::new();
    let first = start(&place.data_dir()).await;

    let error = Cluster::start(config(&place.data_dir()).await).await.unwrap_err();

    let StartError::InUse { pid, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(
        error
            .to_string()
            .ends_with(&format!("in use by process {}", std::process::id()))
    );
    stop(first).await;
}

#[tokio::test]
async fn another_versions_folder_is_refused_with_the_ways_out() {
    let place = Place::new();
    stop(start(&place.data_dir()).await).await;
    std::fs::write(place.data_dir().join("pg/PG_VERSION"), "9\n").unwrap();

    let error = Cluster::start(config(&place.data_dir()).await).await.unwrap_err();

    assert!(
        matches!(error, StartError::WrongVersion { found: 9, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("install PostgreSQL 9"), "{error}");
    assert!(error.to_string().contains("dump the databases with 9"), "{error}");
}

#[tokio::test]
async fn a_folder_that_is_no_cluster_is_left_alone() {
    let place = Place::new();
    let foreign = place.data_dir().join("pg/letters.txt");
    stop(start(&place.data_dir()).await).await;
    std::fs::write(&foreign, "dear").unwrap();
    std::fs::remove_file(place.data_dir().join("pg/PG_VERSION")).unwrap();

    let error = Cluster::start(config(&place.data_dir()).await).await.unwrap_err();

    assert!(matches!(error, StartError::NotACluster { .. }), "{error}");
    assert!(foreign.exists());
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let place = Place::new();
    let wrong = config(&place.data_dir())
        .await
        .setting("shared_preload_libraries", "no_such_library");

    let error = Cluster::start(wrong).await.unwrap_err();

    let StartError::Exited { tail, .. } = error else {
        panic!("{error}");
    };
    assert!(tail.contains("no_such_library"), "{tail}");
}
