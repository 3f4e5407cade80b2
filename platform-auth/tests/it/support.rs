//! A service with sign-in, in this process, on a clock that stands still.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use platform_audit::AuditLog;
use platform_auth::{
    Auth, AuthConfig, MailConfig, Role, SealedInvitation, SealedMail, SealedTotp, SealedUser,
};
use platform_core::embedded::{Binaries, SearchPath};
use platform_core::http::{HttpConfig, HttpStack};
use platform_core::metrics::Metrics;
use platform_core::pg::{Db, Migrations, Tenants};
use platform_core::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use platform_core::testing::TestDb;
use platform_core::{ManualClock, OsRandom, PrincipalId, Sources, TenantId, axum};
use platform_crypto::{Keyring, SUBJECTS_ERASE, SUBJECTS_HOLD};
use serde_json::{Value, json};
use time::macros::datetime;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use crate::authenticator::Authenticator;
pub(crate) use crate::postbox::{Postbox, Received};
pub(crate) use switched::{Switched, SwitchedStore};

// This file is part of several programs, of each under another path.
#[path = "switched.rs"]
mod switched;

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct App {
    pub(crate) test: TestDb,
    pub(crate) db: Db,
    pub(crate) auth: Auth,
    pub(crate) keys: Keyring,
    /// The provider of the root key, to be switched off.
    pub(crate) root: Arc<Switched>,
    /// The store of erasures, to be switched off.
    pub(crate) erasures: Arc<SwitchedStore>,
    pub(crate) clock: Arc<ManualClock>,
    /// Where mail goes, of an app that sends some.
    pub(crate) post: Arc<Postbox>,
    router: Router,
}

/// The schemas that users need.
pub(crate) const SCHEMAS: [&Migrations; 3] = [
    &platform_crypto::MIGRATIONS,
    &platform_audit::MIGRATIONS,
    &platform_auth::MIGRATIONS,
];

/// A tenant and the slug that names it.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) id: TenantId,
    pub(crate) slug: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

pub(crate) struct Call {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    from: Option<SocketAddr>,
}

impl App {
    pub(crate) async fn new() -> Self {
        Self::with(AuthConfig::default()).await
    }

    // The futures of `TestDb` are large, hence the boxes.
    pub(crate) async fn with(config: AuthConfig) -> Self {
        let test = Box::pin(TestDb::shared(&SCHEMAS)).await;
        Self::on(test, config).await
    }

    /// With a database that no other test uses.
    pub(crate) async fn own() -> Self {
        let test = Box::pin(TestDb::own(&SCHEMAS)).await;
        Self::on(test, AuthConfig::default()).await
    }

    /// With mail.
    pub(crate) async fn mailing() -> Self {
        Self::mailing_with(AuthConfig::default()).await
    }

    pub(crate) async fn mailing_with(config: AuthConfig) -> Self {
        let test = Box::pin(TestDb::shared(&SCHEMAS)).await;
        Self::mailing_on(test, config).await
    }

    /// With mail, and a database that no other test uses.
    pub(crate) async fn mailing_own() -> Self {
        let test = Box::pin(TestDb::own(&SCHEMAS)).await;
        Self::mailing_on(test, AuthConfig::default()).await
    }

    pub(crate) async fn mailing_on(test: TestDb, config: AuthConfig) -> Self {
        Self::linking_on(test, config, None).await
    }

    /// With mail in which there are links.
    pub(crate) async fn linking_on(test: TestDb, mut config: AuthConfig, base: Option<&str>) -> Self {
        let post = Arc::new(Postbox::default());
        let mut mail = MailConfig::new(post.clone());
        mail.link_base = base.map(str::to_owned);
        if let Some(wanted) = config.mail.take() {
            mail.made_users = wanted.made_users;
        }
        config.mail = Some(mail);
        let app = Self::on(test, config).await;
        Self { post, ..app }
    }

