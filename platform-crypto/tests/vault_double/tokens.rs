//! Tokens, AppRole and, roughly, policies.

use std::collections::BTreeMap;
use std::time::Duration;

use platform_core::{Sources, Timestamp};
use serde_json::{Value, json};

use super::{Answer, Call, refused, written};

pub(crate) struct Tokens {
    tokens: BTreeMap<String, Token>,
    /// By mount and name.
    roles: BTreeMap<(String, String), Role>,
    /// The paths that a policy opens.
    policies: BTreeMap<String, Vec<String>>,
}

struct Token {
    policies: Vec<String>,
    issued_at: Timestamp,
    ends_at: Option<Timestamp>,
    ttl_s: u64,
    period_s: u64,
    max_ttl_s: u64,
    renewable: bool,
}

struct Role {
    id: String,
    secrets: Vec<String>,
    settings: Value,
}

impl Tokens {
    pub(crate) fn new(root: &str, sources: &Sources) -> Self {
        let root_token = Token {
            policies: vec!["root".to_owned()],
            issued_at: sources.now(),
            ends_at: None,
            ttl_s: 0,
            period_s: 0,
            max_ttl_s: 0,
            renewable: false,
        };
        Self {
            tokens: [(root.to_owned(), root_token)].into(),
            roles: BTreeMap::new(),
            policies: BTreeMap::new(),
        }
    }

    pub(crate) fn revoke_all(&mut self) {
        self.tokens.retain(|_, token| token.policies == ["root"]);
    }

    pub(crate) fn set_policy(&mut self, name: &str, text: &str) {
        let paths = text
            .split("path \"")
            .skip(1)
            .filter_map(|rest| rest.split_once('"'));
        self.policies
            .insert(name.to_owned(), paths.map(|(path, _)| path.to_owned()).collect());
    }

