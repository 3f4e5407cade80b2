use platform_audit::{Checkpoint, ConsistencyProof, NodeHash, TreeHead, Verifiers, verify_consistency};
use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn the_newest_checkpoint_is_answered_as_the_log_has_signed_it() {
    let app = App::new().await;
    for path in ["/checkpoint", "/log/checkpoint"] {
        assert_eq!(
            app.get(path).await.verdict(),
            (409, "no_checkpoint".to_owned()),
            "{path}"
        );
    }
    for _ in 0..2 {
        app.place.record_orders(3).await;
        app.place.integrate().await;
    }
    let trusted = Verifiers::from(app.place.key.verifier(app.place.tenant));
    let origin = app.place.key.origin(app.place.tenant);

    for path in ["/checkpoint", "/log/checkpoint"] {
        let answer = app.get(path).await.ok();
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        let opened = Checkpoint::open(&answer.text(), &origin, &trusted).unwrap();
        assert_eq!(
            *opened.head(),
            TreeHead {
                size: 6,
                root: app.place.root_at(6).await
            }
        );
        assert_eq!(
            app.get(&format!("{path}?size=3")).await.verdict(),
            (400, "invalid_query".to_owned())
        );
    }
    let key = app.get("/key").await.ok().json();
    assert_eq!(
        key,
        json!({ "origin": origin.as_str(), "vkey": app.place.key.verifier(app.place.tenant).to_string() })
    );
}

#[tokio::test]
async fn checkpoints_are_listed_newest_first() {
    let app = App::new().await;
    for _ in 0..5 {
        app.place.record_orders(1).await;
        app.place.integrate().await;
    }

    let mut sizes = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app
            .get(&format!("/checkpoints?limit=2{cursor}"))
            .await
            .ok()
            .json();
        for checkpoint in page["data"].as_array().unwrap() {
            let size = checkpoint["size"].as_u64().unwrap();
            assert_eq!(checkpoint["root"], app.place.root_at(size).await.to_base64());
            assert!(
                checkpoint["note"]
                    .as_str()
                    .unwrap()
                    .contains(checkpoint["root"].as_str().unwrap())
            );
            assert_eq!(checkpoint["published_at"], json!(null));
            sizes.push(size);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    assert_eq!(sizes, [5, 4, 3, 2, 1]);
    for (query, code) in [
        ("size=1", (400, "invalid_query")),
        ("limit=500", (422, "invalid_limit")),
    ] {
        let answer = app.get(&format!("/checkpoints?{query}")).await;
        assert_eq!(answer.verdict(), (code.0, code.1.to_owned()));
    }
}

#[tokio::test]
async fn consistency_is_proven_between_signed_sizes_alone() {
    let app = App::new().await;
    app.place.record_orders(7).await;
    app.place.integrate().await;
    let head = async |size| TreeHead {
        size,
        root: app.place.root_at(size).await,
    };

    for from in [0, 1, 4, 6, 7] {
        let answer = app
            .get(&format!("/consistency?from={from}&to=7"))
            .await
            .ok()
            .json();
        assert_eq!((&answer["from"], &answer["to"]), (&json!(from), &json!(7)));
        let hashes = answer["proof"].as_array().unwrap().iter();
        let hashes = hashes
            .map(|hash| NodeHash::from_base64(hash.as_str().unwrap()).unwrap())
            .collect();
        let proof = ConsistencyProof { hashes };
        assert_eq!(
            verify_consistency(&head(from).await, &head(7).await, &proof),
            Ok(()),
            "{from}"
        );
    }
    for (query, status, code) in [
        ("from=5&to=4", 422, "invalid_range"),
        ("from=0&to=8", 422, "not_signed"),
        ("from=0&to=18446744073709551615", 422, "not_signed"),
        ("from=0&to=18446744073709551616", 400, "invalid_query"),
        ("from=-1&to=4", 400, "invalid_query"),
        ("from=1", 400, "invalid_query"),
        ("from=1&to=2&size=3", 400, "invalid_query"),
    ] {
        let answer = app.get(&format!("/consistency?{query}")).await;
        assert_eq!(answer.verdict(), (status, code.to_owned()), "{query}");
    }
}
