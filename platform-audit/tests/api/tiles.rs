use platform_audit::{AUDIT_PLATFORM, AUDIT_READ, CompactRange, Event, LeafHash, Outcome, Visibility};

use crate::app::App;
use crate::support::{MOMENT, PLACED};

/// Reads the log as a tool for such logs does: from the paths of C2SP `tlog-tiles` alone.
#[tokio::test]
async fn a_client_of_tiles_rebuilds_the_tree_from_hashes_and_from_entries() {
    let app = App::new().await;
    app.place.record_orders(600).await;
    app.place.integrate().await;
    let checkpoint = app.get("/log/checkpoint").await.ok().text();
    let lines: Vec<&str> = checkpoint.lines().collect();
    let (size, root) = (lines[1].parse::<u64>().unwrap(), lines[2]);
    assert_eq!(size, 600);

    let (mut hashed, mut read) = (CompactRange::new(), CompactRange::new());
    for name in ["000", "001", "002.p/88"] {
        let tile = app.get(&format!("/log/tile/0/{name}")).await.ok();
        assert_eq!(tile.header("content-type"), "application/octet-stream");
        let (leaves, []) = tile.body.as_chunks::<32>() else {
            panic!("half a hash")
        };
        hashed
            .extend(leaves.iter().map(|leaf| LeafHash::from_bytes(*leaf)))
            .unwrap();

        let entries = app.get(&format!("/log/tile/entries/{name}")).await.ok();
        let mut bundle = entries.body.as_ref();
        while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
            let (entry, rest) = rest.split_at(u16::from_be_bytes(*length).into());
            read.append(LeafHash::of(entry)).unwrap();
            bundle = rest;
        }
    }
    let above = app.get("/log/tile/1/000.p/2").await.ok();

    assert_eq!(
        (hashed.head(), hashed.root().to_base64().as_str()),
        (read.head(), root)
    );
    assert_eq!(above.body.len(), 64);
    let first_tile = app.place.root_at(256).await;
    assert_eq!(above.body[..32], *first_tile.as_bytes());
}

#[tokio::test]
async fn what_is_no_tile_of_the_signed_tree_is_not_there() {
    let app = App::new().await;
    app.place.record_orders(3).await;
    app.place.integrate().await;
    app.place.record_orders(2).await;
    app.place.sequence().await;
    app.get("/log/tile/0/000.p/3").await.ok();

    for path in [
        "0/000",
        "0/000.p/4",
        "0/000.p/5",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/03",
        "0/001.p/1",
        "1/000.p/1",
        "8/000.p/1",
        "00/000.p/3",
        "0/0.p/3",
        "0/x000/000.p/3",
        "0/000.p",
        "0",
        "0/",
        "-1/000.p/3",
        "entries",
        "entries/",
        "entries/000",
        "entries/000.p/4",
        "entries/x",
        "entries/0/000.p/3",
        "0/000.p/3/",
        "..%2F0/000.p/3",
    ] {
        let answer = app.get(&format!("/log/tile/{path}")).await;
        assert_eq!(answer.verdict(), (404, "not_found".to_owned()), "{path}");
    }
    let answer = app.get("/log/tile/0/000.p/3?x=y").await;
    assert_eq!(answer.verdict(), (400, "invalid_query".to_owned()));
}

#[tokio::test]
async fn entries_that_are_hidden_or_deleted_are_refused_while_their_hashes_are_not() {
    let app = App::new().await;
    app.place.record_orders(1).await;
    let hidden = Event::new(PLACED, Outcome::Success)
        .visibility(Visibility::Platform)
        .retention(MOMENT);
    app.place.record(hidden).await;
    app.place.integrate().await;
    let platform = [AUDIT_READ, AUDIT_PLATFORM];

    app.get("/log/tile/0/000.p/2").await.ok();
    app.get("/log/tile/entries/000.p/1").await.ok();
    let answer = app.get("/log/tile/entries/000.p/2").await;
    assert_eq!(answer.verdict(), (403, "entries_withheld".to_owned()));
    app.get_as(&platform, "/log/tile/entries/000.p/2").await.ok();

    app.place.forget(1).await;
    let answer = app.get_as(&platform, "/log/tile/entries/000.p/2").await;
    assert_eq!(answer.verdict(), (410, "entries_pruned".to_owned()));
    app.get("/log/tile/0/000.p/2").await.ok();
}
