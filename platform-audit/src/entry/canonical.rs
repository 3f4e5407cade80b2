//! JSON in its one spelling.

use serde_json::Value;

use super::json::{Json, JsonInvalid};
use super::number;

/// How deep arrays and objects may be nested.
pub const JSON_DEPTH_MAX: usize = 128;

/// A JSON value in one spelling: equal values are equal bytes.
///
/// The form is that of RFC 8785: no blanks, names sorted by their UTF-16 code units, strings with the fewest escapes and otherwise as
/// they are (nothing is normalised), an object with a repeated name refused. The one difference is in numbers. RFC 8785 rounds each to
/// the nearest double; here a number keeps all its digits and only its spelling is made one, in the layout of RFC 8785: `1.0` and
/// `10e-1` are `1`, `-0` is `0`, 10^21 and more are `1e+21`. What a double holds exactly in at most 17 digits is therefore spelt as in
/// RFC 8785, and 9007199254740993 is not mistaken for its neighbour. PostgreSQL's `jsonb` may change a number's spelling, never its
/// value, so a value read back from there has the same bytes.
///
/// ```
/// use platform_audit::CanonicalJson;
///
/// let json = CanonicalJson::parse(r#"{"b": 1.50, "a": [9007199254740993, 1E30]}"#)?;
/// assert_eq!(json.as_str(), r#"{"a":[9007199254740993,1e+30],"b":1.5}"#);
/// # Ok::<(), platform_audit::JsonInvalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CanonicalJson(String);

impl CanonicalJson {
    /// Reads JSON in whatever spelling, such as a `jsonb` column's text.
    ///
    /// # Errors
    /// [`JsonInvalid`] when it is not JSON or has no canonical form.
    pub fn parse(text: &str) -> Result<Self, JsonInvalid> {
        Json::parse(text, JSON_DEPTH_MAX).map(|json| Self::from_json(&json))
    }

    /// Takes a value that a program has made.
    ///
    /// # Errors
    /// [`JsonInvalid`] when it is nested too deep or has a number out of range.
    pub fn from_value(value: &Value) -> Result<Self, JsonInvalid> {
        convert(value, JSON_DEPTH_MAX).map(|json| Self::from_json(&json))
    }

    /// The value, for a program that goes on with it.
    ///
    /// # Errors
    /// [`JsonInvalid::NumberOutOfRange`] for a number that a build of `serde_json` without `arbitrary_precision` cannot hold.
    pub fn to_value(&self) -> Result<Value, JsonInvalid> {
        Json::parse(&self.0, JSON_DEPTH_MAX).and_then(revert)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn from_json(json: &Json) -> Self {
        let mut text = String::new();
        write(&mut text, json);
        Self(text)
    }
}

fn convert(value: &Value, depth_left: usize) -> Result<Json, JsonInvalid> {
    match value {
        Value::Null => Ok(Json::Null),
        Value::Bool(bool) => Ok(Json::Bool(*bool)),
        Value::Number(number) => number::canonical(&number.to_string()).map(Json::Number),
        Value::String(text) => Ok(Json::Text(text.clone())),
        Value::Array(items) => {
            let depth_left = depth_left.checked_sub(1).ok_or(JsonInvalid::TooDeep)?;
            let items = items.iter().map(|item| convert(item, depth_left));
            items.collect::<Result<_, _>>().map(Json::Array)
        }
        Value::Object(members) => {
            let depth_left = depth_left.checked_sub(1).ok_or(JsonInvalid::TooDeep)?;
            let members = members
                .iter()
                .map(|(name, value)| Ok((name.clone(), convert(value, depth_left)?)));
            Json::object(members.collect::<Result<_, _>>()?)
        }
    }
}

fn revert(json: Json) -> Result<Value, JsonInvalid> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::Bool(bool) => Ok(Value::Bool(bool)),
        Json::Number(number) => {
            let number = number.parse().map_err(|_| JsonInvalid::NumberOutOfRange)?;
            Ok(Value::Number(number))
        }
        Json::Text(text) => Ok(Value::String(text)),
        Json::Array(items) => items.into_iter().map(revert).collect(),
        Json::Object(members) => members
            .into_iter()
            .map(|(name, value)| Ok((name, revert(value)?)))
            .collect(),
    }
}

fn write(text: &mut String, json: &Json) {
    match json {
        Json::Null => text.push_str("null"),
        Json::Bool(true) => text.push_str("true"),
        Json::Bool(false) => text.push_str("false"),
        Json::Number(number) => text.push_str(number),
        Json::Text(string) => write_string(text, string),
        Json::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(text, item);
            }
            text.push(']');
        }
        Json::Object(members) => {
            text.push('{');
            for (at, (name, value)) in members.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_string(text, name);
                text.push(':');
                write(text, value);
            }
            text.push('}');
        }
    }
}

/// RFC 8785, section 3.2.2.2.
pub(super) fn write_string(text: &mut String, string: &str) {
    text.push('"');
    let mut rest = string;
    while let Some(at) = rest.find(|c: char| c < ' ' || matches!(c, '"' | '\\')) {
        let (plain, escaped) = rest.split_at(at);
        text.push_str(plain);
        let mut chars = escaped.chars();
        match chars.next().unwrap_or_default() {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            c => text.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
        rest = chars.as_str();
    }
    text.push_str(rest);
    text.push('"');
}
