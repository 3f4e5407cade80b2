//! KV v2.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Answer, Call, refused, written};

const VERSIONS_MAX: usize = 10;

#[derive(Default)]
pub(crate) struct Kv {
    secrets: BTreeMap<String, Secret>,
}

struct Secret {
    created: String,
    current: u64,
    versions: BTreeMap<u64, Version>,
}

struct Version {
    data: Value,
    created: String,
    deleted: String,
    destroyed: bool,
}

impl Version {
    fn metadata(&self, number: u64) -> Value {
        json!({
            "created_time": self.created, "deletion_time": self.deleted, "destroyed": self.destroyed, "version": number,
            "custom_metadata": null,
        })
    }
}

impl Kv {
    pub(crate) fn answer(&mut self, call: &Call<'_>, path: &str) -> Answer {
        let (what, path) = path.split_once('/').unwrap_or((path, ""));
        match (call.method, what) {
            ("GET", "data") => self.read(call, path),
            ("POST" | "PUT", "data") => self.write(call, path),
            ("DELETE", "data") => self.change(call, path, |call, version| {
                version.deleted = written(call.sources)
            }),
            ("POST" | "PUT", "delete") => self.change(call, path, |call, version| {
                version.deleted = written(call.sources)
            }),
            ("POST" | "PUT", "undelete") => self.change(call, path, |_, version| version.deleted.clear()),
            ("POST" | "PUT", "destroy") => self.change(call, path, |_, version| {
                version.data = Value::Null;
                version.destroyed = true;
            }),
            ("GET", "metadata") => self.metadata(path),
            ("DELETE", "metadata") => {
                self.secrets.remove(path);
                Ok(Value::Null)
            }
            ("LIST", "metadata") => self.list(path),
            ("POST" | "PUT", "config") => Ok(Value::Null),
            _ => Err(refused(405, "unsupported operation")),
        }
    }

    fn read(&self, call: &Call<'_>, path: &str) -> Answer {
        let secret = self.secrets.get(path).ok_or_else(|| refused(404, ""))?;
        let asked = call
            .query
            .split('&')
            .find_map(|pair| pair.strip_prefix("version="));
        let number = match asked.and_then(|number| number.parse().ok()) {
            None | Some(0) => secret.current,
            Some(number) => number,
        };
        let version = secret.versions.get(&number).ok_or_else(|| refused(404, ""))?;
        let hidden = version.destroyed || !version.deleted.is_empty();
        let data = if hidden { Value::Null } else { version.data.clone() };
        let body = json!({ "data": { "data": data, "metadata": version.metadata(number) } });
        if hidden {
            Err((404, super::enveloped(body)))
        } else {
            Ok(body)
        }
    }

    fn write(&mut self, call: &Call<'_>, path: &str) -> Answer {
        let current = self.secrets.get(path).map_or(0, |secret| secret.current);
        let expected = &call.body["options"]["cas"];
        if !expected.is_null() && expected.as_u64() != Some(current) {
            return Err(refused(
                400,
                "check-and-set parameter did not match the current version",
            ));
        }
        if !call.body["data"].is_object() {
            return Err(refused(400, "no data provided"));
        }
        let now = written(call.sources);
        let secret = self.secrets.entry(path.to_owned()).or_insert_with(|| Secret {
            created: now.clone(),
            current: 0,
            versions: BTreeMap::new(),
        });
        secret.current += 1;
        let version = Version {
            data: call.body["data"].clone(),
            created: now,
            deleted: String::new(),
            destroyed: false,
        };
        let metadata = version.metadata(secret.current);
        secret.versions.insert(secret.current, version);
        if secret.versions.len() > VERSIONS_MAX {
            secret.versions.pop_first();
        }
        Ok(json!({ "data": metadata }))
    }

    fn change(&mut self, call: &Call<'_>, path: &str, change: impl Fn(&Call<'_>, &mut Version)) -> Answer {
        let secret = self.secrets.get_mut(path).ok_or_else(|| refused(404, ""))?;
        let named = call.body["versions"].as_array();
        let numbers: Vec<u64> = match named {
            Some(numbers) => numbers
                .iter()
                .filter_map(|number| number.as_u64().or_else(|| number.as_str()?.parse().ok()))
                .collect(),
            None => vec![secret.current],
        };
        for number in numbers {
            if let Some(version) = secret.versions.get_mut(&number) {
                change(call, version);
            }
        }
        Ok(Value::Null)
    }

    fn metadata(&self, path: &str) -> Answer {
        let secret = self.secrets.get(path).ok_or_else(|| refused(404, ""))?;
        let versions = secret
            .versions
            .iter()
            .map(|(number, version)| (number.to_string(), version.metadata(*number)));
        let oldest = secret.versions.keys().next().copied().unwrap_or(0);
        Ok(json!({ "data": {
            "cas_required": false, "created_time": secret.created, "current_version": secret.current, "custom_metadata": null,
            "delete_version_after": "0s", "max_versions": 0, "oldest_version": oldest, "updated_time": secret.created,
            "versions": versions.collect::<serde_json::Map<_, _>>(),
        } }))
    }

    /// The names directly below a path; a name that goes deeper ends in a slash.
    fn list(&self, path: &str) -> Answer {
        let folder = match path.trim_end_matches('/') {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let below = self
            .secrets
            .keys()
            .filter_map(|secret| secret.strip_prefix(folder.as_str()));
        let keys: BTreeSet<&str> = below
            .filter_map(|name| name.split_inclusive('/').next())
            .collect();
        if keys.is_empty() {
            return Err(refused(404, ""));
        }
        Ok(json!({ "data": { "keys": keys } }))
    }
}
