//! Fields of spans and events as masked text.

use std::error::Error;
use std::fmt::{self, Write as _};

use platform_core::error_chain;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use super::{MASK, is_secret_name, redact};

/// Longer values are cut: a line has a bound.
const VALUE_CHARS_MAX: usize = 8192;

/// Of a longer value so much more is looked at, so that what begins before the cut is recognised as a whole; it is not shown.
const VALUE_CHARS_BEHIND: usize = 4096;

/// Formats fields as `name=value` for `tracing_subscriber`, with the value masked whole under a [secret name](is_secret_name) and
/// whatever [`redact`] finds masked elsewhere.
///
/// For [`fmt::Layer::fmt_fields`](tracing_subscriber::fmt::Layer::fmt_fields); [`redact_layer`](super::redact_layer) has it built in.
/// Control characters are escaped, so that a value can neither begin a new line nor steer a terminal.
#[derive(Debug, Clone, Copy, Default)]
pub struct RedactFields;

impl<'writer> FormatFields<'writer> for RedactFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut pairs = Pairs {
            writer,
            is_first: true,
            result: Ok(()),
        };
        fields.record(&mut pairs);
        pairs.result
    }
}

struct Pairs<'writer> {
    writer: Writer<'writer>,
    is_first: bool,
    result: fmt::Result,
}

impl Pairs<'_> {
    fn pair(&mut self, field: &Field, value: impl FnOnce() -> String) {
        let name = field.name();
        // Lines bridged from the crate `log` say where in the source they were written.
        if self.result.is_err() || name.starts_with("log.") {
            return;
        }
        let value = match is_secret_name(name) {
            true => MASK.to_owned(),
            false => value(),
        };
        self.result = self.write(name, &value);
    }

    fn write(&mut self, name: &str, value: &str) -> fmt::Result {
        if !self.is_first {
            self.writer.write_char(' ')?;
        }
        self.is_first = false;
        if name != "message" {
            write!(self.writer, "{name}=")?;
        }
        let cut = value.char_indices().nth(VALUE_CHARS_MAX + VALUE_CHARS_BEHIND);
        let masked = redact(cut.map_or(value, |(end, _)| &value[..end]));
        let shown = match cut {
            // Masks are shorter than what they hide, so the end of what was looked at is found by counting backwards.
            Some(_) => masked.chars().count().saturating_sub(VALUE_CHARS_BEHIND),
            None => VALUE_CHARS_MAX,
        };
        for (at, c) in masked.chars().enumerate() {
            match c {
                _ if at == shown.min(VALUE_CHARS_MAX) => return self.writer.write_char('…'),
                _ if c.is_control() => write!(self.writer, "{}", c.escape_default())?,
                _ => self.writer.write_char(c)?,
            }
        }
        Ok(())
    }
}

impl Visit for Pairs<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.pair(field, || {
            let mut text = String::new();
            // A `Debug` that fails must not take the process down, as `format!` would.
            match write!(text, "{value:?}") {
                Ok(()) => text,
                Err(_) => "(cannot be formatted)".to_owned(),
            }
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.pair(field, || value.to_owned());
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        self.pair(field, || error_chain(error));
    }
}
