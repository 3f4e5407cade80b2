use serde_json::Value;

use crate::app::App;

#[tokio::test]
async fn every_operation_is_described_with_its_answers_and_needs_a_credential() {
    let app = App::new().await;
    let document = platform_core::http::openapi::document("Audit", "1", &app.openapi);
    let document: Value = serde_json::from_str(&document.to_json().unwrap()).unwrap();

    let mut ids = Vec::new();
    let operations = document["paths"].as_object().unwrap().iter();
    let operations = operations.flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (path, method, operation))
    });
    for (path, method, operation) in operations {
        ids.push(operation["operationId"].as_str().unwrap().to_owned());
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|summary| summary.ends_with('.')),
            "{path}"
        );
        assert_eq!(
            operation["security"][0]["bearer"],
            serde_json::json!([]),
            "{path}"
        );
        assert_eq!(operation["tags"][0], "audit");
        let success = if method == "post" { "201" } else { "200" };
        for status in [success, "403"] {
            assert!(operation["responses"][status].is_object(), "{path} {status}");
        }
        assert!(operation["responses"][success]["content"].is_object(), "{path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let place = parameter["in"].as_str().unwrap();
            assert_eq!(
                place == "path",
                path.contains(&format!("{{{}}}", parameter["name"].as_str().unwrap())),
                "{path}"
            );
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 17);
    for schema in [
        "EventBody",
        "EventStateBody",
        "CheckpointBody",
        "ConsistencyBody",
        "LogKeyBody",
        "HoldBody",
        "NewHoldBody",
        "ReportBody",
        "Problem",
    ] {
        assert!(document["components"]["schemas"][schema].is_object(), "{schema}");
    }
    assert_resolves(&document, &document);
}

/// Every reference leads somewhere.
fn assert_resolves(document: &Value, value: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
            }
            members
                .values()
                .for_each(|member| assert_resolves(document, member));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_resolves(document, item)),
        _ => {}
    }
}

#[tokio::test]
async fn the_parameters_of_a_list_are_all_there() {
    let app = App::new().await;
    let document: Value = serde_json::from_str(&app.openapi.to_json().unwrap()).unwrap();
    let names = |path: &str| -> Vec<String> {
        let parameters = document["paths"][format!("/admin/v1/audit{path}")]["get"]["parameters"]
            .as_array()
            .unwrap();
        parameters
            .iter()
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let filters = [
        "recorded_from",
        "recorded_to",
        "occurred_from",
        "occurred_to",
        "actor_id",
        "action",
        "target_kind",
        "target_id",
        "outcome",
        "severity",
        "request_id",
    ];

    assert_eq!(names("/events"), [&filters[..], &["limit", "cursor"]].concat());
    assert_eq!(
        names("/export"),
        [&filters[..], &["format", "selection", "first_seq"]].concat()
    );
}
