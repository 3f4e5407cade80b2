//! Keyset pages.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use platform_core::http::{HttpConfig, Json, Page, PageQuery, Problem, Query};
use proptest::prelude::*;

use crate::support::{App, app};

async fn numbers(Query(query): Query<PageQuery>) -> Result<Json<Page<u32>>, Problem> {
    let request = query.resolve::<(u32,)>()?;
    let after = request.after.map_or(0, |(after,)| after);
    let rows = (after + 1..=450).take(usize::try_from(request.fetch()).unwrap());
    Ok(Json(Page::build(rows.collect(), request.limit, |number| {
        (*number,)
    })))
}

fn service() -> App {
    app(
        HttpConfig::default(),
        Router::new().route("/numbers", get(numbers)),
    )
}

#[tokio::test]
async fn a_page_holds_fifty_items_unless_the_client_says_otherwise() {
    let usual = service().get("/numbers").await.json();
    let large = service().get("/numbers?limit=200").await.json();

    assert_eq!(usual["data"].as_array().unwrap().len(), 50);
    assert_eq!(large["data"].as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn a_limit_that_is_not_1_to_200_is_refused() {
    for limit in ["0", "201", "-1", "1.5", "many", "", "99999999999"] {
        let answer = service().get(&format!("/numbers?limit={limit}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{limit}");
        assert_eq!(answer.code(), "invalid_limit");
        assert_eq!(answer.json()["errors"][0]["field"], "limit");
    }
}

#[tokio::test]
async fn a_cursor_that_the_list_did_not_make_is_refused() {
    let long = "A".repeat(2_000);
    // Neither base64url, nor JSON, nor of the form of this list's cursor: `["a"]`, `[1,2]`, `{}`.
    for cursor in [
        "%3F%3F",
        "x",
        "bm90IGpzb24",
        "WyJhIl0",
        "WzEsMl0",
        "e30",
        "WzFd=",
        &long,
    ] {
        let answer = service().get(&format!("/numbers?cursor={cursor}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{cursor}");
        assert_eq!(answer.code(), "invalid_cursor");
    }
}

#[tokio::test]
async fn the_pages_of_a_list_hold_each_item_once() {
    let service = service();
    let mut seen = Vec::new();
    let mut path = "/numbers?limit=200".to_owned();

    loop {
        let page = service.get(&path).await.json();
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|number| number.as_u64().unwrap()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/numbers?limit=200&cursor={cursor}");
    }

    assert_eq!(seen, (1..=450).collect::<Vec<u64>>());
}

proptest! {
    #[test]
    fn there_is_a_next_cursor_exactly_when_there_is_another_item(count in 0_usize..12, limit in 1_u32..10) {
        let limit_rows = usize::try_from(limit).unwrap();
        let rows: Vec<usize> = (0..count.min(limit_rows + 1)).collect();

        let page = Page::build(rows, limit, |row| *row);

        prop_assert_eq!(page.data.len(), count.min(limit_rows));
        prop_assert_eq!(page.next_cursor.is_some(), count > limit_rows);
    }
}
