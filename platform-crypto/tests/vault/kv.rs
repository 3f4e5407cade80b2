use platform_crypto::{Expected, KvSecret, KvVersion, VaultError};

use crate::support::{Server, fields};

fn text(secret: &KvSecret, name: &str) -> String {
    secret.field(name).unwrap().expose().clone()
}

#[tokio::test]
async fn a_secret_is_written_and_read_by_version() {
    let server = Server::any().await;
    let kv = server.kv(&server.vault());

    let first = kv
        .write(
            "service/database",
            &fields(&[("user", "app"), ("password", "one")]),
            Expected::Absent,
        )
        .await
        .unwrap();
    let second = kv
        .write(
            "service/database",
            &fields(&[("user", "app"), ("password", "two")]),
            Expected::Version(1),
        )
        .await
        .unwrap();
    let latest = kv.read("service/database").await.unwrap().unwrap();
    let before = kv.read_version("service/database", 1).await.unwrap().unwrap();

    assert_eq!((first, second), (1, 2));
    assert_eq!(
        (latest.version(), text(&latest, "password")),
        (2, "two".to_owned())
    );
    assert_eq!(
        (before.version(), text(&before, "password")),
        (1, "one".to_owned())
    );
    assert_eq!(latest.names().collect::<Vec<_>>(), ["password", "user"]);
    assert!(latest.field("host").is_none());
    assert!(!format!("{latest:?}").contains("two"));
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_nothing() {
    let server = Server::any().await;
    let kv = server.kv(&server.vault());

    assert!(kv.read("nothing/here").await.unwrap().is_none());
    assert!(kv.read_version("nothing/here", 3).await.unwrap().is_none());
    assert!(kv.metadata("nothing/here").await.unwrap().is_none());
}

#[tokio::test]
async fn a_write_that_expects_another_version_changes_nothing() {
    let server = Server::any().await;
    let kv = server.kv(&server.vault());
    kv.write("state", &fields(&[("value", "one")]), Expected::Absent)
        .await
        .unwrap();

    for wrong in [
        Expected::Absent,
        Expected::Version(2),
        Expected::Version(u64::MAX),
    ] {
        let written = kv.write("state", &fields(&[("value", "lost")]), wrong).await;
        assert!(matches!(written, Err(VaultError::Conflict)), "{written:?}");
    }
    assert!(matches!(
        kv.write("absent", &fields(&[("value", "x")]), Expected::Version(1))
            .await,
        Err(VaultError::Conflict)
    ));

    assert_eq!(text(&kv.read("state").await.unwrap().unwrap(), "value"), "one");
    assert_eq!(
        kv.write("state", &fields(&[("value", "two")]), Expected::Anything)
            .await
            .unwrap(),
        2
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_that_saw_one_version_one_wins() {
    let server = Server::any().await;
    let kv = server.kv(&server.vault());
    kv.write("contested", &fields(&[("value", "start")]), Expected::Absent)
        .await
        .unwrap();

    let writers = (0..16).map(|writer| {
        let kv = kv.clone();
        tokio::spawn(async move {
            kv.write(
                "contested",
                &fields(&[("value", &writer.to_string())]),
                Expected::Version(1),
            )
            .await
        })
    });
    let mut won = 0;
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.unwrap() {
            Ok(version) => won += version - 1,
            Err(error) => assert!(matches!(error, VaultError::Conflict), "{error:?}"),
        }
    }

    assert_eq!(won, 1);
    assert_eq!(
        kv.metadata("contested").await.unwrap().unwrap().current_version,
        2
    );
}

#[tokio::test]
async fn a_destroyed_version_is_gone_and_the_others_stay() {
    let server = Server::any().await;
    let kv = server.kv(&server.vault());
    for version in 0..3 {
        let expected = if version == 0 {
            Expected::Absent
        } else {
            Expected::Version(version)
        };
        kv.write("epoch", &fields(&[("state", "kept")]), expected)
            .await
            .unwrap();
    }

    kv.destroy("epoch", &[1, 2]).await.unwrap();
    kv.destroy("epoch", &[1]).await.unwrap();

    let version = |version, destroyed| KvVersion {
        version,
        deleted: false,
        destroyed,
    };
    let metadata = kv.metadata("epoch").await.unwrap().unwrap();
    assert_eq!(metadata.current_version, 3);
    assert_eq!(
        metadata.versions,
        [version(1, true), version(2, true), version(3, false)]
    );
    assert!(kv.read_version("epoch", 1).await.unwrap().is_none());
    assert!(kv.read_version("epoch", 2).await.unwrap().is_none());
    assert_eq!(kv.read("epoch").await.unwrap().unwrap().version(), 3);

    kv.destroy("epoch", &[3]).await.unwrap();
    assert!(kv.read("epoch").await.unwrap().is_none());
    // The path is not free again: its versions go on counting.
    assert!(matches!(
        kv.write("epoch", &fields(&[]), Expected::Absent).await,
        Err(VaultError::Conflict)
    ));
    assert_eq!(
        kv.write("epoch", &fields(&[("state", "new")]), Expected::Version(3))
            .await
            .unwrap(),
        4
    );
}

#[tokio::test]
async fn a_secret_is_removed_with_all_its_versions() {
    let server = Server::any().await;
    let kv = server.kv(&server.vault());
    kv.write("short/lived", &fields(&[("value", "one")]), Expected::Absent)
        .await
        .unwrap();

    kv.remove("short/lived").await.unwrap();
    kv.remove("short/lived").await.unwrap();

    assert!(kv.metadata("short/lived").await.unwrap().is_none());
    assert_eq!(
        kv.write("short/lived", &fields(&[("value", "two")]), Expected::Absent)
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn any_text_comes_back_as_it_was() {
    let server = Server::any().await;
    let kv = server.kv(&server.vault());
    let texts = [
        "",
        "\"quoted\" \\ and\nbroken",
        "grün 🔑",
        "{\"a\":1}",
        &"long ".repeat(10_000),
    ];

    for (version, text) in texts.into_iter().enumerate() {
        let expected = if version == 0 {
            Expected::Absent
        } else {
            Expected::Version(u64::try_from(version).unwrap())
        };
        kv.write("texts", &fields(&[("value", text)]), expected)
            .await
            .unwrap();
        let read = kv.read("texts").await.unwrap().unwrap();
        assert_eq!(read.field("value").unwrap().expose(), text);
    }
}

#[tokio::test]
async fn a_path_that_would_leave_the_mount_is_refused() {
    let server = Server::any().await;
    let kv = server.kv(&server.vault());

    for path in ["", "../sys/mounts", "a/../../b", "a?version=1", "a#b", "/a", "a/"] {
        assert!(matches!(kv.read(path).await, Err(VaultError::Name(_))), "{path}");
        assert!(
            matches!(
                kv.write(path, &fields(&[]), Expected::Anything).await,
                Err(VaultError::Name(_))
            ),
            "{path}"
        );
        assert!(
            matches!(kv.destroy(path, &[1]).await, Err(VaultError::Name(_))),
            "{path}"
        );
    }
}
