//! Who reaches which operation: a golden file with a line for every operation of the document, so that a new one, or one whose guard was
//! changed, is looked at by somebody.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::Value;

use crate::routes::{Operation, operations};
use crate::support::{Answer, Api, DataDir, Launch};

/// An id of the right form that nobody has.
const NOBODYS: &str = "01900000-0000-7000-8000-000000000000";

const HEAD: &str = "\
# Who reaches which operation of the API: one line for each, sorted. `yes` is any answer but a refusal of the caller, so a 404 for a
# thing that there is not is one; 401 and 403 are refusals. UPDATE_MATRIX=1 writes this file anew.
# operation anonymous user admin
";

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/matrix.txt")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_reached_by_those_whom_the_golden_file_names() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let mut lines = Vec::new();
    for operation in operations(&server.api()).await {
        // A socket that stays open; anybody may listen to it.
        if operation.id == "stream_quotes" {
            continue;
        }
        // Signed in anew each time: one of them signs out.
        let callers = [
            server.api().tenant("acme"),
            server.sign_in("acme", "demo@example.com").await,
            server.sign_in("acme", "admin@example.com").await,
        ];
        let mut verdicts = Vec::new();
        for api in &callers {
            verdicts.push(verdict(&call(api, &operation).await));
        }
        let [anonymous, user, admin] = verdicts.try_into().unwrap();
        if operation.path.starts_with("/admin/") {
            assert_eq!((anonymous, user), ("401", "403"), "{}", operation.id);
        }
        assert_eq!(anonymous == "yes", operation.is_public(), "{}", operation.id);
        lines.push(format!("{} {anonymous} {user} {admin}\n", operation.id));
    }
    lines.sort();

    let matrix = HEAD.to_owned() + &lines.concat();
    if std::env::var_os("UPDATE_MATRIX").is_some() {
        std::fs::write(committed(), &matrix).unwrap();
    }
    let kept = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        kept == matrix,
        "tests/e2e/matrix.txt is out of date: run this test with UPDATE_MATRIX=1 and look at the difference:\n{matrix}"
    );
}

async fn call(api: &Api, operation: &Operation) -> Answer {
    let mut path = operation.path_with(NOBODYS);
    let mut separator = '?';
    for (name, value) in required(operation) {
        path.push_str(&format!("{separator}{name}={value}"));
        separator = '&';
    }
    let body = operation
        .body
        .as_ref()
        .filter(|_| operation.method != Method::GET);
    api.call(operation.method.clone(), &path, body).await
}

/// The parameters of the query that have to be there, each with a value of the right form.
fn required(operation: &Operation) -> Vec<(&str, &str)> {
    let parameters = operation.described["parameters"].as_array();
    let parameters = parameters.into_iter().flatten();
    let needed = parameters.filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
    needed
        .map(|parameter| {
            let is_id = parameter["schema"]["$ref"].is_string() || parameter["schema"]["format"] == "uuid";
            let example = [&parameter["example"], &parameter["schema"]["example"]]
                .into_iter()
                .find_map(Value::as_str);
            let value = example.unwrap_or(if is_id { NOBODYS } else { "1" });
            (parameter["name"].as_str().unwrap(), value)
        })
        .collect()
}

fn verdict(answer: &Answer) -> &'static str {
    match answer.status {
        401 if answer.verdict().1 == "unauthenticated" => "401",
        403 if answer.verdict().1 == "forbidden" => "403",
        status => {
            assert!(status < 500, "{answer:?}");
            "yes"
        }
    }
}
