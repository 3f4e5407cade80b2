//! A client of the API.

use std::net::SocketAddr;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::eventually;

/// A client with the headers it sends.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    address: SocketAddr,
    headers: HeaderMap,
    token: Option<String>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Api {
    pub(crate) fn new(address: SocketAddr) -> Self {
        // The client for Vault has taken the default out of this one. A second time nothing happens.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(std::time::Duration::from_secs(30))
            .build()
            .unwrap();
        Self {
            http,
            address,
            headers: HeaderMap::new(),
            token: None,
        }
    }

    /// The same client with one more header.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut other = self.clone();
        other.set(name, value);
        other
    }

    /// Sends one more header from now on.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
    }

    pub(crate) fn tenant(&self, slug: &str) -> Self {
        self.with("x-tenant", slug)
    }

    pub(crate) fn bearer(&self, token: &str) -> Self {
        let mut other = self.with("authorization", &format!("Bearer {token}"));
        other.token = Some(token.to_owned());
        other
    }

    /// The same client at the address of a server that was started again.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self {
            address,
            ..self.clone()
        }
    }

    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    pub(crate) async fn sign_in(&self, tenant: &str, email: &str, password: &str) -> Self {
        let body = json!({ "email": email, "password": password });
        let answer = self.tenant(tenant).post("/api/v1/auth/login", &body).await;
        answer.expect(200);
        self.bearer(answer.json()["token"].as_str().unwrap())
    }

    /// A client of a new user of the tenant.
    pub(crate) async fn register(&self, tenant: &str, email: &str) -> Self {
        let body = json!({ "email": email, "password": super::PASSWORD });
        let answer = self.tenant(tenant).post("/api/v1/auth/register", &body).await;
        answer.expect(201);
        self.bearer(answer.json()["token"].as_str().unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let text = body.map(Value::to_string);
        self.raw(method, path, text.map(|text| ("application/json", text.into())))
            .await
    }

    /// Sends a body of any kind, or none.
    pub(crate) async fn raw(&self, method: Method, path: &str, body: Option<(&str, Vec<u8>)>) -> Answer {
        self.try_raw(method, path, body).await.unwrap()
    }

    /// The same, where the server may be gone.
    pub(crate) async fn try_raw(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> reqwest::Result<Answer> {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.http.request(method, url).headers(self.headers.clone());
        if let Some((media_type, bytes)) = body {
            request = request.header("content-type", media_type).body(bytes);
        }
        let response = request.send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await?,
        })
    }

    /// The current quote of a symbol, as soon as there is one.
    pub(crate) async fn quote(&self, symbol: &str) -> Value {
        let path = format!("/api/v1/quotes/{symbol}");
        eventually("a quote", || async {
            let answer = self.get(&path).await;
            (answer.status == 200).then(|| answer.json())
        })
        .await
    }

    /// Places an order, as soon as there is a market, and answers the outcome.
    pub(crate) async fn order(&self, ticket: &Value) -> Value {
        eventually("an order to be taken", || async {
            let answer = self.post("/api/v1/orders", ticket).await;
            (answer.status != 503).then(|| answer.expect(201).json())
        })
        .await
    }

    /// An order of one's own, once it has this status.
    pub(crate) async fn order_in(&self, id: &str, status: &str) -> Value {
        let path = format!("/api/v1/orders/{id}");
        eventually(&format!("the order to be {status}"), || async {
            let order = self.get(&path).await.expect(200).json();
            (order["status"] == status).then_some(order)
        })
        .await
    }

    /// Every row of a list, page by page.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self
                .get(&format!("{path}?limit=200{cursor}"))
                .await
                .expect(200)
                .json();
            rows.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless the answer has this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The code of a problem document. Fails when the answer is something else.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        let media_type = self.headers.get("content-type").map(HeaderValue::as_bytes);
        assert_eq!(media_type, Some(&b"application/problem+json"[..]), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"].to_string(), self.status.to_string(), "{self:?}");
        let code = problem["code"].as_str().unwrap_or_default();
        assert!(!code.is_empty(), "a problem without a code: {self:?}");
        code.to_owned()
    }

    /// Status and, for an error, code.
    #[track_caller]
    pub(crate) fn verdict(&self) -> (u16, String) {
        match self.status {
            400.. => (self.status, self.code()),
            _ => (self.status, String::new()),
        }
    }
}

/// A market order.
pub(crate) fn buy(symbol: &str, quantity: &str) -> Value {
    json!({ "symbol": symbol, "side": "buy", "order_type": "market", "quantity": quantity })
}

/// A limit order that works until it is cancelled.
pub(crate) fn limit_buy(symbol: &str, quantity: &str, limit_price: &str) -> Value {
    json!({
        "symbol": symbol, "side": "buy", "order_type": "limit", "quantity": quantity, "limit_price": limit_price,
        "time_in_force": "gtc",
    })
}
