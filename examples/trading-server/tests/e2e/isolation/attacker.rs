//! Somebody who tries every operation with everything that another has.

use serde_json::{Value, json};

use super::{KEY, NOBODYS, Victim};
use crate::echo::Echoes;
use crate::routes::Operation;
use crate::support::{Answer, Api, PASSWORD, Server, buy};

/// Somebody who knows every id of the victim.
pub(super) struct Attacker<'a> {
    tenant: &'static str,
    email: &'static str,
    echoes: &'a Echoes,
}

impl<'a> Attacker<'a> {
    pub(super) fn of(tenant: &'static str, email: &'static str, echoes: &'a Echoes) -> Self {
        Self {
            tenant,
            email,
            echoes,
        }
    }

    pub(super) async fn sign_in(&self, server: &Server) -> Api {
        let body = json!({ "email": self.email, "password": PASSWORD });
        let api = server.api().tenant(self.tenant);
        // Registers at the first time, and not again: whoever does that without end is slowed down.
        if api.post("/api/v1/auth/login", &body).await.status != 200 {
            api.post("/api/v1/auth/register", &body).await.expect(201);
        }
        server.sign_in(self.tenant, self.email).await
    }

    pub(super) async fn tries_everything(&self, server: &Server, operations: &[Operation], victim: &Victim) {
        for operation in operations {
            let api = self.sign_in(server).await;
            for known in victim.known() {
                self.tries_addresses(&api, operation, known, victim).await;
            }
        }
        // Under the victim's idempotency key: an order of his own and not the victim's answer.
        let api = self.sign_in(server).await.with("idempotency-key", KEY);
        let placed = api.post("/api/v1/orders", &buy("AAPL", "2")).await;
        assert!(!placed.headers.contains_key("idempotent-replayed"), "{placed:?}");
        self.sees_nothing(placed.expect(201), victim, &operations[0], KEY);
        // Afterwards, because an attacker may give an order of his own whatever name he likes.
        for operation in operations.iter().filter(|operation| operation.body.is_some()) {
            let api = self.sign_in(server).await;
            for known in victim.known() {
                self.tries_bodies(&api, operation, known, victim).await;
            }
        }
    }

    async fn tries_addresses(&self, api: &Api, operation: &Operation, known: &str, victim: &Victim) {
        // In the path.
        if operation.has_parameter_in_path() {
            let path = operation.path_with(&escaped(known));
            let theirs = self.send(api, operation, &path, None, known).await;
            let alias = path.replacen("/api/v1/", "/api/", 1);
            let alias = self.send(api, operation, &alias, None, known).await;
            assert_eq!(theirs.verdict(), alias.verdict(), "{path}");
            let nobodys = send(api, operation, &operation.path_with(&stranger_to(known)), None).await;
            self.sees_nothing(&theirs, victim, operation, known);
            assert_eq!(theirs.verdict(), nobodys.verdict(), "{} {known}", operation.id);
            assert!(theirs.status >= 400, "{} {known}: {theirs:?}", operation.id);
        }
        // In every parameter of the query.
        let path = operation.path_with(NOBODYS);
        for parameter in &operation.query {
            let path = format!("{path}?{parameter}={}", escaped(known));
            let answer = self.send(api, operation, &path, None, known).await;
            self.sees_nothing(&answer, victim, operation, known);
        }
    }

    async fn tries_bodies(&self, api: &Api, operation: &Operation, known: &str, victim: &Victim) {
        let path = operation.path_with(NOBODYS);
        // In every field of the body, and as a field that is not there.
        let fields = operation.body.as_ref().and_then(Value::as_object);
        let extra = ["id", "tenant_id", "account_id", "user_id", "client_order_id"];
        for field in fields
            .into_iter()
            .flat_map(|fields| fields.keys().map(String::as_str))
            .chain(extra)
        {
            let Some(mut body) = operation.body.clone() else {
                break;
            };
            body[field] = json!(known);
            let mut answer = self.send(api, operation, &path, Some(&body), known).await;
            // A name that the attacker gave an order of his own is no news to him.
            let echo = format!("\"client_order_id\":{}", json!(known));
            answer.text = answer.text.replace(&echo, "");
            self.sees_nothing(&answer, victim, operation, known);
        }
    }

    /// Sends something of the victim's, and remembers with which request.
    async fn send(
        &self,
        api: &Api,
        operation: &Operation,
        path: &str,
        body: Option<&Value>,
        known: &str,
    ) -> Answer {
        let answer = send(api, operation, path, body).await;
        self.echoes.note(&answer, known);
        answer
    }

    /// The tenant's id is no secret from its own users.
    pub(super) fn sees_nothing(&self, answer: &Answer, victim: &Victim, operation: &Operation, asked: &str) {
        let text = self.echoes.without(answer, asked);
        for (what, secret) in &victim.secrets {
            let is_own = self.tenant == "acme" && *what == "the tenant";
            assert!(
                is_own || !text.contains(secret.as_str()),
                "{} of {} shows {what} to {}: {answer:?}",
                operation.method,
                operation.path,
                self.email
            );
        }
        assert!(answer.status < 500, "{}: {answer:?}", operation.id);
    }
}

pub(super) async fn send(api: &Api, operation: &Operation, path: &str, body: Option<&Value>) -> Answer {
    let body = body.or(operation.body.as_ref());
    api.call(operation.method.clone(), path, body).await
}

/// Something of the same form that nobody has.
fn stranger_to(known: &str) -> String {
    match known.len() {
        36 => NOBODYS.to_owned(),
        _ => escaped(&known.replacen(|c: char| c.is_ascii_alphanumeric(), "0", 3)),
    }
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}
