//! Who reaches which operation: a golden file with a line for every operation of the document, so that a new one, or one whose guard was
//! changed, is looked at by somebody.

use std::path::{Path, PathBuf};

use platform_auth::testing::{AccessMatrix, Verdict};

use crate::routes::{answered, is_public, operations, send};
use crate::support::{DataDir, Launch};

const HEAD: &str = "\
# Who reaches which operation of the API: one line for each, sorted. `yes` is any answer but a refusal of the caller, so a 404 for a
# thing that there is not is one; 401 and 403 are refusals. UPDATE_MATRIX=1 writes this file anew.
# operation anonymous user admin
";

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/matrix.txt")
}

/// What is about one account, by rights that may be granted on it alone: who may not even see it is told that there is none.
const HIDING: [&str; 6] = [
    "suspend_account",
    "resume_account",
    "close_account",
    "adjust_cash",
    "approve_adjustment",
    "refuse_adjustment",
];

const NOBODYS: &str = "01a1fda2-0000-7000-8000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_reached_by_those_whom_the_golden_file_names() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let mut operations = operations(&server.api()).await;
    // A socket that stays open; anybody may listen to it.
    operations.retain(|operation| operation.id != "stream_quotes");

    let matrix = AccessMatrix::of(
        &operations,
        ["anonymous", "user", "admin"],
        async |role, request| {
            // Signed in anew each time: one of the operations signs out.
            let api = match role {
                "user" => server.sign_in("acme", "demo@example.com").await,
                "admin" => server.sign_in("acme", "admin@example.com").await,
                _ => server.api().tenant("acme"),
            };
            answered(&send(&api, &request).await)
        },
    )
    .await;

    assert_eq!(matrix.failures(), []);
    for operation in &operations {
        let verdict = |role| matrix.verdict(&operation.id, role).unwrap();
        if HIDING.contains(&operation.id.as_str()) {
            assert_eq!(verdict("anonymous"), Verdict::Unauthenticated, "{}", operation.id);
            let user = server.sign_in("acme", "demo@example.com").await;
            let path = operation.path_with(NOBODYS);
            let answer = user
                .call(operation.method.clone(), &path, operation.body.as_ref())
                .await;
            assert_eq!(answer.status, 404, "{}: {answer:?}", operation.id);
        } else if operation.path.starts_with("/admin/") || operation.path.starts_with("/platform/") {
            let verdicts = (verdict("anonymous"), verdict("user"));
            let refused = (Verdict::Unauthenticated, Verdict::Forbidden);
            assert_eq!(verdicts, refused, "{}", operation.id);
        }
        let is_reached = verdict("anonymous") == Verdict::Reached;
        assert_eq!(is_reached, is_public(operation), "{}", operation.id);
    }
    if std::env::var_os("UPDATE_MATRIX").is_some() {
        std::fs::write(committed(), format!("{HEAD}{matrix}")).unwrap();
    }
    let kept = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        kept == format!("{HEAD}{matrix}"),
        "tests/e2e/matrix.txt is out of date: run this test with UPDATE_MATRIX=1 and look at the difference:\n{}",
        matrix.differences(&kept).join("\n")
    );
}
