//! A stand-in for HashiCorp Vault, for the tests: KV v2, transit, AppRole and tokens over HTTP on a port of this machine.
//!
//! It follows the documented interface and the texts of a real server's errors where callers tell them apart: a deleted version is a 404
//! with metadata, a wrong check-and-set a 400, a derived key wants a context, `rewrap` knows no associated data. It encrypts for real
//! (AES-256-GCM, HKDF-SHA256 over the context). It does not follow the policies' capabilities, leases of secrets, or batches.

mod kv;
mod tokens;
mod transit;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use platform_core::Sources;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const ROOT_TOKEN: &str = "hvs.root-of-the-double";

/// A running double. It ends with this value.
pub(crate) struct VaultDouble {
    address: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// How the double answers, for the tests of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// 503 to everything.
    Sealed,
    /// 503 to so many requests, then well.
    SealedFor(u32),
    /// Takes a request and never answers.
    Silent,
    /// 403 to everything but logins.
    Forbidding,
}

struct Shared {
    sources: Sources,
    state: Mutex<Double>,
}

struct Double {
    mood: Mood,
    requests: Vec<String>,
    told: Vec<String>,
    tokens: tokens::Tokens,
    mounts: BTreeMap<String, Engine>,
}

enum Engine {
    Kv(kv::Kv),
    Transit(transit::Transit),
}

/// What a request asks for, below `/v1/`.
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    body: &'a Value,
    sources: &'a Sources,
}

/// A status, and what stands in the answer beside the envelope.
type Answer = Result<Value, (u16, Value)>;

fn refused(status: u16, message: &str) -> (u16, Value) {
    let errors = if message.is_empty() {
        json!([])
    } else {
        json!([message])
    };
    (status, json!({ "errors": errors }))
}

impl VaultDouble {
    /// Starts a double that reads the time and draws its keys from `sources`.
    pub(crate) async fn start(sources: &Sources) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Double {
            mood: Mood::Well,
            requests: Vec::new(),
            told: Vec::new(),
            tokens: tokens::Tokens::new(ROOT_TOKEN, sources),
            mounts: BTreeMap::new(),
        };
        let shared = Arc::new(Shared {
            sources: sources.clone(),
            state: Mutex::new(state),
        });
        let router = Router::new().fallback(serve).with_state(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            shared,
            server,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Ends every token but the root token, as an operator does after a leak.
    pub(crate) fn revoke_tokens(&self) {
        self.state().tokens.revoke_all();
    }

    /// How many requests there were below a path such as `auth/approle/login`.
    pub(crate) fn requests(&self, path: &str) -> usize {
        self.state()
            .requests
            .iter()
            .filter(|request| request.starts_with(path))
            .count()
    }

    /// Everything secret that it was told so far: what was to be encrypted, and the values of secrets.
    pub(crate) fn told(&self) -> Vec<String> {
        self.state().told.clone()
    }

    fn state(&self) -> MutexGuard<'_, Double> {
        self.shared.state.lock().unwrap()
    }
}

impl Drop for VaultDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().strip_prefix("/v1/").unwrap_or_default();
    let token = headers
        .get("x-vault-token")
        .and_then(|token| token.to_str().ok())
        .unwrap_or_default();
    let query = uri.query().unwrap_or_default();
    let listing = method == Method::GET && query.contains("list=true");
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let call = Call {
        method: if listing { "LIST" } else { method.as_str() },
        path,
        query,
        body: &body,
        sources: &shared.sources,
    };
    let Some(answer) = shared.state.lock().unwrap().answer(&call, token) else {
        return pending().await;
    };
    let (status, body) = match answer {
        Ok(Value::Null) => return StatusCode::NO_CONTENT.into_response(),
        Ok(body) => (200, enveloped(body)),
        Err((status, body)) => (status, body),
    };
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

/// The answer of an engine with everything that Vault puts around it.
fn enveloped(body: Value) -> Value {
    let mut envelope = json!({
        "request_id": "7d1c2f3a-0000-0000-0000-000000000000", "lease_id": "", "lease_duration": 0, "renewable": false,
        "data": null, "auth": null, "wrap_info": null, "warnings": null,
    });
    for (name, value) in body.as_object().unwrap() {
        envelope[name] = value.clone();
    }
    envelope
}

impl Double {
    /// `None` is silence.
    fn answer(&mut self, call: &Call<'_>, token: &str) -> Option<Answer> {
        self.requests.push(call.path.to_owned());
        let fields = call.body["data"].as_object().into_iter().flatten();
        let secrets = fields.map(|(_, value)| value).chain([&call.body["plaintext"]]);
        self.told
            .extend(secrets.filter_map(|secret| secret.as_str().map(str::to_owned)));
        let login = call.path.ends_with("/login");
        match self.mood {
            Mood::Silent => return None,
            Mood::Sealed => return Some(Err(refused(503, "Vault is sealed"))),
            Mood::SealedFor(left) => {
                self.mood = if left > 1 {
                    Mood::SealedFor(left - 1)
                } else {
                    Mood::Well
                };
                return Some(Err(refused(503, "Vault is sealed")));
            }
            Mood::Forbidding if !login => return Some(Err(refused(403, "permission denied"))),
            Mood::Forbidding | Mood::Well => {}
        }
        if !login && !self.tokens.allows(token, call.path, call.sources) {
            return Some(Err(refused(403, "permission denied")));
        }
        let (head, rest) = call.path.split_once('/').unwrap_or((call.path, ""));
        Some(match head {
            "auth" => self.tokens.answer(call, rest, token),
            "sys" => self.system(call, rest),
            mount => match self.mounts.get_mut(mount) {
                Some(Engine::Kv(kv)) => kv.answer(call, rest),
                Some(Engine::Transit(transit)) => transit.answer(call, rest),
                None => Err(refused(404, "no handler for route. route entry not found.")),
            },
        })
    }

    fn system(&mut self, call: &Call<'_>, path: &str) -> Answer {
        let (what, name) = path.split_once('/').unwrap_or((path, ""));
        match what {
            "mounts" if self.mounts.contains_key(name) => Err(refused(400, "path is already in use")),
            "mounts" => {
                let engine = match call.body["type"].as_str() {
                    Some("kv-v2" | "kv") => Engine::Kv(kv::Kv::default()),
                    Some("transit") => Engine::Transit(transit::Transit::default()),
                    _ => return Err(refused(400, "plugin not found in the catalog")),
                };
                self.mounts.insert(name.to_owned(), engine);
                Ok(Value::Null)
            }
            "auth" => Ok(Value::Null),
            "policy" | "policies" => {
                let name = name.strip_prefix("acl/").unwrap_or(name);
                self.tokens
                    .set_policy(name, call.body["policy"].as_str().unwrap_or_default());
                Ok(Value::Null)
            }
            _ => Err(refused(404, "")),
        }
    }
}

/// The time as Vault writes it.
fn written(sources: &Sources) -> String {
    sources
        .now()
        .format(&platform_core::time::format_description::well_known::Rfc3339)
        .unwrap()
}
