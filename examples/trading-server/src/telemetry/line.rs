//! One event as one line.

use std::fmt::Write;

use serde_json::Value;
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

    /// Written by hand for the order of its keys: people read these lines too, and read the time first.
    fn json(&self) -> String {
        let own = [
            (
                "timestamp",
                Value::from(self.at.format(&Rfc3339).unwrap_or_default()),
            ),
            ("level", Value::from(self.level.as_str().to_ascii_lowercase())),
            ("target", Value::from(self.target)),
            ("message", Value::from(self.message)),
        ];
        let mut line = String::from("{");
        for (name, value) in &own {
            push_json(&mut line, name, value);
        }
        for (name, value) in self.fields.iter() {
            // A field does not pass for a part of the line.
            match own.iter().any(|(reserved, _)| *reserved == name) {
                true => push_json(&mut line, &format!("field.{name}"), value),
                false => push_json(&mut line, name, value),
            }
        }
        line.push('}');
        line
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

fn push_json(line: &mut String, name: &str, value: &Value) {
    if line.len() > 1 {
        line.push(',');
    }
    // Writing to a `String` does not fail.
    let _ = write!(line, "{}:{value}", Value::from(name));
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