    pub(crate) fn allows(&self, token: &str, path: &str, sources: &Sources) -> bool {
        let live = self
            .tokens
            .get(token)
            .filter(|token| token.ends_at.is_none_or(|ends_at| sources.now() < ends_at));
        let Some(token) = live else {
            return false;
        };
        let opens = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == pattern,
        };
        let by_policy = || {
            token
                .policies
                .iter()
                .filter_map(|name| self.policies.get(name))
                .flatten()
                .any(opens)
        };
        token.policies == ["root"]
            || path.starts_with("auth/token/") && path.ends_with("-self")
            || by_policy()
    }

    pub(crate) fn answer(&mut self, call: &Call<'_>, path: &str, token: &str) -> Answer {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["token", "lookup-self"] => Ok(json!({ "data": self.looked_up(token, call.sources) })),
            ["token", "renew-self"] => self.renewed(token, call.sources),
            ["token", "revoke-self"] => {
                self.tokens.remove(token);
                Ok(Value::Null)
            }
            ["token", "create" | "create-orphan"] => Ok(self.issued(call.body, call.sources)),
            [mount, "login"] => self.logged_in(call, mount),
            [mount, "role", name] => {
                let id = format!("role-{name}-{:x}", u32::from_be_bytes(call.sources.bytes()));
                let at = ((*mount).to_owned(), (*name).to_owned());
                let role = self.roles.entry(at).or_insert(Role {
                    id,
                    secrets: Vec::new(),
                    settings: Value::Null,
                });
                role.settings = call.body.clone();
                Ok(Value::Null)
            }
            [mount, "role", name, what] => {
                let at = ((*mount).to_owned(), (*name).to_owned());
                let role = self.roles.get_mut(&at).ok_or_else(|| refused(404, ""))?;
                if *what == "role-id" {
                    return Ok(json!({ "data": { "role_id": role.id } }));
                }
                let secret = format!("secret-{:032x}", u128::from_be_bytes(call.sources.bytes()));
                role.secrets.push(secret.clone());
                let accessor = "accessor-of-the-secret";
                let lives = json!({ "secret_id_ttl": 0, "secret_id_num_uses": 0 });
                let mut data = json!({ "secret_id": secret, "secret_id_accessor": accessor });
                data.as_object_mut()
                    .unwrap()
                    .extend(lives.as_object().unwrap().clone());
                Ok(json!({ "data": data }))
            }
            _ => Err(refused(404, "")),
        }
    }

    fn logged_in(&mut self, call: &Call<'_>, mount: &str) -> Answer {
        let given = |name: &str| call.body[name].as_str().unwrap_or_default();
        let of_this_mount = self
            .roles
            .iter()
            .filter(|((at, _), _)| at == mount)
            .map(|(_, role)| role);
        let mut named = of_this_mount.filter(|role| role.id == given("role_id"));
        let role = named.find(|role| role.secrets.iter().any(|secret| secret == given("secret_id")));
        let settings = role
            .ok_or_else(|| refused(400, "invalid role or secret ID"))?
            .settings
            .clone();
        let asked = json!({
            "ttl": settings["token_ttl"], "period": settings["token_period"],
            "explicit_max_ttl": settings["token_max_ttl"], "policies": settings["token_policies"],
        });
        Ok(self.issued(&asked, call.sources))
    }

    fn issued(&mut self, asked: &Value, sources: &Sources) -> Value {
        let period_s = seconds(&asked["period"]);
        let max_ttl_s = seconds(&asked["explicit_max_ttl"]);
        let ttl_s = match (period_s, seconds(&asked["ttl"])) {
            (0, 0) => 2_764_800,
            (0, ttl_s) => ttl_s,
            (period_s, _) => period_s,
        };
        let policies = asked["policies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let token = Token {
            policies: policies.map(str::to_owned).collect(),
            issued_at: sources.now(),
            ends_at: Some(sources.now() + Duration::from_secs(ttl_s)),
            ttl_s,
            period_s,
            max_ttl_s,
            renewable: asked["renewable"].as_bool().unwrap_or(true),
        };
        let name = format!("hvs.{:032x}", u128::from_be_bytes(sources.bytes()));
        let auth = authentication(&name, &token, ttl_s);
        self.tokens.insert(name, token);
        auth
    }

    fn renewed(&mut self, name: &str, sources: &Sources) -> Answer {
        let token = self
            .tokens
            .get_mut(name)
            .ok_or_else(|| refused(403, "permission denied"))?;
        if !token.renewable {
            return Err(refused(400, "lease is not renewable"));
        }
        let now = sources.now();
        let mut ends_at = now + Duration::from_secs(token.ttl_s);
        if token.max_ttl_s > 0 && token.period_s == 0 {
            ends_at = ends_at.min(token.issued_at + Duration::from_secs(token.max_ttl_s));
        }
        token.ends_at = Some(ends_at);
        let left_s = u64::try_from((ends_at - now).whole_seconds()).unwrap_or(0);
        Ok(authentication(name, token, left_s))
    }

    fn looked_up(&self, name: &str, sources: &Sources) -> Value {
        let token = &self.tokens[name];
        let left = token
            .ends_at
            .map_or(0, |ends_at| (ends_at - sources.now()).whole_seconds());
        json!({
            "accessor": "accessor-of-the-token", "creation_time": token.issued_at.unix_timestamp(), "creation_ttl": token.ttl_s,
            "display_name": "token", "entity_id": "", "expire_time": null, "explicit_max_ttl": token.max_ttl_s, "id": name,
            "issue_time": written(sources), "meta": null, "num_uses": 0, "orphan": true, "path": "auth/token/create",
            "policies": token.policies, "renewable": token.renewable, "ttl": left, "type": "service",
        })
    }
}

fn authentication(name: &str, token: &Token, lease_s: u64) -> Value {
    json!({ "auth": {
        "client_token": name, "accessor": "accessor-of-the-token", "policies": token.policies, "token_policies": token.policies,
        "metadata": null, "lease_duration": lease_s, "renewable": token.renewable, "entity_id": "", "token_type": "service",
        "orphan": true, "mfa_requirement": null, "num_uses": 0,
    } })
}

/// A duration as Vault takes it: seconds as a number or a text, or `10m`.
fn seconds(value: &Value) -> u64 {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (digits, unit) = text.split_at(
        text.find(|char: char| !char.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let scale = match unit {
        "h" => 3600,
        "m" => 60,
        _ => 1,
    };
    digits.parse::<u64>().unwrap_or(0) * scale
}
