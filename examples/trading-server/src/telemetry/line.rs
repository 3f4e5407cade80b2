//! One event as one line.

use std::fmt::Write;

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use tracing::Level;

use platform_core::Timestamp;

use super::fields::Fields;
use crate::config::LogFormat;

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One JSON object: `timestamp`, `level`, `target`, `message`, then every field at the top level.
    Json,
    /// For people: time, level, target, message, `name=value` pairs.
    Pretty,
}

impl From<LogFormat> for Shape {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Pretty => Self::Pretty,
        }
    }
}

pub(super) struct Line<'a> {
    pub(super) at: Timestamp,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) message: &'a str,
    pub(super) fields: &'a Fields,
}

impl Line<'_> {
    /// The line with its end.
    pub(super) fn render(&self, shape: Shape) -> String {
        let mut line = match shape {
            Shape::Json => self.json(),
            Shape::Pretty => self.pretty(),
        };
        line.push('\n');
        line
    }

    fn json(&self) -> String {
        let mut object = Map::new();
        object.insert(
            "timestamp".to_owned(),
            Value::from(self.at.format(&Rfc3339).unwrap_or_default()),
        );
        object.insert(
            "level".to_owned(),
            Value::from(self.level.as_str().to_ascii_lowercase()),
        );
        object.insert("target".to_owned(), Value::from(self.target));
        object.insert("message".to_owned(), Value::from(self.message));
        for (name, value) in self.fields.iter() {
            // A field does not pass for a part of the line.
            let name = match object.contains_key(name) {
                true => format!("field.{name}"),
                false => name.to_owned(),
            };
            object.insert(name, value.clone());
        }
        Value::Object(object).to_string()
    }

    fn pretty(&self) -> String {
        let (hour, minute, second, micros) = self.at.time().as_hms_micro();
        let Self {
            level,
            target,
            message,
            ..
        } = self;
        let millis = micros / 1000;
        let mut line = format!("{hour:02}:{minute:02}:{second:02}.{millis:03} {level:>5} {target}: ");
        push_on_one_line(&mut line, message);
        for (name, value) in self.fields.iter() {
            line.push(' ');
            line.push_str(name);
            line.push('=');
            match value {
                Value::String(text) if is_plain(text) => line.push_str(text),
                value => {
                    let _ = write!(line, "{value}");
                }
            }
        }
        line
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"' || c == '=')
}

/// Control characters are escaped: a value a client sent can neither forge a line nor steer the terminal.
fn push_on_one_line(line: &mut String, text: &str) {
    for c in text.chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
}
