//! Turns a deserialiser's complaint into a field, a code and a message that repeats no value.

/// A client may make up a name as long as its body; this much of it is repeated.
const CHARS_MAX: usize = 256;

/// The field, a stable code and a message for people.
///
/// A complaint such as `invalid type: string "hunter2", expected u32` repeats what was sent; what was expected is enough.
pub(crate) fn explain(path: &str, complaint: &str) -> (String, &'static str, String) {
    let (field, code, message) = classified(path, complaint);
    let cut = |text: String| text.chars().take(CHARS_MAX).collect();
    (cut(field), code, cut(message))
}

fn classified(path: &str, complaint: &str) -> (String, &'static str, String) {
    let path = if path == "." { "" } else { path };
    if let Some(name) = quoted(complaint, "missing field `") {
        let field = below(path, name);
        return (field, "missing", "this field is needed".to_owned());
    }
    if let Some(name) = quoted(complaint, "duplicate field `") {
        let field = below(path, name);
        return (field, "duplicate_field", "this field is given twice".to_owned());
    }
    if let Some(name) = quoted(complaint, "unknown field `") {
        let field = below(path, name);
        return (
            field,
            "unknown_field",
            expected(complaint, "there is no such field"),
        );
    }
    let field = if path.is_empty() {
        ".".to_owned()
    } else {
        path.to_owned()
    };
    if complaint.starts_with("invalid type") {
        return (
            field,
            "invalid_type",
            expected(complaint, "of another type than expected"),
        );
    }
    let value = ["invalid value", "invalid length", "unknown variant"];
    if value.iter().any(|start| complaint.starts_with(start)) {
        return (
            field,
            "invalid_value",
            expected(complaint, "not an accepted value"),
        );
    }
    (field, "invalid", complaint.to_owned())
}

/// The complaint without the place in the text that `serde_json` adds.
pub(crate) fn trimmed(complaint: &str) -> &str {
    complaint
        .rsplit_once(" at line ")
        .map_or(complaint, |(complaint, _)| complaint)
}

fn quoted<'a>(complaint: &'a str, start: &str) -> Option<&'a str> {
    let rest = complaint.strip_prefix(start)?;
    rest.split_once('`').map(|(name, _)| name)
}

/// The path of a field inside `path`, which may already end with it.
fn below(path: &str, name: &str) -> String {
    let ends_with_it = path == name || path.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    if ends_with_it || path.is_empty() {
        let field = if path.is_empty() { name } else { path };
        return field.to_owned();
    }
    format!("{path}.{name}")
}

fn expected(complaint: &str, otherwise: &str) -> String {
    match complaint.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => otherwise.to_owned(),
    }
}
