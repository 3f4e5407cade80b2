//! Typed reading of merged values. A value that does not fit becomes a problem and a stand-in is returned, so that reading
//! goes on and every problem is found.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use ::config::{Value, ValueKind};
use secrecy::SecretString;

use super::layers::is_text_only;
use super::problem::{Kind, Problem, describe, quote};
use super::{file, keys};

pub(super) struct Reader {
    values: HashMap<&'static str, Value>,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn new(values: HashMap<&'static str, Value>, problems: Vec<Problem>) -> Self {
        Self { values, problems }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Text; `None` when no source gives it or what it gives is not text.
    pub(super) fn text(&mut self, name: &str, expected: &str) -> Option<String> {
        match &self.values.get(name)?.kind {
            ValueKind::String(text) => Some(text.clone()),
            _ => {
                self.wrong(name, expected);
                None
            }
        }
    }

    /// Text that `read` turns into a `T`.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name, expected)?;
        let value = read(&text);
        if value.is_none() {
            self.wrong(name, expected);
        }
        value
    }

    /// A secret that `check` accepts; its refusal says what is wrong in words that do not contain the value.
    pub(super) fn secret(
        &mut self,
        name: &str,
        expected: &str,
        check: impl FnOnce(&str) -> Result<(), &'static str>,
    ) -> Option<SecretString> {
        let text = self.text(name, expected)?;
        match check(&text) {
            Ok(()) => Some(SecretString::from(text)),
            Err(why) => {
                self.problem(name, format!("a value that {why} (not shown)"), expected);
                None
            }
        }
    }

    /// A secret that stands under `name`, or in the file that `file` names.
    pub(super) fn secret_or_file(
        &mut self,
        (name, file): (&str, &str),
        expected: &str,
        check: impl FnOnce(&str) -> Result<(), &'static str>,
    ) -> Option<SecretString> {
        let Some(path) = self.text(file, "a readable file that holds nothing but the secret") else {
            return self.secret(name, expected, check);
        };
        if self.is_given(name) {
            self.problem(
                file,
                "a file beside the secret itself",
                format!("{name} or this, not both"),
            );
            return None;
        }
        match file::secret(&path) {
            Ok(text) => match check(&text) {
                Ok(()) => Some(SecretString::from(text)),
                Err(why) => {
                    self.problem(file, format!("a file whose content {why} (not shown)"), expected);
                    None
                }
            },
            Err(why) => {
                let expected = "a readable file that holds nothing but the secret";
                self.missing(file, format!("{}, {why}", quote(&path)), expected);
                None
            }
        }
    }

    /// Does any source say something about this key?
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(super) fn whole(&mut self, name: &str, range: RangeInclusive<u64>) -> u64 {
        let number = self.values.get(name).and_then(|value| match &value.kind {
            ValueKind::I64(number) => u64::try_from(*number).ok(),
            ValueKind::U64(number) => Some(*number),
            ValueKind::String(text) if is_text_only(value) => text.parse().ok(),
            _ => None,
        });
        match number {
            Some(number) if range.contains(&number) => number,
            _ => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                self.wrong(name, &expected);
                *range.start()
            }
        }
    }

    /// As [`Self::whole`], for bounds that fit the target type.
    pub(super) fn number<T: TryFrom<u64> + Default>(&mut self, name: &str, range: RangeInclusive<u64>) -> T {
        T::try_from(self.whole(name, range)).unwrap_or_default()
    }

    /// As [`Self::number`], for a key without a default.
    pub(super) fn optional_number<T>(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<T>
    where
        T: TryFrom<u64> + Default,
    {
        self.is_given(name).then(|| self.number(name, range))
    }

    pub(super) fn millis(&mut self, name: &str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.whole(name, range))
    }

    pub(super) fn truth(&mut self, name: &str) -> bool {
        let truth = self.values.get(name).and_then(|value| match &value.kind {
            ValueKind::Boolean(truth) => Some(*truth),
            ValueKind::String(text) if is_text_only(value) => text.parse().ok(),
            _ => None,
        });
        if truth.is_none() {
            self.wrong(name, "true or false");
        }
        truth.unwrap_or_default()
    }

    /// A number from 0 to 1.
    pub(super) fn ratio(&mut self, name: &str) -> f64 {
        let number = self.values.get(name).and_then(|value| match &value.kind {
            ValueKind::Float(number) => Some(*number),
            ValueKind::I64(number) => i32::try_from(*number).ok().map(f64::from),
            ValueKind::String(text) if is_text_only(value) => text.parse().ok(),
            _ => None,
        });
        match number {
            Some(number) if (0.0..=1.0).contains(&number) => number,
            _ => {
                self.wrong(name, "a number from 0.0 to 1.0");
                0.0
            }
        }
    }

    /// One of several words. The first one stands in for a wrong one.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let expected = match words.split_last() {
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        };
        self.parsed(name, &expected, |text| {
            let chosen = choices.iter().find(|(word, _)| *word == text)?;
            Some(chosen.1)
        })
    }

    /// A list in the file; text with commas elsewhere.
    pub(super) fn list<T>(&mut self, name: &str, each: &str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let Some(value) = self.values.get(name) else {
            return Vec::new();
        };
        let items: Vec<Value> = match &value.kind {
            ValueKind::Array(items) => items.clone(),
            ValueKind::String(text) if is_text_only(value) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::new(value.origin().map(str::to_owned).as_ref(), item))
                .collect(),
            _ => {
                self.wrong(name, &format!("a list, each item {each}"));
                return Vec::new();
            }
        };
        let mut read_items = Vec::with_capacity(items.len());
        for item in items {
            let read_item = match &item.kind {
                ValueKind::String(text) => read(text),
                _ => None,
            };
            match read_item {
                Some(item) => read_items.push(item),
                None => self.problem(name, format!("the item {}", describe(&item)), each),
            }
        }
        read_items
    }

    /// Has nothing been said against these keys so far? A contradiction between keys is worth naming only then.
    pub(super) fn is_sound(&self, names: &[&str]) -> bool {
        !self
            .problems
            .iter()
            .any(|problem| names.contains(&problem.key.as_str()))
    }

    /// Where the value of `name` came from.
    pub(super) fn origin(&self, name: &str) -> String {
        let value = self.values.get(name);
        value.and_then(Value::origin).unwrap_or("default").to_owned()
    }

    pub(super) fn problem(&mut self, name: &str, found: impl Into<String>, expected: impl Into<String>) {
        self.push(name, found.into(), expected.into(), Kind::Wrong);
    }

    pub(super) fn missing(&mut self, name: &str, found: String, expected: &str) {
        self.push(name, found, expected.to_owned(), Kind::MissingFile);
    }

    /// What stands under `name` is not `expected`.
    pub(super) fn wrong(&mut self, name: &str, expected: &str) {
        let is_secret = keys::find(name).is_none_or(|key| key.secret);
        let found = match self.values.get(name) {
            Some(_) if is_secret => "a value of another type (not shown)".to_owned(),
            Some(value) => describe(value),
            None => "nothing".to_owned(),
        };
        self.problem(name, found, expected);
    }

    fn push(&mut self, name: &str, found: String, expected: String, kind: Kind) {
        self.problems.push(Problem {
            key: name.to_owned(),
            origin: self.origin(name),
            found,
            expected,
            kind,
        });
    }
}
