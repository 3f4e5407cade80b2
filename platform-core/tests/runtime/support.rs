//! A module made of closures, a served platform, and a client that speaks just enough HTTP.

use std::net::SocketAddr;

use async_trait::async_trait;
use platform_core::http::{AuthOutcome, Authenticate};
use platform_core::metrics::Metrics;
use platform_core::runtime::{
    BuildCx, CancellationToken, Descriptor, Module, ModuleError, Outcome, Parts, Platform, PlatformBuilder,
    ShutdownConfig,
};
use platform_core::{Permission, Principal, PrincipalId, RequestContext, RequestMeta, Sources, TenantId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type Build = dyn Fn(&mut BuildCx<'_>) -> Result<Parts, ModuleError> + Send + Sync;

pub(crate) struct TestModule {
    descriptor: Descriptor,
    build: Box<Build>,
}

/// A module that contributes nothing.
pub(crate) fn module(descriptor: Descriptor) -> TestModule {
    building(descriptor, |_| Ok(Parts::default()))
}

/// A module that contributes what the function returns.
pub(crate) fn building(
    descriptor: Descriptor,
    build: impl Fn(&mut BuildCx<'_>) -> Result<Parts, ModuleError> + Send + Sync + 'static,
) -> TestModule {
    TestModule {
        descriptor,
        build: Box::new(build),
    }
}

impl Module for TestModule {
    fn descriptor(&self) -> Descriptor {
        self.descriptor.clone()
    }

    fn build(&self, cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
        (self.build)(cx)
    }
}

pub(crate) fn builder() -> PlatformBuilder {
    Platform::without_database(Sources::system(), Metrics::new())
}

/// A platform of the service's own parts.
pub(crate) fn platform(parts: Parts) -> Platform {
    builder().parts(parts).build().unwrap()
}

/// A platform that is being served.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) insist: CancellationToken,
    outcome: JoinHandle<Outcome>,
}

impl Served {
    pub(crate) async fn start(platform: Platform, config: ShutdownConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, insist) = (CancellationToken::new(), CancellationToken::new());
        let (stopped, second) = (stop.clone(), insist.clone());
        let signal = async move {
            stopped.cancelled().await;
            second
        };
        let outcome = tokio::spawn(platform.serve(listener, config, signal));
        Self {
            address,
            stop,
            insist,
            outcome,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.outcome.is_finished()
    }

    pub(crate) fn abort(self) {
        self.outcome.abort();
    }

    pub(crate) async fn outcome(self) -> Outcome {
        self.outcome.await.unwrap()
    }

    pub(crate) async fn stop(self) -> Outcome {
        self.stop.cancel();
        self.outcome().await
    }
}

pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends a request after which the server closes the connection.
    pub(crate) async fn send(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).await.unwrap();
        text
    }
}

/// The status and the body of a GET.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut client = Client::connect(address).await;
    client.send(path).await;
    parse(&client.rest().await)
}

pub(crate) fn parse(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Knows everybody who sends `authorization`, and gives them these permissions.
pub(crate) struct Everybody(pub(crate) Vec<Permission>);

#[async_trait]
impl Authenticate for Everybody {
    async fn authenticate(
        &self,
        parts: &platform_core::axum::http::request::Parts,
        meta: &RequestMeta,
    ) -> AuthOutcome {
        if !parts.headers.contains_key("authorization") {
            return AuthOutcome::NotPresent;
        }
        let sources = Sources::system();
        let permissions = self.0.iter().copied().collect();
        let principal = Principal::user(PrincipalId::generate(&sources), permissions);
        let tenant = TenantId::generate(&sources);
        AuthOutcome::Authenticated(RequestContext::authenticated(tenant, principal, meta.clone()))
    }
}
