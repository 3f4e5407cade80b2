//! The configuration file.

use std::fs::File;
use std::io::Read;

use ::config::{FileFormat, Format, Map, Value, ValueKind};

use super::keys::{self, KEYS};
use super::layers::Layer;
use super::nearest::nearest;
use super::problem::{Kind, Problem, describe, quote};
use crate::telemetry::redact;

/// A larger file is not a configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads the file at `path`, which `origin` named. A file that cannot be read or is not TOML is one problem and says nothing.
pub(super) fn read(path: &str, origin: &str, problems: &mut Vec<Problem>) -> Layer {
    let text = match text_of(path) {
        Ok(text) => text,
        Err(why) => {
            problems.push(Problem {
                key: "config".to_owned(),
                origin: origin.to_owned(),
                found: format!("{}, {why}", quote(path)),
                expected: "a readable file in TOML".to_owned(),
                kind: Kind::MissingFile,
            });
            return Layer::default();
        }
    };
    let name = format!("file {path}");
    match FileFormat::Toml.parse(Some(&name), &text) {
        Ok(table) => known_keys(table, &name, problems),
        Err(error) => {
            problems.push(Problem {
                key: "config".to_owned(),
                origin: name,
                found: syntax_error(&text, error.as_ref()),
                expected: "TOML".to_owned(),
                kind: Kind::Wrong,
            });
            Layer::default()
        }
    }
}

/// What a file holds that is a secret and nothing else, without the end of its line.
pub(super) fn secret(path: &str) -> Result<String, String> {
    let mut text = text_of(path)?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

fn text_of(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| reason(&error))?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    match read.map_err(|error| reason(&error))? {
        bytes if u64::try_from(bytes).is_ok_and(|bytes| bytes <= FILE_BYTES_MAX) => Ok(text),
        _ => Err(format!("which is larger than {FILE_BYTES_MAX} bytes")),
    }
}

/// Why a file cannot be read, without the number of the operating system.
pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "which does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "which may not be read by this user".to_owned(),
        std::io::ErrorKind::IsADirectory => "which is a folder".to_owned(),
        std::io::ErrorKind::InvalidData => "which is not UTF-8 text".to_owned(),
        kind => format!("which cannot be read ({kind})"),
    }
}

/// The place of the mistake. The parser's own message quotes the line, which may hold a password.
fn syntax_error(text: &str, error: &(dyn std::error::Error + 'static)) -> String {
    let Some(start) = error
        .downcast_ref::<toml::de::Error>()
        .and_then(|error| Some(error.span()?.start))
    else {
        return "a number out of range".to_owned();
    };
    let before = text.get(..start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("a syntax error in line {line}, column {column}")
}

fn known_keys(root: Map<String, Value>, origin: &str, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::default();
    for (name, value) in sorted(root) {
        match value.kind {
            ValueKind::Table(table) if keys::is_section(&name) => {
                for (last, value) in sorted(table) {
                    keep(format!("{name}.{last}"), value, origin, &mut layer, problems);
                }
            }
            _ if keys::is_section(&name) => problems.push(Problem {
                key: name,
                origin: origin.to_owned(),
                found: describe(&value),
                expected: "a table".to_owned(),
                kind: Kind::Wrong,
            }),
            _ => keep(name, value, origin, &mut layer, problems),
        }
    }
    layer
}

fn keep(name: String, value: Value, origin: &str, layer: &mut Layer, problems: &mut Vec<Problem>) {
    if let Some(key) = keys::find(&name) {
        layer.0.push((key.name, value));
        return;
    }
    let expected = match nearest(&name, KEYS.iter().map(|key| key.name).chain(keys::sections())) {
        Some(meant) => format!("a known key, perhaps {meant}"),
        None => "a known key".to_owned(),
    };
    problems.push(Problem {
        // A quoted key may be any text, a pasted URL among them.
        key: redact(&name.escape_debug().to_string()).into_owned(),
        origin: origin.to_owned(),
        found: "an unknown key".to_owned(),
        expected,
        kind: Kind::Wrong,
    });
}

/// The map has no order of its own; the report has.
fn sorted(map: Map<String, Value>) -> Vec<(String, Value)> {
    let mut entries: Vec<_> = map.into_iter().collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    entries
}