    /// The mail that is due, sent.
    pub(crate) async fn mails(&self) -> Vec<Received> {
        self.auth.settle_mail_requests().await;
        self.auth.deliver_mail().await.unwrap();
        self.post.take()
    }

    /// With a database that another service uses as well, on a clock of its own. Every request asks the database: what is remembered
    /// between requests has tests of its own.
    pub(crate) async fn on(test: TestDb, mut config: AuthConfig) -> Self {
        config.sessions.cache_age = Duration::ZERO;
        Self::remembering_on(test, config).await
    }

    /// The same, which remembers sessions as the configuration says.
    pub(crate) async fn remembering_on(test: TestDb, config: AuthConfig) -> Self {
        let clock = Arc::new(ManualClock::starting_at(datetime!(2026-01-02 03:04:05 UTC)));
        let sources = Sources::shared(clock.clone(), Arc::new(OsRandom));
        let db = test.connect_with_sources(sources.clone()).await;
        let tenants = Tenants::new(&db);
        let audit = AuditLog::new(sources.clone());
        let root = Arc::new(Switched::over(platform_crypto::testing::root(&sources)));
        let erasures = Arc::new(SwitchedStore::default());
        let keys = Keyring::builder(&db, root.clone())
            .erasure(erasures.clone())
            .log(Arc::new(audit.clone()))
            .sealed::<SealedUser>()
            .sealed::<SealedTotp>()
            .sealed::<SealedMail>()
            .sealed::<SealedInvitation>()
            .open()
            .await
            .unwrap();
        let config = config
            .grant(Role::Admin, SUBJECTS_ERASE)
            .grant(Role::Admin, SUBJECTS_HOLD);
        let auth = Auth::new(&db, &keys, &audit, config);
        let http = HttpConfig {
            rate_limit: None,
            ..HttpConfig::default()
        };
        let (routes, _) = OpenApiRouter::new()
            .nest("/api/v1", auth.api_routes())
            .nest("/admin/v1", auth.admin_routes())
            .nest("/platform/v1", auth.platform_routes())
            .split_for_parts();
        let router = HttpStack::new(http, sources, &Metrics::new())
            .authenticate_with(Arc::new(auth.clone()))
            .tell_refusals(Arc::new(auth.clone()))
            .resolve_with(Arc::new(tenants))
            .wrap(routes.nest("/api", Router::from(auth.api_routes())));
        Self {
            test,
            db,
            auth,
            keys,
            root,
            erasures,
            clock,
            post: Arc::default(),
            router,
        }
    }

    pub(crate) async fn place(&self) -> Place {
        let id = self.test.tenant().await;
        let tenant = Tenants::new(&self.test.db()).by_id(id).await.unwrap().unwrap();
        Place {
            id,
            slug: tenant.slug.to_string(),
        }
    }

    /// The whole service, to be served on an address.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        let mut request = Request::builder().method(call.method).uri(call.path);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(call.body)).unwrap();
        if let Some(from) = call.from {
            request.extensions_mut().insert(ConnectInfo(from));
        }
        let response = self.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn register(&self, place: &Place, email: &str) -> Answer {
        self.send(
            Call::post("/api/v1/auth/register")
                .at(place)
                .json(&credentials(email, PASSWORD)),
        )
        .await
    }

    pub(crate) async fn sign_in(&self, place: &Place, email: &str, password: &str) -> Answer {
        self.send(
            Call::post("/api/v1/auth/login")
                .at(place)
                .json(&credentials(email, password)),
        )
        .await
    }

    /// Sends a body to a route of the users.
    pub(crate) async fn post(&self, place: &Place, path: &str, body: &Value) -> Answer {
        self.send(Call::post(&format!("/api/v1/auth/{path}")).at(place).json(body))
            .await
    }

