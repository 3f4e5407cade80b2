//! Values that a schema allows.

use serde_json::{Map, Value, json};

/// Deeper than any schema of a request; one that contains itself ends here.
const DEPTH_MAX: u8 = 32;

/// A value that a schema of a document allows, made of its examples; of an object only what is required.
pub(super) fn of_schema(document: &Value, schema: &Value) -> Value {
    sample(document, schema, DEPTH_MAX)
}

fn sample(document: &Value, schema: &Value, depth: u8) -> Value {
    let Some(depth) = depth.checked_sub(1) else {
        return Value::Null;
    };
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap_or(reference);
        return document
            .pointer(pointer)
            .map_or(Value::Null, |schema| sample(document, schema, depth));
    }
    let example = [&schema["example"], &schema["examples"][0], &schema["enum"][0]];
    if let Some(example) = example.into_iter().find(|example| !example.is_null()) {
        return example.clone();
    }
    let choices = ["oneOf", "anyOf", "allOf"].map(|key| &schema[key][0]);
    if let Some(first) = choices.into_iter().find(|first| !first.is_null()) {
        return sample(document, first, depth);
    }
    let Some(properties) = schema["properties"].as_object() else {
        return match schema["type"].as_str() {
            Some("object") => json!({}),
            Some("array") => json!([]),
            _ => json!("1"),
        };
    };
    let required: Vec<&str> = match schema["required"].as_array() {
        Some(names) => names.iter().filter_map(Value::as_str).collect(),
        None => Vec::new(),
    };
    let members = properties
        .iter()
        .filter(|(name, _)| required.contains(&name.as_str()))
        .map(|(name, schema)| (name.clone(), sample(document, schema, depth)));
    Value::Object(members.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_what_is_required_and_no_more() {
        let document =
            json!({ "components": { "schemas": { "Name": { "type": "string", "example": "Ada" } } } });
        let schema = json!({
            "properties": {
                "name": { "$ref": "#/components/schemas/Name" },
                "kind": { "enum": ["user", "group"] },
                "tags": { "type": "array" },
                "note": { "type": "string" },
            },
            "required": ["name", "kind", "tags"],
        });

        let sample = of_schema(&document, &schema);

        assert_eq!(sample, json!({ "name": "Ada", "kind": "user", "tags": [] }));
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let document = json!({ "a": { "properties": { "a": { "$ref": "#/a" } }, "required": ["a"] } });

        let sample = of_schema(&document, &document["a"]);

        assert!(sample.is_object());
    }
}
