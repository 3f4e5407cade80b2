//! A cluster comes up and goes down.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use platform_core::embedded::{CameUp, Cluster, Durability, SUPERUSER, StartError, StopMode};
use platform_core::sqlx::{self, Connection as _};
use platform_core::testing::not_here;

use crate::support::{Place, ask, config, is_root, run, set_mode, start, stop};

#[tokio::test]
async fn the_first_start_makes_a_cluster_and_the_second_keeps_its_data() {
    let place = Place::new();

    let first = start(&place.data_dir()).await;
    assert_eq!(first.report().came_up, CameUp::Initialised);
    run(first.endpoint(), "create table kept as select 'a row' as what").await;
    stop(first).await;
    let second = start(&place.data_dir()).await;

    assert_eq!(second.report().came_up, CameUp::Started);
    assert_eq!(ask(second.endpoint(), "select what from kept").await, "a row");
    stop(second).await;
}

#[tokio::test]
async fn a_cluster_is_private_durable_and_speaks_utf8() {
    let place = Place::new();
    let durable = config(&place.data_dir()).await.durability(Durability::Full);
    let cluster = Cluster::start(durable).await.unwrap();

    for (query, answer) in [
        ("select current_setting('listen_addresses')", ""),
        ("select current_setting('fsync')", "on"),
        ("select current_setting('synchronous_commit')", "on"),
        ("select current_setting('full_page_writes')", "on"),
        ("select current_setting('server_encoding')", "UTF8"),
        (
            "select datcollate from pg_database where datname = 'postgres'",
            "C",
        ),
        ("select current_setting('autovacuum_naptime')", "5s"),
        ("select current_setting('timezone')", "UTC"),
        ("select current_user::text", "platform_superuser"),
    ] {
        assert_eq!(ask(cluster.endpoint(), query).await, answer, "{query}");
    }
    let socket_folder = std::fs::metadata(cluster.endpoint().socket_folder()).unwrap();
    assert_eq!(socket_folder.permissions().mode() & 0o777, 0o700);
    stop(cluster).await;
}

#[tokio::test]
async fn what_a_statement_carries_stays_out_of_the_servers_log() {
    let place = Place::new();
    let cluster = start(&place.data_dir()).await;

    run(
        cluster.endpoint(),
        "create table account (email text primary key)",
    )
    .await;
    run(
        cluster.endpoint(),
        "insert into account values ('ann@example.test')",
    )
    .await;
    let url = cluster.url(SUPERUSER, "postgres");
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let twice = sqlx::query("insert into account values ('ann@example.test')");
    assert!(twice.execute(&mut connection).await.is_err());
    drop(connection);
    stop(cluster).await;

    let log = std::fs::read_to_string(place.data_dir().join("pg.log")).unwrap();
    assert!(log.contains("account_pkey"), "{log}");
    assert!(!log.contains("ann@example.test"), "{log}");
}

#[tokio::test]
async fn as_root_the_server_runs_under_an_ordinary_account() {
    let place = Place::new();

    let cluster = start(&place.data_dir()).await;

    let pid = cluster.report().pid;
    let ours = rustix::process::geteuid().as_raw();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    let owner = std::fs::metadata(place.data_dir().join("pg")).unwrap().uid();
    assert_eq!(owner == ours, !is_root());
    if let Ok(status) = status {
        let line = |key| status.lines().find(|line| line.starts_with(key)).unwrap();
        assert_eq!(
            line("Uid:").split_whitespace().nth(1),
            Some(owner.to_string().as_str())
        );
        if is_root() {
            assert_eq!(line("Groups:").trim(), "Groups:");
        }
    }
    // Other files of the program lie beside the cluster and stay its own.
    assert_eq!(std::fs::metadata(place.data_dir()).unwrap().uid(), ours);
    stop(cluster).await;
}

#[tokio::test]
async fn as_root_a_folder_that_the_server_may_not_enter_is_named() {
    if !is_root() {
        let name = "as_root_a_folder_that_the_server_may_not_enter_is_named";
        return not_here(name, "only root can try it");
    }
    let place = Place::new();
    let closed = place.folder().join("closed");
    std::fs::create_dir(&closed).unwrap();
    set_mode(&closed, 0o700);

    let error = Cluster::start(config(&closed.join("data")).await)
        .await
        .unwrap_err();

    let StartError::NotTraversable { folder, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(folder, closed.canonicalize().unwrap());
}

#[tokio::test]
async fn a_path_that_is_too_long_for_a_socket_gets_a_short_private_folder() {
    let place = Place::new();
    let long = place.folder().join("long".repeat(30)).join("data");
    let runtime_dir = place.folder().join("r");
    std::fs::create_dir(&runtime_dir).unwrap();

    let settings = config(&long).await.runtime_dir(&runtime_dir);
    let cluster = Cluster::start(settings).await.unwrap();

    let folder = cluster.endpoint().socket_folder().to_owned();
    assert!(folder.starts_with(&runtime_dir), "{}", folder.display());
    assert_eq!(
        std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert_eq!(ask(cluster.endpoint(), "select 'reached'").await, "reached");
    let attached = Cluster::attach(&long).await.unwrap();
    assert_eq!(attached.as_ref(), Some(cluster.endpoint()));
    stop(cluster).await;
}

#[tokio::test]
async fn a_stranger_in_the_sockets_place_is_refused() {
    if !is_root() {
        let name = "a_stranger_in_the_sockets_place_is_refused";
        return not_here(name, "only root can try it");
    }
    let place = Place::new();
    let run = place.data_dir().join("run");
    std::fs::create_dir_all(&run).unwrap();
    std::os::unix::fs::chown(&run, Some(1), Some(1)).unwrap();

    let error = Cluster::start(config(&place.data_dir()).await).await.unwrap_err();

    assert!(
        matches!(error, StartError::WrongOwner { owner: 1, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_interrupted_first_start_leaves_nothing_in_the_way() {
    let place = Place::new();
    let leftover = place.data_dir().join("pg.init-0");
    std::fs::create_dir_all(leftover.join("base")).unwrap();
    std::fs::write(leftover.join("PG_VERSION"), "15\n").unwrap();

    let cluster = start(&place.data_dir()).await;

    assert_eq!(cluster.report().came_up, CameUp::Initialised);
    assert!(!leftover.exists());
    stop(cluster).await;
}

#[tokio::test]
async fn an_immediate_stop_loses_nothing_that_was_committed() {
    let place = Place::new();
    stop(start(&place.data_dir()).await).await;
    let durable = config(&place.data_dir()).await.durability(Durability::Full);
    let cluster = Cluster::start(durable).await.unwrap();
    run(cluster.endpoint(), "create table kept as select 'a row' as what").await;

    assert_eq!(
        cluster.stop(StopMode::Immediate).await.unwrap(),
        StopMode::Immediate
    );
    let cluster = start(&place.data_dir()).await;

    assert_eq!(ask(cluster.endpoint(), "select what from kept").await, "a row");
    stop(cluster).await;
}