    /// Sends a body to a route of the users, as one of them.
    pub(crate) async fn post_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.send(
            Call::post(&format!("/api/v1/auth/{path}"))
                .bearer(token)
                .json(body),
        )
        .await
    }

    pub(crate) async fn me(&self, token: &str) -> Answer {
        self.send(Call::get("/api/v1/auth/me").bearer(token)).await
    }

    /// The token of a fresh user.
    pub(crate) async fn user(&self, place: &Place, email: &str) -> String {
        let answer = self.register(place, email).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.token()
    }

    /// The token of a fresh user who has verified the address, of an app that sends mail.
    pub(crate) async fn verified_user(&self, place: &Place, email: &str) -> String {
        self.registered(place, email).await.token()
    }

    /// The same with the answer to the registration.
    pub(crate) async fn registered(&self, place: &Place, email: &str) -> Answer {
        let answer = self.register(place, email).await;
        let token = answer.token();
        let mails = self.mails().await;
        let to_user = mails
            .iter()
            .find(|mail| mail.to == email && mail.text.contains("pot1_"));
        let body = json!({ "token": to_user.unwrap().token() });
        self.post_as(&token, "email/verify", &body).await.expect(204);
        answer
    }

    /// The token of an admin.
    pub(crate) async fn admin(&self, place: &Place) -> String {
        self.auth
            .ensure_user(place.id, "admin@example.com", PASSWORD.into(), Role::Admin)
            .await
            .unwrap();
        self.sign_in(place, "admin@example.com", PASSWORD).await.token()
    }

    /// Everything that is in the database, as PostgreSQL writes it out.
    pub(crate) async fn dump(&self) -> String {
        let path = |name| std::env::var_os(name);
        let search = SearchPath::new(path("PG_BIN_DIR").map(Into::into), path("PATH"));
        let binaries = Binaries::find(&search).await.unwrap();
        let dumped = tokio::process::Command::new(binaries.folder().join("pg_dump"))
            .arg(format!("--dbname={}", self.test.superuser_url()))
            .output()
            .await
            .unwrap();
        assert!(
            dumped.status.success(),
            "{}",
            String::from_utf8_lossy(&dumped.stderr)
        );
        String::from_utf8(dumped.stdout).unwrap()
    }

    /// Runs a statement as only somebody with the keys to the database can: past the policies of a table and its protection.
    pub(crate) async fn by_hand(&self, table: &str, sql: impl Into<String>) -> u64 {
        let mut superuser = self.superuser().await;
        let mut tx = superuser.begin().await.unwrap();
        let mut touched = 0;
        for sql in [
            format!("alter table {table} disable trigger is_protected"),
            sql.into(),
            format!("alter table {table} enable always trigger is_protected"),
        ] {
            let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
            touched += done.rows_affected();
        }
        tx.commit().await.unwrap();
        touched
    }

    /// A connection that row-level security does not bind, to look behind the service's back.
    pub(crate) async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.test.superuser_url()).await.unwrap()
    }
}

impl Call {
    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            from: None,
        }
    }

    pub(crate) fn header(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.headers.push((name.as_ref().to_owned(), value.into()));
        self
    }

    pub(crate) fn at(self, place: &Place) -> Self {
        self.header("x-tenant", place.slug.clone())
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header(header::AUTHORIZATION, format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    pub(crate) fn raw(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header(header::CONTENT_TYPE, content_type)
    }

    pub(crate) fn from(mut self, address: &str) -> Self {
        self.from = Some(SocketAddr::new(address.parse().unwrap(), 50_000));
        self
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn token(&self) -> String {
        self.json()["token"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    pub(crate) fn user_id(&self) -> PrincipalId {
        self.json()["user"]["id"].as_str().unwrap().parse().unwrap()
    }

    /// The answer without what differs from request to request.
    pub(crate) fn anonymised(&self) -> (StatusCode, Value) {
        let mut body = self.json();
        let fields = body.as_object_mut().unwrap();
        fields.remove("request_id");
        fields.remove("instance");
        (self.status, body)
    }

    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.code().as_str()),
            (status, code),
            "{}",
            self.text
        );
    }
}

pub(crate) fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}
