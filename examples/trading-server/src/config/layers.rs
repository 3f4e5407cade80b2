//! The sources of a configuration, each reduced to known keys, and their merge.

use std::collections::HashMap;
use std::ffi::OsString;

use ::config::{Config, ConfigError, Map, Source, Value, ValueKind};

use super::keys::{self, CONFIG_ENV, ENV_PREFIX, KEYS, Key, TEST_ENV_PREFIX};
use super::nearest::nearest;
use super::problem::{Kind, Problem};
use super::{Inputs, file};
use crate::cli::Flags;

/// What one source says about known keys. Every value knows where it came from.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer(pub(super) Vec<(&'static str, Value)>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let entry = |(name, value): &(&'static str, Value)| ((*name).to_owned(), value.clone());
        Ok(self.0.iter().map(entry).collect())
    }
}

/// Merges defaults, file, environment and flags; the later one wins. What no source can mean is pushed to `problems`.
pub(super) fn merge(inputs: &Inputs<'_>, problems: &mut Vec<Problem>) -> HashMap<&'static str, Value> {
    let environment = Environment::read(&inputs.environment, problems);
    let file = match (&inputs.flags.config, environment.config) {
        (Some(path), _) => file::read(path, "flag --config", problems),
        (None, Some(path)) => file::read(&path, &format!("environment variable {CONFIG_ENV}"), problems),
        (None, None) => Layer::default(),
    };
    let merged = Config::builder()
        .add_source(defaults())
        .add_source(file)
        .add_source(environment.layer)
        .add_source(flags(inputs.flags))
        .build();
    match merged {
        Ok(config) => flatten(&config.cache),
        Err(error) => {
            // The layers hold known keys only, so their names are paths and the merge cannot fail; should it ever, the
            // kind of the failure is said and none of the values.
            problems.push(Problem {
                key: "the configuration".to_owned(),
                origin: "all sources".to_owned(),
                found: match error {
                    ConfigError::PathParse { .. } => "a key that is not a path".to_owned(),
                    _ => "sources that cannot be merged".to_owned(),
                },
                expected: "sources that can be merged".to_owned(),
                kind: Kind::Wrong,
            });
            flatten(&Value::new(None, Map::<String, Value>::new()))
        }
    }
}

/// Was this value written as text because its source knows nothing else?
pub(super) fn is_text_only(value: &Value) -> bool {
    let origin = value.origin().unwrap_or_default();
    origin == DEFAULT || origin.starts_with("environment variable ") || origin.starts_with("flag ")
}

const DEFAULT: &str = "default";

fn defaults() -> Layer {
    let known = KEYS.iter().filter_map(|key| Some((key, key.default?)));
    Layer(known.map(|(key, text)| entry(key, DEFAULT, text)).collect())
}

fn flags(flags: &Flags) -> Layer {
    let given = [
        ("listen", &flags.listen),
        ("data_dir", &flags.data_dir),
        ("market.replay", &flags.replay),
        ("market.replay_speed", &flags.replay_speed),
        ("demo.mode", &flags.demo),
    ];
    let known = given
        .into_iter()
        .filter_map(|(name, text)| Some((keys::find(name)?, text.as_ref()?)));
    Layer(
        known
            .map(|(key, text)| entry(key, &format!("flag {}", key.flag.unwrap_or_default()), text))
            .collect(),
    )
}

fn entry(key: &'static Key, origin: &str, text: &str) -> (&'static str, Value) {
    (key.name, Value::new(Some(&origin.to_owned()), text))
}

/// The environment, reduced to what concerns the server.
struct Environment {
    layer: Layer,
    config: Option<String>,
}

impl Environment {
    fn read(variables: &[(OsString, OsString)], problems: &mut Vec<Problem>) -> Self {
        let mut known = Self {
            layer: Layer::default(),
            config: None,
        };
        let mut variables: Vec<_> = variables
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        variables.sort_unstable();
        for (name, value) in variables {
            let key = KEYS.iter().find(|key| key.env == name);
            if key.is_none() && name != CONFIG_ENV && is_foreign(name, value.to_str().unwrap_or_default()) {
                continue;
            }
            match (key, value.to_str()) {
                (Some(key), Some(text)) => {
                    let origin = format!("environment variable {name}");
                    known.layer.0.push(entry(key, &origin, text));
                }
                (None, Some(text)) if name == CONFIG_ENV => known.config = Some(text.to_owned()),
                (Some(_), None) => problems.push(not_unicode(name, key)),
                (None, None) if name == CONFIG_ENV => problems.push(not_unicode(name, None)),
                (None, _) => problems.push(unknown_variable(name)),
            }
        }
        known
    }
}

/// Container platforms describe a service called "platform" in variables that share our prefix.
fn is_foreign(name: &str, value: &str) -> bool {
    let is_link = ["_SERVICE_HOST", "_SERVICE_PORT"]
        .iter()
        .any(|part| name.contains(part))
        || name.contains("_PORT_")
        || ["tcp://", "udp://"]
            .iter()
            .any(|scheme| value.starts_with(scheme));
    !name.starts_with(ENV_PREFIX) || name.starts_with(TEST_ENV_PREFIX) || is_link
}

fn not_unicode(name: &str, key: Option<&Key>) -> Problem {
    Problem {
        key: key.map_or("config", |key| key.name).to_owned(),
        origin: format!("environment variable {name}"),
        found: "bytes that are not UTF-8".to_owned(),
        expected: "text".to_owned(),
        kind: Kind::Wrong,
    }
}

fn unknown_variable(name: &str) -> Problem {
    let names = KEYS.iter().map(|key| key.env).chain([CONFIG_ENV]);
    let expected = match nearest(name, names) {
        Some(meant) => format!("a known variable, perhaps {meant}"),
        None => "a known variable".to_owned(),
    };
    Problem {
        key: name.to_owned(),
        origin: "environment".to_owned(),
        found: "an unknown variable".to_owned(),
        expected,
        kind: Kind::Wrong,
    }
}

/// The merged tree as one flat map by the names of the keys.
fn flatten(root: &Value) -> HashMap<&'static str, Value> {
    let at = |name: &str| {
        name.split('.').try_fold(root, |value, part| match &value.kind {
            ValueKind::Table(table) => table.get(part),
            _ => None,
        })
    };
    KEYS.iter()
        .filter_map(|key| Some((key.name, at(key.name)?.clone())))
        .collect()
}
