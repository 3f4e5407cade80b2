//! The OpenAPI document: what is committed is what is served, and it says what it should.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::routes::{PUBLIC, is_public, of_document};
use crate::support::{Launch, shared};

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_committed_document_is_the_one_that_is_printed_and_served() {
    let printed = Launch::bare().arg("openapi").run().await;
    printed.expect(0, &[]);
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::create_dir_all(committed().parent().unwrap()).unwrap();
        std::fs::write(committed(), &printed.stdout).unwrap();
    }
    let server = shared().await;

    let kept = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        kept == printed.stdout,
        "docs/openapi.json is out of date: run this test with UPDATE_OPENAPI=1 and look at the difference"
    );
    let served = server.api().get("/openapi.json").await.expect(200).json();
    let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(served, printed);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_has_a_name_an_answer_for_errors_and_says_who_may_call_it() {
    let printed = Launch::bare().arg("openapi").run().await;
    let document: Value = serde_json::from_str(&printed.stdout).unwrap();
    let operations = of_document(&document);

    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(
        document["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
    let names: BTreeSet<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(
        names.len(),
        operations.len(),
        "every operation has a name of its own"
    );
    assert!(!names.contains(""));
    for operation in &operations {
        let at = format!("{} {}", operation.method, operation.path);
        let described = &operation.described;
        assert!(described["summary"].is_string(), "{at} has no summary");
        assert!(described["tags"][0].is_string(), "{at} has no tag");
        let problem = "/default/content/application~1problem+json/schema/$ref";
        assert_eq!(
            described["responses"].pointer(problem),
            Some(&Value::from("#/components/schemas/Problem")),
            "{at}"
        );
        let secured = described["security"][0]["bearer"].is_array();
        assert_eq!(secured, !is_public(operation), "{at}: security");
        for name in operation.path.split('{').skip(1) {
            let name = name.split('}').next().unwrap();
            let parameters = described["parameters"].as_array().unwrap();
            let named = |parameter: &Value| parameter["in"] == "path" && parameter["name"] == name;
            assert!(parameters.iter().any(named), "{at}: {name}");
        }
    }
    for public in PUBLIC {
        assert!(names.contains(public), "{public} is gone: take it off the list");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_in_the_document_leads_somewhere() {
    let printed = Launch::bare().arg("openapi").run().await;
    let document: Value = serde_json::from_str(&printed.stdout).unwrap();

    let mut open = vec![&document];
    let mut references = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                    references += 1;
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }

    assert!(references > 20);
}
