//! The operations of the API, read from its document, so that a route of tomorrow is tried too.

pub(crate) use platform_auth::testing::ApiOperation as Operation;
use platform_auth::testing::{ApiAnswer, ApiRequest, Coverage};
use serde_json::Value;

use crate::support::{Answer, Api};

/// The operations that anybody may call. A new one is a decision: this list may shrink, and grows only with a reason.
pub(crate) const PUBLIC: [&str; 18] = [
    // A token that came by mail is all there is to show.
    "accept_invitation",
    "batch_quotes",
    // Who has a passkey shows it instead of an address and a password.
    "begin_passkey_login",
    "confirm_passkey_login",
    // When the market is open says nothing of anybody, and no more do the prices of the past.
    "get_clock",
    "get_quote",
    "list_bars",
    "list_quotes",
    "list_stocks",
    "list_trading_days",
    "login",
    "login_second_factor",
    "register",
    // A token that came by mail, or the wish for one, is all there is to show.
    "request_email_verification",
    "request_password_reset",
    "reset_password",
    "stream_quotes",
    "verify_email",
];

/// Every operation that the server's document describes.
pub(crate) async fn operations(api: &Api) -> Vec<Operation> {
    let document = api.get("/openapi.json").await.expect(200).json();
    of_document(&document)
}

/// Every operation of a document.
pub(crate) fn of_document(document: &Value) -> Vec<Operation> {
    let operations = Operation::all(document).unwrap();
    assert!(operations.len() > 15, "the document has hardly any operations");
    operations
}

/// Whether anybody may call it.
pub(crate) fn is_public(operation: &Operation) -> bool {
    PUBLIC.contains(&operation.id.as_str())
}

/// The operations, with those set apart that anybody may call.
pub(crate) fn coverage(operations: &[Operation]) -> Coverage<'_> {
    Coverage::of(operations, PUBLIC).unwrap()
}

/// Sends what a helper wants to be sent.
pub(crate) async fn send(api: &Api, request: &ApiRequest) -> Answer {
    api.call(request.method.clone(), &request.path, request.body.as_ref())
        .await
}

/// An answer as the helpers look at it.
pub(crate) fn answered(answer: &Answer) -> ApiAnswer {
    ApiAnswer {
        status: answer.status,
        text: answer.text.clone(),
    }
}
