//! The operations of the API, read from its document, so that a route of tomorrow is tried too.

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::Api;

/// The operations that anybody may call. A new one is a decision: this list may shrink, and grows only with a reason.
pub(crate) const PUBLIC: [&str; 14] = [
    "batch_quotes",
    // Who has a passkey shows it instead of an address and a password.
    "begin_passkey_login",
    "confirm_passkey_login",
    "get_quote",
    "list_quotes",
    "list_stocks",
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

/// One operation of the document.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: Method,
    /// With `{names}` in it.
    pub(crate) path: String,
    /// Names of the parameters in the query.
    pub(crate) query: Vec<String>,
    /// A body that its schema allows, where it takes one.
    pub(crate) body: Option<Value>,
    /// As the document has it.
    pub(crate) described: Value,
}

impl Operation {
    pub(crate) fn is_public(&self) -> bool {
        PUBLIC.contains(&self.id.as_str())
    }

    pub(crate) fn has_parameter_in_path(&self) -> bool {
        self.path.contains('{')
    }

    /// The path with this in every place of a parameter.
    pub(crate) fn path_with(&self, value: &str) -> String {
        let mut filled = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            filled.push_str(value);
            rest = after.split_once('}').unwrap().1;
        }
        filled + rest
    }
}

/// Every operation that the server's document describes.
pub(crate) async fn operations(api: &Api) -> Vec<Operation> {
    let document = api.get("/openapi.json").await.expect(200).json();
    of_document(&document)
}

/// Every operation of a document.
pub(crate) fn of_document(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else {
                continue;
            };
            if !described.is_object() {
                continue;
            }
            let parameters = described["parameters"].as_array().cloned().unwrap_or_default();
            let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
            let body = described["requestBody"]["content"]["application/json"].get("schema");
            operations.push(Operation {
                id: described["operationId"].as_str().unwrap_or_default().to_owned(),
                method,
                path: path.clone(),
                query: query
                    .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                    .collect(),
                body: body.map(|schema| sample(document, schema)),
                described: described.clone(),
            });
        }
    }
    assert!(operations.len() > 15, "the document has hardly any operations");
    operations
}

/// A value that a schema allows, made of its examples; only what is required.
fn sample(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return sample(document, document.pointer(&reference[1..]).unwrap());
    }
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(example) = schema["examples"].get(0) {
        return example.clone();
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(first) = ["oneOf", "anyOf", "allOf"]
        .iter()
        .find_map(|key| schema[*key].get(0))
    {
        return sample(document, first);
    }
    let Some(properties) = schema["properties"].as_object() else {
        return json!("1");
    };
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let members = properties
        .iter()
        .filter(|(name, _)| required.iter().any(|required| required == name.as_str()))
        .map(|(name, schema)| (name.clone(), sample(document, schema)));
    Value::Object(members.collect::<Map<_, _>>())
}
