//! The operations of an API, read from its document.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::Value;

use super::sample;

/// An id of the right form that nobody has.
pub const NOBODYS_ID: &str = "01900000-0000-7000-8000-000000000000";

/// One operation of an OpenAPI document.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiOperation {
    /// Its `operationId`.
    pub id: String,
    /// Its method.
    pub method: Method,
    /// Its path, with `{names}` in it.
    pub path: String,
    /// The names of its parameters in the query.
    pub query: Vec<String>,
    /// A body that its schema allows, where it takes JSON.
    pub body: Option<Value>,
    /// As the document has it.
    pub described: Value,
}

/// A request that tries an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiRequest {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// A JSON body.
    pub body: Option<Value>,
}

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiAnswer {
    /// The status.
    pub status: u16,
    /// The body.
    pub text: String,
}

/// A document says too little to try an API by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// There is no operation in it: nothing would be tried.
    #[error("the document has no operations")]
    Empty,
    /// An operation has no `operationId`.
    #[error("{0} has no operationId")]
    Nameless(String),
    /// Two operations have one `operationId`.
    #[error("{0} is the operationId of two operations")]
    Twice(String),
}

impl ApiOperation {
    /// Every operation of a document.
    ///
    /// ```
    /// use platform_auth::testing::{ApiOperation, NOBODYS_ID};
    /// use serde_json::json;
    ///
    /// let document = json!({ "paths": { "/parcels/{id}": { "get": {
    ///     "operationId": "get_parcel",
    ///     "parameters": [{ "name": "unit", "in": "query", "required": true, "example": "gram" }],
    /// } } } });
    ///
    /// let operations = ApiOperation::all(&document)?;
    ///
    /// assert_eq!(operations[0].id, "get_parcel");
    /// assert_eq!(operations[0].request(NOBODYS_ID).path, format!("/parcels/{NOBODYS_ID}?unit=gram"));
    /// # Ok::<(), platform_auth::testing::DocumentError>(())
    /// ```
    ///
    /// # Errors
    /// [`DocumentError`], so that a document that says nothing is not taken for an API in which all is well.
    pub fn all(document: &Value) -> Result<Vec<Self>, DocumentError> {
        let mut operations = Vec::new();
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, described) in item.as_object().into_iter().flatten() {
                // Beside operations a path may have a summary, servers and parameters.
                let known = Method::from_bytes(method.to_uppercase().as_bytes());
                let (Ok(method), true) = (
                    known,
                    described["responses"].is_object() || described["operationId"].is_string(),
                ) else {
                    continue;
                };
                let operation = Self::of(document, (method, path), described)?;
                if !names.insert(operation.id.clone()) {
                    return Err(DocumentError::Twice(operation.id));
                }
                operations.push(operation);
            }
        }
        match operations.is_empty() {
            true => Err(DocumentError::Empty),
            false => Ok(operations),
        }
    }

    fn of(
        document: &Value,
        (method, path): (Method, &str),
        described: &Value,
    ) -> Result<Self, DocumentError> {
        let id = described["operationId"].as_str().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| DocumentError::Nameless(format!("{method} {path}")))?;
        let query = parameters(described).filter(|parameter| parameter["in"] == "query");
        let query = query.filter_map(|parameter| parameter["name"].as_str());
        let schema = described["requestBody"]["content"]["application/json"].get("schema");
        Ok(Self {
            id: id.to_owned(),
            method,
            path: path.to_owned(),
            query: query.map(str::to_owned).collect(),
            body: schema.map(|schema| sample::of_schema(document, schema)),
            described: described.clone(),
        })
    }

    /// Whether its path names something.
    pub fn has_parameter_in_path(&self) -> bool {
        self.path.contains('{')
    }

    /// The path with this in every place of a parameter, which is for the caller to escape.
    pub fn path_with(&self, value: &str) -> String {
        let mut filled = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            filled.push_str(value);
            rest = after.split_once('}').map_or("", |(_, after)| after);
        }
        filled + rest
    }

    /// A request that is well-formed: with this in every place of its path, with the parameters of the query that have to be there, and
    /// with a body where it takes one.
    pub fn request(&self, value: &str) -> ApiRequest {
        let mut path = self.path_with(value);
        let mut separator = '?';
        for parameter in parameters(&self.described) {
            if parameter["in"] != "query" || parameter["required"] != true {
                continue;
            }
            let name = parameter["name"].as_str().unwrap_or_default();
            path.push_str(&format!("{separator}{name}={}", value_of(parameter)));
            separator = '&';
        }
        ApiRequest {
            method: self.method.clone(),
            path,
            body: self.body.clone().filter(|_| self.method != Method::GET),
        }
    }
}

impl ApiAnswer {
    /// The `code` of a problem (RFC 9457); empty where there is none.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The answer without what differs from request to request.
    pub(super) fn anonymised(&self) -> (u16, Value) {
        let mut body: Value = serde_json::from_str(&self.text).unwrap_or_else(|_| self.text.clone().into());
        if let Some(fields) = body.as_object_mut() {
            fields.remove("request_id");
            fields.remove("instance");
        }
        (self.status, body)
    }
}

fn parameters(described: &Value) -> impl Iterator<Item = &Value> {
    described["parameters"].as_array().into_iter().flatten()
}

/// A value of the right form for a parameter of the query.
fn value_of(parameter: &Value) -> &str {
    let schema = &parameter["schema"];
    let example = [&parameter["example"], &schema["example"]];
    let example = example.into_iter().find_map(Value::as_str);
    let is_id = schema["$ref"].is_string() || schema["format"] == "uuid";
    example.unwrap_or(if is_id { NOBODYS_ID } else { "1" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_that_says_nothing_is_an_error() {
        let paths =
            |item: Value| json!({ "paths": { "/a": item, "/b": { "post": { "operationId": "b" } } } });

        assert_eq!(ApiOperation::all(&json!({})), Err(DocumentError::Empty));
        assert_eq!(
            ApiOperation::all(&paths(json!({ "get": { "responses": {} } }))),
            Err(DocumentError::Nameless("GET /a".to_owned()))
        );
        assert_eq!(
            ApiOperation::all(&paths(json!({ "get": { "operationId": "b" } }))),
            Err(DocumentError::Twice("b".to_owned()))
        );
        let fine = paths(json!({ "get": { "operationId": "a" }, "summary": "x", "parameters": [] }));
        assert_eq!(ApiOperation::all(&fine).map(|operations| operations.len()), Ok(2));
    }

    #[test]
    fn only_what_has_to_be_there_is_in_the_query() {
        let document = json!({ "paths": { "/a/{x}/b/{y}": { "post": {
            "operationId": "a",
            "parameters": [
                { "name": "page", "in": "query", "schema": { "type": "string" } },
                { "name": "of", "in": "query", "required": true, "schema": { "format": "uuid" } },
                { "name": "n", "in": "query", "required": true, "schema": { "type": "integer" } },
                { "name": "x", "in": "path", "required": true },
            ],
            "requestBody": { "content": { "application/json": { "schema": { "example": { "k": 1 } } } } },
        } } } });

        let operation = ApiOperation::all(&document).unwrap().remove(0);
        let request = operation.request("7");

        assert_eq!(operation.query, ["page", "of", "n"]);
        assert_eq!(request.path, format!("/a/7/b/7?of={NOBODYS_ID}&n=1"));
        assert_eq!(request.body, Some(json!({ "k": 1 })));
    }
}
