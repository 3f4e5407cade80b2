//! The fields of spans and events, masked as they are recorded.

use std::error::Error;
use std::fmt::{self, Write};

use platform_core::error_chain;
use platform_crypto::{MASK, is_secret_name, redact};
use serde_json::Value;
use tracing::field::{Field, Visit};

/// Longer values are cut: a line has a bound.
const VALUE_CHARS_MAX: usize = 8192;

/// Fields in the order of their first appearance, each name once.
#[derive(Debug, Default, Clone)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// Sets a field; a later value replaces an earlier one.
    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    pub(super) fn extend(&mut self, others: &Self) {
        for (name, value) in &others.0 {
            self.set(name, value.clone());
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    fn record(&mut self, field: &Field, value: impl FnOnce() -> Value) {
        // Lines bridged from the crate `log` say where in the source they were written; nobody asked.
        if matches!(field.name(), "log.module_path" | "log.file" | "log.line") {
            return;
        }
        let value = match is_secret_name(field.name()) {
            true => Value::from(MASK),
            false => value(),
        };
        self.set(field.name(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, || text(&formatted(format_args!("{value:?}"))));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, || text(value));
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        self.record(field, || text(&error_chain(error)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field, || Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field, || Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field, || Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record(field, || Value::from(value));
    }
}

fn text(value: &str) -> Value {
    let masked = redact(value);
    match masked.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => Value::from(format!("{}…", &masked[..end])),
        None => Value::from(masked.into_owned()),
    }
}

/// A `Debug` or `Display` that fails must not take the server down, as `format!` would.
fn formatted(arguments: fmt::Arguments<'_>) -> String {
    let mut text = String::new();
    match text.write_fmt(arguments) {
        Ok(()) => text,
        Err(_) => "(cannot be formatted)".to_owned(),
    }
}
