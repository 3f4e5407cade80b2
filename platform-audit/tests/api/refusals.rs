use platform_audit::{AUDIT_EXPORT, AUDIT_HOLD, AUDIT_PLATFORM, AUDIT_READ};
use platform_core::axum::http::Method;

use crate::app::{Answer, App, BASE, token};

/// Every path of the document that can be read, with something in the places of its parameters.
fn paths(app: &App) -> Vec<String> {
    let paths = app.openapi.paths.paths.iter();
    let paths: Vec<String> = paths
        .filter(|(_, item)| item.get.is_some())
        .map(|(path, _)| {
            path.strip_prefix(BASE)
                .unwrap()
                .replace("{id}", "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12")
                .replace("{path}", "0/000.p/1")
        })
        .map(|path| match path.as_str() {
            "/consistency" => "/consistency?from=0&to=1".to_owned(),
            "/reports/{name}" => {
                "/reports/exports?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z".to_owned()
            }
            _ => path,
        })
        .collect();
    assert!(paths.len() >= 15, "{paths:?}");
    paths
}

#[tokio::test]
async fn nobody_reads_anything_without_signing_in() {
    let app = App::new().await;
    for path in paths(&app) {
        let answer = Answer::of(app.send(Method::GET, None, &path).await).await;
        assert_eq!(answer.verdict(), (401, "unauthenticated".to_owned()), "{path}");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
}

#[tokio::test]
async fn nobody_reads_anything_without_the_permission_for_it() {
    let app = App::new().await;
    app.place.record_orders(1).await;
    app.place.integrate().await;
    for path in paths(&app) {
        let needed = match path.as_str() {
            path if path.starts_with("/export") => AUDIT_EXPORT,
            "/holds" => AUDIT_HOLD,
            _ => AUDIT_READ,
        };
        let others: Vec<_> = [AUDIT_READ, AUDIT_EXPORT, AUDIT_HOLD, AUDIT_PLATFORM]
            .into_iter()
            .filter(|permission| *permission != needed)
            .collect();
        let answer = app.get_as(&others, &path).await;
        assert_eq!(answer.verdict(), (403, "forbidden".to_owned()), "{path}");
        let answer = app.get_as(&[needed], &path).await;
        assert!(
            [200, 404].contains(&answer.status.as_u16()),
            "{path}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn without_the_database_everything_but_the_key_is_unavailable() {
    let app = App::new().await.without_database();
    for path in paths(&app).iter().filter(|path| *path != "/key") {
        let answer = app.get_as(&[AUDIT_READ, AUDIT_EXPORT, AUDIT_HOLD], path).await;
        assert_eq!(answer.verdict(), (503, "unavailable".to_owned()), "{path}");
        assert_eq!(answer.header("retry-after"), "1");
    }
    app.get("/key").await.ok();
}

#[tokio::test]
async fn nothing_but_holds_is_changed_through_these_routes() {
    let app = App::new().await;
    let everything = token(app.place.tenant, &[AUDIT_READ, AUDIT_EXPORT, AUDIT_PLATFORM]);
    for path in paths(&app).iter().filter(|path| *path != "/holds") {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = Answer::of(app.send(method.clone(), Some(&everything), path).await).await;
            assert_eq!(
                answer.verdict(),
                (405, "method_not_allowed".to_owned()),
                "{method} {path}"
            );
        }
    }
}
